"""The study as the runner and the report see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from experiments.studies.routing_boundary import built, kept, slots, trained
from experiments.studies.routing_boundary.preset import PRESETS, RoutingBoundaryPreset
from experiments.studies.types import Estimate, Job

if TYPE_CHECKING:
    from experiments.report.page import Page
    from experiments.store import Row

PARTS = (built, trained, kept, slots)
"""Each has ``jobs(preset)``, and ``estimate(job, device_flops)`` of its own jobs."""


class RoutingBoundaryStudy:
    """Three panels: (a) models built and trained by routing and width, (b) every seed, (c) slots against width."""

    name = "routing-boundary"
    question = "Does routing that looks across tokens escape the width bounds, and does training find it?"
    presets: Mapping[str, RoutingBoundaryPreset] = PRESETS

    def jobs(self, preset: RoutingBoundaryPreset) -> tuple[Job, ...]:
        return tuple(job for part in PARTS for job in part.jobs(preset))

    def dry_run(self, preset: RoutingBoundaryPreset) -> tuple[Estimate, ...]:
        """Training at its whole budget of steps."""
        return tuple(part.estimate(job, preset.device_flops) for part in PARTS for job in part.jobs(preset))

    def page(self, rows: Sequence[Row]) -> Page:
        from experiments.studies.routing_boundary.report import page

        return page(rows)
