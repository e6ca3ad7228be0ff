"""The page of the study: headline, panels and checks."""

from __future__ import annotations

from collections.abc import Sequence

from experiments.report.page import Check, Page, Table
from experiments.store import Row
from experiments.studies.routing_boundary import built_report, kept_report, slots_report, trained_report
from experiments.studies.selection import note, of_one_grid

PARTS = (built_report, trained_report, kept_report, slots_report)
"""Each has ``lines(rows)`` of the headline, ``sections(rows)`` and ``checks(rows)``, which choose their own rows."""
COLUMNS = ("what", "measured", "by the theorem", "statement")

LEAD = (
    "Where experts act token by token, no number of them makes up for width: that is a theorem. Here the same question "
    "is put to layers whose routing looks across tokens (expert choice, capacity limits, Soft MoE) after all tokens "
    "have attended to each other. Built by hand they answer it with a width that grows as the logarithm of the graph; "
    "whether training finds such weights is measured, seed by seed."
)


def page(rows: Sequence[Row]) -> Page:
    """Everything from the rows, complete or not."""
    shown = of_one_grid(rows)
    headline = Table(COLUMNS, tuple(line for part in PARTS for line in part.lines(shown)))
    sections = (*note(rows), *(section for part in PARTS for section in part.sections(shown)))
    return Page("The routing boundary: routing across tokens against the width bounds", LEAD, headline, sections,
                checks(rows))  # fmt: skip


def checks(rows: Sequence[Row]) -> tuple[Check, ...]:
    """What the rows could have refuted."""
    return tuple(check for part in PARTS for check in part.checks(rows))
