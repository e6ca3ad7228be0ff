"""``--dry-run``: what the study's jobs take, from exact parameter and FLOP counts and a stated speed of the device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from experiments.studies.types import COPIES_OF_PARAMETERS, FLOAT_BYTES, Cell, Estimate, Job
from experiments.studies.width.training import TUNING_SHARE, Setup
from theory.accounting import parameters, training_flops


def estimate(job: Job, device_flops: float) -> Estimate:
    """One line a job of one-layer models: tuning runs included, all cells at their full number of steps."""
    setups = [Setup.of(cell) for cell in job.cells]
    return Estimate(
        label=job.name,
        cells=len(setups),
        parameters=max(parameters(setup.config).total for setup in setups),
        flops=(flops := sum(map(_flops, setups)) + sum(map(_tuning_flops, dict.fromkeys(setups)))),
        memory_bytes=_memory(setups),
        device_hours=flops / device_flops / 3600,
    )


def _flops(setup: Setup) -> int:
    return training_flops(setup.config, setup.batch, setup.steps)


def _tuning_flops(setup: Setup) -> int:
    rates = len(setup.learning_rates)
    return 0 if rates == 1 else rates * _flops(setup) // TUNING_SHARE


def _memory(setups: Sequence[Setup]) -> int:
    """Most bytes at one time: all cells together, or before that all candidates of their tuning."""
    return max(sum(map(_member_bytes, setups)), sum(map(_tuning_bytes, dict.fromkeys(setups))))


def _tuning_bytes(setup: Setup) -> int:
    """Of all candidates at once."""
    rates = len(setup.learning_rates)
    return 0 if rates == 1 else rates * _member_bytes(setup)


def _member_bytes(setup: Setup) -> int:
    """Parameters with their moments, and the activations that the backward pass keeps."""
    config = setup.config
    per_graph = 2 * config.intermediates + 4 * config.width + 3 * config.top_k * config.hidden + 3 * config.experts
    return FLOAT_BYTES * (COPIES_OF_PARAMETERS * parameters(config).total + setup.batch * per_graph)


def fitting(job: Job, limit_bytes: float) -> tuple[Job, ...]:
    """``job`` in as few parts as fit into a device's memory; a part holds one cell at least.

    Seeds of a width stay together where they can, so that the width is tuned once.
    """
    parts: list[list[Cell]] = []
    training, tuning, tuned = limit_bytes, 0.0, set[Setup]()  # the first cell begins the first part
    for cell in job.cells:
        setup = Setup.of(cell)
        more = 0 if setup in tuned else _tuning_bytes(setup)
        if max(training + _member_bytes(setup), tuning + more) > limit_bytes:
            parts.append([])
            training, tuning, tuned, more = 0.0, 0.0, set(), _tuning_bytes(setup)
        parts[-1].append(cell)
        training, tuning = training + _member_bytes(setup), tuning + more
        tuned.add(setup)
    if len(parts) == 1:
        return (job,)
    return tuple(
        replace(
            job, name=f"{job.name} ({i} of {len(parts)})", cells=tuple(part), cost=job.cost * len(part) / len(job.cells)
        )
        for i, part in enumerate(parts, 1)
    )
