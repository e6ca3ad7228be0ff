"""Panel (a): accuracy on INDEX against the bits of a message; float models against the precision-free ceiling."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import numpy as np

from experiments.answers import wrong_answers
from experiments.engine import Graphs, stream
from experiments.studies.types import Cell, Finished, Job
from experiments.studies.width.preset import WidthPreset
from experiments.studies.width.training import Setup, one_job, train_cells
from parrots.model import OneLayerModel
from theory.instances import Pairs, all_index, subsets

INDEX, FLOAT = "a-index", "a-float"
SAMPLED_SETS = 4096
_WIDTHS = {1: (1, 2, 4, 6, 8, 12), 2: (2, 3, 4), 3: (2, 4)}
"""Bits a coordinate -> widths."""


def jobs(preset: WidthPreset) -> tuple[Job, ...]:
    """One job for every size and kind of block; widths, bits and seeds of a job train together."""
    sizes = [r for r in (preset.index_r, preset.index_sampled_r) if r]
    groups = [
        (f"INDEX, r = {r}, {_name(experts)}", INDEX, index_setups(preset, r, experts))
        for r, experts in product(dict.fromkeys(sizes), _blocks(preset))
    ]
    if preset.float_r:
        groups += [
            (f"INDEX in float32, r = {preset.float_r}, K = {experts}", FLOAT, float_setups(preset, experts))
            for experts in preset.index_experts
        ]
    return tuple(one_job(name, panel, setups, preset.seeds, run) for name, panel, setups in groups if setups)


def _blocks(preset: WidthPreset) -> list[int]:
    """Numbers of experts; 0 stands for the wide dense control."""
    return [*preset.index_experts, 0]


def _name(experts: int) -> str:
    return f"K = {experts}" if experts else "wide dense"


def index_setups(preset: WidthPreset, r: int, experts: int) -> list[Setup]:
    """Every width and number of bits with a message of at most r bits; at r the ceiling is 1, so that tests nothing."""
    pairs = [(m, b) for b in preset.index_bits for m in _WIDTHS.get(b, (1, 2, 4)) if m * b <= r]
    return [
        Setup(
            r=r,
            width=m,
            hidden=preset.index_hidden * (1 if experts else max(preset.index_experts)),
            law="index",
            steps=preset.index_steps,
            batch=preset.index_batch,
            learning_rates=(0.01, 0.03),
            experts=max(experts, 1),
            attention="uniform",
            message_bits=b,
            arm=_name(experts),
            grid=f"{preset.index_steps} steps of {preset.index_batch} graphs, {preset.index_hidden} hidden units, "
            f"{preset.index_hidden * max(preset.index_experts)} in the wide dense block",
        )
        for m, b in pairs
    ]


def float_setups(preset: WidthPreset, experts: int) -> list[Setup]:
    return [
        Setup(
            r=preset.float_r,
            width=m,
            hidden=preset.index_hidden,
            law="index",
            steps=preset.float_steps,
            batch=preset.index_batch,
            learning_rates=(0.01, 0.03),
            experts=experts,
            attention="uniform",
            arm=_name(experts),
            grid=f"r = {preset.float_r}, {preset.float_steps} steps of {preset.index_batch} graphs, "
            f"{preset.index_hidden} hidden units",
        )
        for m in preset.float_widths
    ]


def run(cells: tuple[Cell, ...]) -> Iterator[Finished]:
    yield from train_cells(cells, measure)


def measure(setup: Setup, seed: int, model: OneLayerModel) -> Mapping[str, Any]:
    """Wrong answers for every coordinate i, over all sets A where they are few, else over a sample of them."""
    exhaustive = 2**setup.r <= SAMPLED_SETS
    pairs = all_index(setup.r) if exhaustive else _sampled_index(setup.r, seed)
    graphs = Graphs.of(pairs, next(model.parameters()).device)
    wrong = wrong_answers(model, graphs).cpu().numpy().reshape(-1, setup.r).sum(0)
    asked = len(pairs) // setup.r
    return {
        "accuracy": 1 - float(wrong.sum()) / len(pairs),
        "wrong_by_coordinate": wrong.tolist(),
        "asked_by_coordinate": asked,
        "all_inputs": exhaustive,
    }


def _sampled_index(r: int, seed: int) -> Pairs:
    """Sets A, distinct up to r = 20, each with every ``B = {i}``; order of :func:`theory.instances.all_index`."""
    rng = stream("test", seed)
    sets = rng.random((SAMPLED_SETS, r)) < 0.5 if r > 20 else subsets(r)[rng.permutation(2**r)[:SAMPLED_SETS]]
    return Pairs(np.repeat(sets, r, axis=0), np.tile(np.eye(r, dtype=np.bool_), (SAMPLED_SETS, 1)))
