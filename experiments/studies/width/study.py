"""The study as the runner and the report see it: its jobs, what they take, and its page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from experiments.studies.types import Estimate, Job
from experiments.studies.width import ceiling, certified, critical, matched, two_layer
from experiments.studies.width.estimate import estimate, fitting
from experiments.studies.width.preset import PRESETS, WidthPreset

if TYPE_CHECKING:
    from experiments.report.page import Page
    from experiments.store import Row


class WidthStudy:
    """Four panels: (a) ceilings, (b) critical width, (c) sampled against certified, (d) equal parameters."""

    name = "width"
    question = "Can experts replace width in one layer? (Theorems 3.2 and 3.3)"
    presets: Mapping[str, WidthPreset] = PRESETS

    def jobs(self, preset: WidthPreset) -> tuple[Job, ...]:
        panels = (critical, two_layer, certified, matched, ceiling)
        whole = [job for panel in panels for job in panel.jobs(preset)]
        limit = preset.device_gib * 2**30
        return tuple(
            part for job in whole for part in ((job,) if job.function is two_layer.run else fitting(job, limit))
        )

    def dry_run(self, preset: WidthPreset) -> tuple[Estimate, ...]:
        return tuple(
            (two_layer.estimate if job.function is two_layer.run else estimate)(job, preset.device_flops)
            for job in self.jobs(preset)
        )

    def page(self, rows: Sequence[Row]) -> Page:
        from experiments.studies.width.report import page

        return page(rows)
