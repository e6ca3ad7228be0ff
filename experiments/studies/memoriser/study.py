"""The study as the runner and the report see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from experiments.studies.memoriser import cells
from experiments.studies.memoriser.cells import Setup
from experiments.studies.memoriser.preset import PRESETS, MemoriserPreset
from experiments.studies.types import Estimate, Job
from theory.accounting import memoriser_parameters
from theory.memorisation.sequences import BLOCK

if TYPE_CHECKING:
    from experiments.report.page import Page
    from experiments.store import Row

FLOAT_BYTES = 8
ARRAYS_OF_READINGS = 12
"""Readings, labels, experts and their sorted copies."""


class MemoriserStudy:
    """Three panels: (a) parameters against K, (b) loads by router, (c) bits against n."""

    name = "memoriser"
    question = "How many parameters hold n random labels, and how many of them are active? (Theorems 3.5 and 3.6)"
    presets: Mapping[str, MemoriserPreset] = PRESETS

    def jobs(self, preset: MemoriserPreset) -> tuple[Job, ...]:
        return cells.jobs(preset)

    def dry_run(self, preset: MemoriserPreset) -> tuple[Estimate, ...]:
        """As if every router were balanced and every label a change: what is enough for any labels."""
        return tuple(_estimate(job, preset.device_flops) for job in self.jobs(preset))

    def page(self, rows: Sequence[Row]) -> Page:
        from experiments.studies.memoriser.report import page

        return page(rows)


def _estimate(job: Job, device_flops: float) -> Estimate:
    setup = Setup.of(job.cells[0])  # the others differ in their seed
    flops = len(job.cells) * setup.flops
    parameters = memoriser_parameters(setup.width, setup.hidden, setup.experts, setup.router).total
    block = min(BLOCK, setup.sequences) * (setup.tokens * setup.width + 2 * setup.experts)
    numbers = 2 * parameters + ARRAYS_OF_READINGS * setup.sequences + block
    return Estimate(
        label=job.name,
        cells=len(job.cells),
        parameters=parameters,
        flops=flops,
        memory_bytes=FLOAT_BYTES * numbers,
        device_hours=flops / device_flops / 3600,
    )
