"""Panels (a) and (b): every arm trained at every width, its learning rate chosen on a seed that no result uses."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import product

import torch

from experiments.engine import TUNING_SEED, best_device
from experiments.studies.depth.arms import (
    APART,
    ARMS,
    DENSE,
    EXPERTS,
    TWO,
    Setup,
    measured_accuracy,
    train_members,
)
from experiments.studies.depth.preset import DepthPreset
from experiments.studies.shapes import widths
from experiments.studies.types import Cell, Finished, Job
from parrots.config import OneLayerConfig
from parrots.two_layer import matmul_flops, parameter_count
from theory.accounting import parameters, table_flops

SECONDS_A_STEP = {DENSE: 4e-4, EXPERTS: 8e-4, TWO: 5e-4, APART: 8e-4}
"""About what a member's step takes on one CPU core at small r: most of it is no product.  Two layers stop early."""


def jobs(preset: DepthPreset) -> tuple[Job, ...]:
    """One job for every size, width and arm."""
    return tuple(
        _job(setup(preset, r, width, arm))
        for r in preset.sizes
        for width, arm in product(widths(r, preset.shares), ARMS)
    )


def setup(preset: DepthPreset, r: int, width: int, arm: str) -> Setup:
    return Setup(
        r=r,
        width=width,
        arm=arm,
        experts=preset.experts,
        steps=preset.steps,
        batch=preset.batch,
        learning_rates=preset.learning_rates,
        seeds=preset.seeds,
        test_graphs=preset.test_graphs,
        grid=f"{preset.steps} steps of {preset.batch} graphs, K = {preset.experts}, {preset.test_graphs} test graphs, "
        f"{preset.seeds} seeds",
    )


def _job(planned: Setup) -> Job:
    name = f"{planned.arm}, r = {planned.r}, width {planned.width}"
    members = planned.seeds + len(planned.learning_rates)
    return Job(name, planned.cells(), run, SECONDS_A_STEP[planned.arm] * planned.steps * members * (1 + planned.r / 64))


def flops(planned: Setup) -> int:
    """Forward and backward of all seeds and candidates, if none stops early."""
    config, members = planned.config, planned.seeds + len(planned.learning_rates)
    per_step = (
        table_flops(config, planned.batch)
        if isinstance(config, OneLayerConfig)
        else planned.batch * matmul_flops(config)
    )
    return 3 * per_step * planned.steps * members


def numbers(planned: Setup) -> int:
    """Parameters of one model."""
    config = planned.config
    return parameters(config).total if isinstance(config, OneLayerConfig) else parameter_count(config)


def run(cells: tuple[Cell, ...]) -> Iterator[Finished]:
    """Choose the learning rate, then train all seeds, and yield those that are asked for."""
    device = best_device()
    planned, wanted = Setup.of(cells[0]), {cell.seed: cell for cell in cells}
    began = time.perf_counter()
    tuning = tune(planned, device)
    rate = best(tuning)
    share = (time.perf_counter() - began) / planned.seeds
    for index, trained, model in train_members(planned, [(seed, rate) for seed in range(planned.seeds)], device):
        if index not in wanted:
            continue
        metrics = {
            "learning_rate": rate,
            "tuning": {f"{tried:g}": list(score) for tried, score in tuning.items()},
            "steps": trained.steps,
            "validation": trained.validation,
            "accuracy": measured_accuracy(model, index, planned.test_graphs, device),
        }
        yield Finished(wanted[index], metrics, trained.stopped, trained.seconds + share, device.type)


def tune(planned: Setup, device: torch.device) -> dict[float, tuple[float, int]]:
    """Validation accuracy of every candidate and its steps, in whole runs, since the jump to the solution is late."""
    tried = [(TUNING_SEED, rate) for rate in planned.learning_rates]
    return {
        trained.member.learning_rate: (trained.validation, trained.steps)
        for _, trained, _ in train_members(planned, tried, device)
    }


def best(tuning: dict[float, tuple[float, int]]) -> float:
    """Highest accuracy; of those, fewest steps, then the smallest rate.

    >>> best({0.01: (1.0, 900), 0.02: (1.0, 400), 0.04: (0.6, 1500)})
    0.02
    """
    return min(tuning, key=lambda rate: (-tuning[rate][0], tuning[rate][1], rate))
