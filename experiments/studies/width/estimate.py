"""``--dry-run``: what the study's jobs take, from exact parameter and FLOP counts and a stated speed of the device."""

from __future__ import annotations

from collections.abc import Sequence

from experiments.studies.types import Estimate, Job
from experiments.studies.width.training import TUNING_SHARE, Setup
from theory.accounting import parameters, training_flops

FLOAT_BYTES = 4
COPIES_OF_PARAMETERS = 4
"""Weights, gradient and two moments."""


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
    """All members at once: parameters with their moments, and the activations that the backward pass keeps."""
    kept = 0
    for setup in setups:
        config = setup.config
        per_graph = 2 * config.intermediates + 4 * config.width + 3 * config.top_k * config.hidden + 3 * config.experts
        kept += COPIES_OF_PARAMETERS * parameters(config).total + setup.batch * per_graph
    return FLOAT_BYTES * kept
