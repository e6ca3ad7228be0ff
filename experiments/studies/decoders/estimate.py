"""``--dry-run``: what a study's jobs take, from exact counts and a stated speed of the device."""

from __future__ import annotations

from collections.abc import Iterable

from experiments.studies.decoders.setup import Setup
from experiments.studies.types import Estimate, Job


def estimates(jobs: Iterable[Job], device_flops: float, kind: type[Setup] = Setup) -> tuple[Estimate, ...]:
    """A line for every job.

    Memory is that of one model: members are stacked only as far as the device's memory allows.
    """
    return tuple(_estimate(job, device_flops, kind.of(job.cells[0])) for job in jobs)


def _estimate(job: Job, device_flops: float, setup: Setup) -> Estimate:
    return Estimate(
        label=job.name,
        cells=len(job.cells),
        parameters=setup.counts.total,
        flops=round(job.cost),
        memory_bytes=setup.memory,
        device_hours=job.cost / device_flops / 3600,
    )
