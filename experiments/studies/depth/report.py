"""The page of the study: headline, panels and checks."""

from __future__ import annotations

import re
from collections.abc import Sequence

from experiments.report.findings import finding
from experiments.report.page import Check, Entry, Page, Ref, Table
from experiments.report.statistics import wilson
from experiments.store import Row
from experiments.studies.depth import accuracy_report, built_report
from experiments.studies.depth.analysis import TARGET, ceiling, least_width, points
from experiments.studies.depth.arms import APART, ARMS, DENSE, ONE_LAYER, PANEL, TWO
from experiments.studies.depth.built import separations
from experiments.studies.selection import note, of_one_grid, of_panel
from parrots.constructions.packed import default_width
from parrots.two_layer import built_width

LEAD = (
    "One layer must carry the whole graph to the query in one sum, so its width grows almost like the graph, whatever "
    "the number of experts. With a second layer an edge can look for its partner first, and a width that grows like "
    "the logarithm is enough. Below: both built by hand, both trained at the same widths, and a control with two "
    "layers in which edges do not meet."
)
REACHES = f"least width where half of the seeds reach {TARGET:.0%}"


def page(rows: Sequence[Row]) -> Page:
    """Everything from the rows, complete or not."""
    shown = of_one_grid(rows)
    trained = of_panel(shown, PANEL)
    experts = trained[0].config["experts"] if trained else None
    sections = (*note(rows), *accuracy_report.sections(trained), *built_report.sections(shown, experts))
    title, table = "Depth: one layer against two at small width", headline(shown)
    return Page(title, LEAD, table, sections, checks(rows), findings(table))


def findings(headline: Table) -> tuple[str, ...]:
    """The largest size that was trained, and the size from which two layers are narrower by a theorem."""
    sizes = [int(found[1]) for row in headline.rows if (found := re.match(r"r = (\d+), ", str(row[0])))]
    largest = max(sizes, default=0)
    trained = finding(
        headline,
        f"At r = {largest} half of the seeds reach {TARGET:.0%} from width {{two}} on with two layers and from width "
        "{one} on with one dense layer; with two layers in which edges do not meet: {apart}.",
        two=(f"r = {largest}, {TWO}: ", "measured"),
        one=(f"r = {largest}, {DENSE}: ", "measured"),
        apart=(f"r = {largest}, {APART}: ", "measured"),
    )
    proved = "least r at which one layer needs more than two layers, star graphs (weights and values"
    return trained + finding(
        headline,
        "That one layer must be wider, whatever its block and its number of experts, is proved at 8 bits from {size}.",
        size=(proved, "by the theorem"),
    )


def headline(rows: Sequence[Row]) -> Table:
    """Least widths by arm beside what is built; shares of seeds; where the separation is proved."""
    trained = of_panel(rows, PANEL)
    found = points(trained)
    lines: list[tuple[Entry, ...]] = []
    for r in sorted({point.r for point in found}):
        built = {
            DENSE: (f"built with {default_width(r)}", "own-packed"),
            TWO: (f"built with {built_width(r)}", "own-two-layer"),
        }
        for arm in ARMS:
            mine = [point for point in found if (point.r, point.arm) == (r, arm)]
            if mine:
                text, statement = built.get(arm, (None, "own-pattern-bound"))
                least = least_width(mine) or f"none up to {max(point.width for point in mine)}"
                lines.append((f"r = {r}, {arm}: {REACHES}", least, text, Ref(statement)))
    for arm in ARMS:
        values = [value for point in found if point.arm == arm for value in point.accuracies]
        if values:
            share = wilson(sum(value >= TARGET for value in values), len(values))
            lines.append((f"all sizes and widths, {arm}: share of seeds at {TARGET:.0%}", share, None, None))
    if trained:
        for each in separations(trained[0].config["experts"]):
            text = f"least r at which one layer needs more than {each.construction} ({each.bound})"
            lines.append((text, None, f"r = {each.r}: {each.one_layer} against {each.two_layers}", Ref(each.statement)))
    return Table(("what", "measured", "by the theorem", "statement"), tuple(lines))


def checks(rows: Sequence[Row]) -> tuple[Check, ...]:
    """What the rows could have refuted."""
    return (*_ceiling_check(rows), *built_report.checks(rows))


def _ceiling_check(rows: Sequence[Row]) -> tuple[Check, ...]:
    """Where a ceiling is below 1 it can be exceeded; elsewhere there is nothing to check."""
    limited = [
        (row, limit)
        for point in points(of_panel(rows, PANEL))
        if point.arm in ONE_LAYER and (limit := ceiling(point)) is not None and limit < 1
        for row in point.rows
    ]
    if not limited:
        return ()
    above = [row for row, limit in limited if row.metrics["accuracy"] - _noise(row) > limit]
    return (
        Check(
            "no one-layer model is more accurate than the ceiling of its width",
            not above,
            f"{len(above)} of {len(limited)} models are above it by more than four standard errors",
            "own-pattern-ceiling",
        ),
    )


def _noise(row: Row) -> float:
    """Four standard errors of an accuracy of 1/2, the largest."""
    return float(2 * row.config["test_graphs"] ** -0.5)
