"""The page of the study: headline, panels and checks."""

from __future__ import annotations

from collections.abc import Sequence

from experiments.report.findings import finding
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
    title = "The routing boundary: routing across tokens against the width bounds"
    return Page(title, LEAD, headline, sections, checks(rows), findings(headline))


def findings(headline: Table) -> tuple[str, ...]:
    """What is built below the bound, and what training finds at such widths."""
    built = finding(
        headline,
        "Hand-built layers that route across tokens gave {wrong} wrong answers; {size}: they have {width}, {bound}.",
        wrong=("wrong answers of", "measured"),
        size=("width at r =", "what"),
        width=("width at r =", "measured"),
        bound=("width at r =", "by the theorem"),
    )
    return built + finding(
        headline,
        "Of the trained models of logarithmic width {dense} of the dense ones and {experts} of those with 8 experts "
        "reach 99 %, {soft} of those with Soft MoE (4 slots), {choice} with expert choice and gradients through the "
        "choice, {plain} with plain expert choice.",
        dense=("trained, dense", "measured"),
        experts=("trained, token choice, K = 8", "measured"),
        soft=("trained, Soft MoE, 4 slots", "measured"),
        choice=("trained, expert choice, 1 place, straight-through", "measured"),
        plain=("trained, expert choice, 1 place: ", "measured"),
    )


def checks(rows: Sequence[Row]) -> tuple[Check, ...]:
    """What the rows could have refuted."""
    return tuple(check for part in PARTS for check in part.checks(rows))
