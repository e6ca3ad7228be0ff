"""Panel (d), Corollary 3.4: dense against MoE at equal total parameters, as the number of experts grows."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from experiments.answers import sampled_accuracy
from experiments.studies.types import Cell, Finished, Job
from experiments.studies.width.critical import learning_rates
from experiments.studies.width.preset import WidthPreset
from experiments.studies.width.training import Setup, one_job, train_cells
from parrots.model import OneLayerModel
from theory.accounting import parameters
from theory.errors import InputError

PANEL = "d-matched"
HIDDEN_RATIO = 4
"""c: hidden units of an expert per unit of width, at least; what is left of the budget goes to more of them."""


def jobs(preset: WidthPreset) -> tuple[Job, ...]:
    """One job for every number of experts."""
    return tuple(
        one_job(f"matched parameters, r = {setup.r}, K = {setup.experts}", PANEL, [setup], preset.seeds, run)
        for setup in setups(preset)
    )


def setups(preset: WidthPreset) -> list[Setup]:
    """The dense model, and for every K the widest MoE that has no more parameters; embedding rows are not counted."""
    dense = _setup(preset, 1, preset.matched_width)
    budget = parameters(dense.config).without_embedding
    return [_filled(_setup(preset, K, _widest(preset, K, budget)), budget) for K in preset.matched_experts]


def _filled(setup: Setup, budget: int) -> Setup:
    """More hidden units, the same in every expert, as long as the budget lasts: 2m + 1 parameters each."""
    left = budget - parameters(setup.config).without_embedding
    return replace(setup, hidden=setup.hidden + left // (setup.experts * (2 * setup.width + 1)))


def _widest(preset: WidthPreset, experts: int, budget: int) -> int:
    """Largest width within the budget; parameters grow with the width."""

    def count(width: int) -> int:
        return parameters(_setup(preset, experts, width).config).without_embedding

    width = bisect_right(range(1, preset.matched_width + 1), budget, key=count)
    if width == 0:
        raise InputError(
            f"matched_experts {experts}: even at width 1 they have {count(1)} parameters, more than the {budget} of "
            f"the dense model of matched_width {preset.matched_width}; give fewer experts or a wider dense model."
        )
    return width


def _setup(preset: WidthPreset, experts: int, width: int) -> Setup:
    return Setup(
        r=preset.matched_r,
        width=width,
        hidden=HIDDEN_RATIO * width,
        law="planted",
        steps=preset.matched_steps,
        batch=preset.matched_batch,
        learning_rates=learning_rates(preset.matched_r),
        experts=experts,
        arm=f"K = {experts}",
        test_graphs=preset.test_graphs,
        grid=f"r = {preset.matched_r}, dense width {preset.matched_width}, {preset.matched_steps} steps of "
        f"{preset.matched_batch} graphs, {preset.test_graphs} test graphs",
    )


def run(cells: tuple[Cell, ...]) -> Iterator[Finished]:
    yield from train_cells(cells, measure)


def measure(setup: Setup, seed: int, model: OneLayerModel) -> Mapping[str, Any]:
    graphs = setup.test(seed, next(model.parameters()).device)
    count = parameters(setup.config)
    return {
        "accuracy": sampled_accuracy(model, graphs),
        "total_parameters": count.without_embedding,
        "active_parameters": count.active - count.embedding,
    }
