"""Panel (b): the smallest width that answers planted instances, for dense and MoE models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import torch

from experiments.studies.types import Cell, Finished, Job
from experiments.studies.width.preset import WidthPreset
from experiments.studies.width.training import Setup, sampled_accuracy, train_cells
from parrots.model import OneLayerModel

PANEL = "b-critical"
BITS = tuple(range(1, 13))
BITS_GRAPHS = 4000

DENSE = "dense"
TOP_1, TOP_2 = "top-1, equal steps", "top-2, equal steps"
TOP_1_SAMPLES, TOP_2_SAMPLES = "top-1, equal samples", "top-2, equal samples"
ARMS = (DENSE, TOP_1, TOP_2, TOP_1_SAMPLES, TOP_2_SAMPLES)
"""Equal steps: the batch is the dense model's.  Equal samples: the batch is so much larger that every expert sees as
many graphs as the dense block does."""


def jobs(preset: WidthPreset) -> tuple[Job, ...]:
    """One job for every size and arm."""
    return tuple(
        _job(f"critical width, r = {r}, {arm}", setups(preset, r, arm), preset)
        for r, arm in product(preset.critical_r, ARMS)
    )


def learning_rates(r: int) -> tuple[float, ...]:
    """Candidates: the best rate falls like the square root of r; the same for every arm."""
    return (0.04 * r**-0.5, 0.08 * r**-0.5)


def widths(r: int, shares: tuple[float, ...]) -> list[int]:
    return sorted({max(1, round(share * r)) for share in shares})


def setups(preset: WidthPreset, r: int, arm: str) -> list[Setup]:
    experts = 1 if arm == DENSE else preset.critical_experts
    top_k = 2 if arm in (TOP_2, TOP_2_SAMPLES) else 1
    equal_samples = arm in (TOP_1_SAMPLES, TOP_2_SAMPLES)
    shares = preset.critical_share_equal_samples if equal_samples else preset.critical_share
    return [
        Setup(
            r=r,
            width=m,
            hidden=4 * r,
            law="planted",
            steps=preset.critical_steps,
            batch=preset.critical_batch * (experts // top_k if equal_samples else 1),
            learning_rates=learning_rates(r),
            experts=experts,
            top_k=top_k,
            arm=arm,
            test_graphs=preset.test_graphs,
        )
        for m in widths(r, shares)
    ]


def _job(name: str, group: list[Setup], preset: WidthPreset) -> Job:
    cells = tuple(setup.cell(PANEL, seed) for setup, seed in product(group, range(preset.seeds)))
    first = group[0]
    routed = 3 * first.top_k if first.experts > 1 else 1
    cost = sum(s.width * (s.hidden + 2 * s.r) for s in group) * routed * first.batch * first.steps * preset.seeds
    return Job(name, cells, run, float(cost))


def run(cells: tuple[Cell, ...]) -> Iterator[Finished]:
    yield from train_cells(cells, measure)


def measure(setup: Setup, seed: int, model: OneLayerModel) -> Mapping[str, Any]:
    """Accuracy on fresh graphs, and the fewest bits of weights and values that keep it within reach of the target."""
    device = next(model.parameters()).device
    graphs = setup.test(seed, device)
    few = type(graphs)(graphs.present[:BITS_GRAPHS], graphs.labels[:BITS_GRAPHS])
    by_bits = {bits: sampled_accuracy(rounded(model, bits), few) for bits in BITS}
    return {"accuracy": sampled_accuracy(model, graphs), "accuracy_by_bits": by_bits}


def rounded(model: OneLayerModel, bits: int) -> OneLayerModel:
    """The same weights, with attention weights and values as p-bit integers."""
    with torch.no_grad():
        return OneLayerModel(replace(model.config, value_bits=bits), model.weights())
