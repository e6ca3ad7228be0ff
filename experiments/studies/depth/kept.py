"""Does training keep what is built?  Models that start from the hand-built weights and noise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import product

import numpy as np
import torch
from torch import Tensor

from experiments.engine import Member, Recipe, Training, best_device, train_stacked
from experiments.studies.depth.arms import APART, STUDY, VALIDATION, measured_accuracy
from experiments.studies.depth.preset import DepthPreset
from experiments.studies.depth.trained import SECONDS_A_STEP
from experiments.studies.types import Cell, Finished, Job
from parrots.two_layer import TwoLayerConfig, TwoLayerEnsemble, built_parameters, matmul_flops
from theory.instances import Pairs, planted

PANEL = "kept"


@dataclass(frozen=True)
class Setup:
    """What the cells of a size share, and what one of them adds: its noise and seed."""

    r: int
    width: int
    steps: int
    batch: int
    learning_rate: float
    noises: tuple[float, ...]
    seeds: int
    test_graphs: int
    grid: str
    noise: float
    seed: int

    @classmethod
    def of(cls, cell: Cell) -> Setup:
        return cls(**cell.settings, seed=cell.seed)

    def group(self) -> list[Setup]:
        """The members of the batched model that this one is trained in."""
        return [replace(self, noise=noise, seed=seed) for noise, seed in product(self.noises, range(self.seeds))]

    @property
    def config(self) -> TwoLayerConfig:
        return TwoLayerConfig(self.r + 2, self.width, 2 * self.width)

    @property
    def recipe(self) -> Recipe:
        """All steps, whatever the accuracy: the question is whether it stays."""
        return Recipe(self.steps, self.batch, check_every=self.steps, target=2.0, validation=VALIDATION, rates=())

    def start(self) -> dict[str, Tensor]:
        """The built weights, each number moved by Gaussian noise."""
        generator = torch.Generator().manual_seed(self.seed)
        return {
            name: value + self.noise * torch.randn(value.shape, generator=generator)
            for name, value in built_parameters(self.config).items()
        }


def jobs(preset: DepthPreset) -> tuple[Job, ...]:
    """One job for every size."""
    return tuple(_job(preset, r) for r in preset.sizes)


def _job(preset: DepthPreset, r: int) -> Job:
    first = Setup(
        r=r,
        width=preset.noise_width,
        steps=preset.noise_steps,
        batch=preset.batch,
        learning_rate=preset.noise_rate,
        noises=preset.noise,
        seeds=preset.seeds,
        test_graphs=preset.test_graphs,
        grid=f"{preset.noise_steps} steps of {preset.batch} graphs at width {preset.noise_width}, noise "
        f"{', '.join(map(str, preset.noise))}",
        noise=preset.noise[0],
        seed=0,
    )
    cells = tuple(Cell(STUDY, PANEL, asdict(setup)) for setup in first.group())
    return Job(f"kept, r = {r}", cells, run, SECONDS_A_STEP[APART] * first.steps * len(cells) * (1 + r / 64))


def flops(setup: Setup) -> int:
    """Forward and backward of the whole group."""
    return 3 * len(setup.group()) * setup.steps * setup.batch * matmul_flops(setup.config)


def run(cells: tuple[Cell, ...]) -> Iterator[Finished]:
    """Train the whole group; yield what is asked for: accuracy on the test graphs before and after."""
    device = best_device()
    first = Setup.of(cells[0])
    group, wanted = first.group(), {Setup.of(cell): cell for cell in cells}
    ensemble = TwoLayerEnsemble(first.config)
    flat = ensemble.pack([setup.start() for setup in group]).to(device)
    starts = [ensemble.member(flat, row) for row in range(len(group))]
    members = [Member(first.config, setup.seed, setup.learning_rate) for setup in group]

    def law(rng: np.random.Generator, batch: int, _: float) -> Pairs:
        return planted(rng, batch, first.r)

    for index, trained in train_stacked(members, Training(ensemble, flat, first.recipe), law):
        if group[index] not in wanted:
            continue
        before, after = (
            measured_accuracy(model, group[index].seed, first.test_graphs, device)
            for model in (starts[index], trained.model)
        )
        metrics = {"before": before, "accuracy": after}
        yield Finished(wanted[group[index]], metrics, trained.stopped, trained.seconds, device.type)
