"""The study as the runner and the report see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from experiments.studies.decoders.estimate import estimates
from experiments.studies.routing import cells
from experiments.studies.routing.preset import PRESETS, RoutingPreset
from experiments.studies.types import Estimate, Job

if TYPE_CHECKING:
    from experiments.report.page import Page
    from experiments.store import Row


class RoutingStudy:
    """Two panels, every router in each: (a) recall of a phone-book, (b) paths in graphs."""

    name = "routing"
    question = "What does the choice of a router change, at equal parameters, for memory and for path finding?"
    presets: Mapping[str, RoutingPreset] = PRESETS

    def jobs(self, preset: RoutingPreset) -> tuple[Job, ...]:
        return cells.jobs(preset)

    def dry_run(self, preset: RoutingPreset) -> tuple[Estimate, ...]:
        return estimates(self.jobs(preset), preset.device_flops)

    def page(self, rows: Sequence[Row]) -> Page:
        from experiments.studies.routing.report import page

        return page(rows)
