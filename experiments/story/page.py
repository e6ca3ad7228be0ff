"""The story as one HTML file that needs nothing else, as JSON, and for the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from experiments.report.drawing import render_svg
from experiments.report.html import data_uri, formulas, origin, style_sheet, template
from experiments.report.page import Check
from experiments.report.terminal import outcome_word, rows_payload
from experiments.story.chapters import HOLDS, REFUTED, SHOWN, UNEXPECTED, Chapter, Place, chapters, untold
from experiments.story.predicted import ABOUT
from experiments.story.runs import Told
from experiments.studies import STUDIES

TITLE = "What do experts buy, and what only width or depth buys?"


class Story:
    """Everything that is said, from the rows alone: the same stores give the same text."""

    def __init__(self, told: Sequence[Told]) -> None:
        self.told = tuple(told)
        self.chapters = chapters(told)
        self.missing = tuple(name for name in STUDIES if name not in {run.study for run in told})

    @property
    def verdicts(self) -> Counter[str]:
        return Counter(chapter.verdict for chapter in self.chapters)

    @property
    def failed(self) -> tuple[Check, ...]:
        """Every check that does not hold."""
        return tuple(check for chapter in self.chapters for check in chapter.checks if not check.holds)

    def lead(self) -> str:
        """The count of verdicts in words."""
        checks = [check for chapter in self.chapters for check in chapter.checks]
        proved = [check for check in checks if check.proved]
        expected = [check for check in checks if not check.proved]
        refuted, otherwise = (sum(not check.holds for check in each) for each in (proved, expected))
        cells = sum(len(run.rows) for run in self.told)
        count = self.verdicts
        return (
            f"{len(self.told)} studies with {cells:,} measurements made {len(proved)} checks that could have refuted a "
            f"statement, and {refuted} did; {len(expected)} more are of what a statement leads one to expect of "
            f"training, and {otherwise} came out otherwise. Of {len(self.chapters)} statements {count[HOLDS]} have "
            f"checks that all hold, {count[REFUTED] + count[UNEXPECTED]} have one that does not, {count[SHOWN]} are "
            "shown by numbers without a check, and the others rest on their proofs and on the tests of the package."
        )

    def html(self, folder: Path) -> str:
        """The page as it is written into ``folder``: links to the studies' own reports are relative to it."""
        sections = {
            Place(part.told.study, section.title): section
            for chapter in self.chapters
            for part in chapter.evidence
            for section in part.sections
        }
        sections |= {Place(run.study, section.title): section for run in self.told for section in untold(run)}
        drawn = {place: data_uri(render_svg(section.figure)) for place, section in sections.items() if section.figure}
        return template("story/story.html.j2").render(
            title=TITLE,
            css=style_sheet(),
            story=self,
            about=ABOUT,
            place=Place,
            images=drawn,
            formulas=formulas([chapter.statement for chapter in self.chapters]),
            links={run.study: run.link(folder) for run in self.told},
            untold={run.study: untold(run) for run in self.told},
            origin=origin([row for run in self.told for row in run.rows]),
        )

    def payload(self) -> dict[str, object]:
        """For ``--json`` and ``story.json``."""
        return {
            "title": TITLE,
            "statements": [_chapter_payload(chapter) for chapter in self.chapters],
            "studies": [
                {
                    "study": run.study,
                    "question": run.question,
                    "findings": list(run.page.findings),
                    "cells": len(run.rows),
                    "hours": run.hours,
                }
                for run in self.told
            ],
            "missing": list(self.missing),
        }

    def view(self) -> RenderableType:
        """A line a statement that was measured, and every check that does not hold."""
        table = RichTable("statement", "checks", "studies", "verdict", title=TITLE, title_justify="left")
        for chapter in self.chapters:
            if chapter.evidence:
                studies = ", ".join(part.told.study for part in chapter.evidence)
                table.add_row(chapter.statement.id, str(len(chapter.checks)), studies, chapter.verdict)
        lines = [
            Text(f"{outcome_word(check)} {check.statement}: {check.claim} ({check.detail})") for check in self.failed
        ]
        return Group(table, Text(self.lead()), *lines)


def _chapter_payload(chapter: Chapter) -> dict[str, object]:
    return {
        "id": chapter.statement.id,
        "verdict": chapter.verdict,
        "predicted": rows_payload(chapter.predicted) if chapter.predicted else [],
        "measured": [
            {
                "study": part.told.study,
                "rows": rows_payload(part.lines) if part.lines else [],
                "checks": [
                    {"claim": check.claim, "outcome": check.outcome, "detail": check.detail} for check in part.checks
                ],
            }
            for part in chapter.evidence
        ],
    }
