"""The study as the runner and the report see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from experiments.studies.decoders.estimate import estimates
from experiments.studies.shortest_path import cells
from experiments.studies.shortest_path.preset import PRESETS, ShortestPathPreset
from experiments.studies.types import Estimate, Job

if TYPE_CHECKING:
    from experiments.report.page import Page
    from experiments.store import Row


class ShortestPathStudy:
    """Two panels: (a) models on shortest paths, larger graphs included, (b) depth on length-2 paths."""

    name = "shortest-path"
    question = "Does the accuracy of path finding follow the total or the active parameters? (Figure 4b)"
    presets: Mapping[str, ShortestPathPreset] = PRESETS

    def jobs(self, preset: ShortestPathPreset) -> tuple[Job, ...]:
        return cells.jobs(preset)

    def dry_run(self, preset: ShortestPathPreset) -> tuple[Estimate, ...]:
        return estimates(self.jobs(preset), preset.device_flops, cells.PathSetup)

    def page(self, rows: Sequence[Row]) -> Page:
        from experiments.studies.shortest_path.report import page

        return page(rows)
