"""The study as the runner and the report see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from experiments.studies.soft_moe import cells
from experiments.studies.soft_moe.preset import PRESETS, SoftMoePreset
from experiments.studies.soft_moe.setup import Setup
from experiments.studies.types import Estimate, Job

if TYPE_CHECKING:
    from experiments.report.page import Page
    from experiments.store import Row


class SoftMoeStudy:
    """Panels (a), error by target, and (b), error by number of experts or slots, share their models; (c): shapes."""

    name = "soft-moe"
    question = "Can one large expert learn what many small ones learn, and is it the experts or the slots that count?"
    presets: Mapping[str, SoftMoePreset] = PRESETS

    def jobs(self, preset: SoftMoePreset) -> tuple[Job, ...]:
        return cells.jobs(preset)

    def dry_run(self, preset: SoftMoePreset) -> tuple[Estimate, ...]:
        """Tuning, training, tests and ascent of every arm."""
        return tuple(_estimate(job, preset.device_flops) for job in self.jobs(preset))

    def page(self, rows: Sequence[Row]) -> Page:
        from experiments.studies.soft_moe.report import page

        return page(rows)


def _estimate(job: Job, device_flops: float) -> Estimate:
    """Memory is that of one model: members are stacked only as far as the device's memory allows."""
    first = Setup.of(job.cells[0])
    return Estimate(
        label=job.name,
        cells=len(job.cells),
        parameters=first.arm.parameters,
        flops=round(job.cost),
        memory_bytes=first.memory,
        device_hours=job.cost / device_flops / 3600,
    )
