"""The study as the runner and the report see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from experiments.studies.decoders.estimate import estimates
from experiments.studies.phone_book import cells
from experiments.studies.phone_book.preset import PRESETS, PhoneBookPreset
from experiments.studies.types import Estimate, Job

if TYPE_CHECKING:
    from experiments.report.page import Page
    from experiments.store import Row


class PhoneBookStudy:
    """Two panels: (a) bits recalled of one book, (b) the largest book that a model recalls."""

    name = "phone-book"
    question = "Does what a model recalls follow its total or its active parameters? (Figure 4a)"
    presets: Mapping[str, PhoneBookPreset] = PRESETS

    def jobs(self, preset: PhoneBookPreset) -> tuple[Job, ...]:
        return cells.jobs(preset)

    def dry_run(self, preset: PhoneBookPreset) -> tuple[Estimate, ...]:
        return estimates(self.jobs(preset), preset.device_flops, cells.BookSetup)

    def page(self, rows: Sequence[Row]) -> Page:
        from experiments.studies.phone_book.report import page

        return page(rows)
