"""Panel (b): the smallest width that answers planted instances, for dense and MoE models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from experiments.answers import sampled_accuracy
from experiments.engine import Graphs
from experiments.studies.shapes import widths
from experiments.studies.types import Cell, Finished, Job
from experiments.studies.width.preset import WidthPreset
from experiments.studies.width.training import Setup, one_job, train_cells
from parrots.model import OneLayerModel, with_value_bits

PANEL = "b-critical"
BITS = (2, 3, 4, 5, 6, 7, 8, 9, 10, 12)
BITS_GRAPHS = 4000
WORTH_ROUNDING = 0.98
"""Accuracy from which on a model is measured with rounded weights and values too."""

DENSE = "dense"
TOP_1, TOP_2 = "top-1, equal steps", "top-2, equal steps"
TOP_1_SAMPLES, TOP_2_SAMPLES = "top-1, equal samples an expert", "top-2, equal samples an expert"
DENSE_SAMPLES = "dense, K times the samples"
ARMS = (DENSE, TOP_1, TOP_2, TOP_1_SAMPLES, TOP_2_SAMPLES, DENSE_SAMPLES)
"""Equal steps: the batch of the first dense arm.  Equal samples an expert: the batch is K / top-k times as large, so
that every expert sees as many graphs as that dense block.  The last arm gives the dense model as many graphs as top-1
then has in total: without it a larger batch would look like an effect of experts."""
LARGE_BATCH = (TOP_1_SAMPLES, TOP_2_SAMPLES, DENSE_SAMPLES)


def jobs(preset: WidthPreset) -> tuple[Job, ...]:
    """One job for every size and arm."""
    return tuple(
        one_job(f"critical width, r = {r}, {arm}", PANEL, setups(preset, r, arm), preset.seeds, run)
        for r, arm in product(preset.critical_r, ARMS)
        if setups(preset, r, arm)
    )


def learning_rates(r: int) -> tuple[float, ...]:
    """Candidates: the best rate falls like the square root of r; the same for every arm."""
    return (0.02 * r**-0.5, 0.04 * r**-0.5, 0.08 * r**-0.5)


def setups(preset: WidthPreset, r: int, arm: str) -> list[Setup]:
    experts = 1 if arm in (DENSE, DENSE_SAMPLES) else preset.critical_experts
    top_k = 2 if arm in (TOP_2, TOP_2_SAMPLES) else 1
    shares = preset.critical_share_large_batch if arm in LARGE_BATCH else preset.critical_share
    batch = min(preset.critical_batch, 16 * r)
    return [
        Setup(
            r=r,
            width=m,
            hidden=4 * r,
            law="planted",
            steps=preset.critical_steps,
            batch=batch * preset.critical_experts // top_k if arm in LARGE_BATCH else batch,
            learning_rates=learning_rates(r),
            experts=experts,
            top_k=top_k,
            arm=arm,
            test_graphs=preset.test_graphs,
            grid=f"{preset.critical_steps} steps, {preset.critical_batch} graphs a step in the first arm, "
            f"K = {preset.critical_experts}, {preset.test_graphs} test graphs",
        )
        for m in widths(r, shares)
    ]


def run(cells: tuple[Cell, ...]) -> Iterator[Finished]:
    yield from train_cells(cells, measure)


def measure(setup: Setup, seed: int, model: OneLayerModel) -> Mapping[str, Any]:
    """Accuracy on fresh graphs, and the fewest bits of weights and values that keep it within reach of the target."""
    device = next(model.parameters()).device
    graphs = setup.test(seed, device)
    accuracy = sampled_accuracy(model, graphs)
    few = Graphs(graphs.present[:BITS_GRAPHS], graphs.labels[:BITS_GRAPHS])
    tried = BITS if accuracy >= WORTH_ROUNDING else ()
    by_bits = {bits: sampled_accuracy(with_value_bits(model, bits), few) for bits in tried}
    return {"accuracy": accuracy, "accuracy_by_bits": by_bits}
