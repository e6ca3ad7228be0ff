"""Panel (b), the points of depth two: trained two-layer models of logarithmic width, every seed as it came out."""

from __future__ import annotations

from collections.abc import Iterator

from experiments.answers import sampled_accuracy
from experiments.engine import Graphs, best_device, stream
from experiments.studies.types import Cell, Estimate, Finished, Job
from experiments.studies.width.preset import WidthPreset
from experiments.two_layer_training import RECIPE, logarithmic_width, members, train_two_layer
from parrots.two_layer import TwoLayerConfig, matmul_flops, parameter_count
from theory.instances import planted

PANEL = "b-two-layer"
LEARNING_RATE = 1e-2


def jobs(preset: WidthPreset) -> tuple[Job, ...]:
    """One job a size."""
    return tuple(_job(r, preset) for r in preset.two_layer_r)


def _job(r: int, preset: WidthPreset) -> Job:
    shared = {
        "r": r,
        "width": logarithmic_width(r + 2),
        "learning_rate": LEARNING_RATE,
        "steps": RECIPE.steps,
        "batch": RECIPE.batch,
        "test_graphs": preset.test_graphs,
        "grid": f"{RECIPE.steps} steps of {RECIPE.batch} graphs, {preset.test_graphs} test graphs",
    }
    cells = tuple(Cell("width", PANEL, {**shared, "seed": seed}) for seed in range(preset.seeds))
    config = members(r + 2, [0])[0].config
    return Job(f"two layers, r = {r}", cells, run, _core_seconds(config) * len(cells))


def _core_seconds(config: TwoLayerConfig) -> float:
    """About what a cell takes on one CPU core if it stops halfway, as most do."""
    return 3 * matmul_flops(config) * RECIPE.batch * RECIPE.steps / 9e11


def run(cells: tuple[Cell, ...]) -> Iterator[Finished]:
    """All seeds of one size as one batched model."""
    device = best_device()
    config = cells[0].config
    group = members(config["r"] + 2, [cell.seed for cell in cells], config["width"], config["learning_rate"])
    for index, trained in train_two_layer(group, device=device):
        cell = cells[index]
        pairs = planted(stream("test", cell.seed), config["test_graphs"], config["r"])
        metrics = {
            "steps": trained.steps,
            "validation": trained.validation,
            "accuracy": sampled_accuracy(trained.model, Graphs.of(pairs, device)),
        }
        yield Finished(cell, metrics, trained.stopped, trained.seconds, device.type)


def estimate(job: Job, device_flops: float) -> Estimate:
    """One line of ``--dry-run``."""
    config = members(job.cells[0].config["r"] + 2, [0])[0].config
    flops = 3 * matmul_flops(config) * RECIPE.batch * RECIPE.steps * len(job.cells)
    kept = len(job.cells) * (
        4 * parameter_count(config) + RECIPE.batch * config.tokens * (config.tokens + 8 * config.width)
    )
    return Estimate(job.name, len(job.cells), parameter_count(config), flops, 4 * kept, flops / device_flops / 3600)
