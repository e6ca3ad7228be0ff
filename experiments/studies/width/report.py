"""The page of the study: headline, panels and checks."""

from __future__ import annotations

import re
from collections.abc import Sequence

from experiments.report.findings import finding
from experiments.report.page import Entry, Page, Ref, Table
from experiments.store import Row
from experiments.studies.selection import left_out, note, of_one_grid
from experiments.studies.width import ceiling_report, certified_report, critical_report, matched_report
from experiments.studies.width.critical import DENSE
from experiments.studies.width.critical_analysis import crossings, mean_width, measured_bits
from parrots.constructions.packed import default_width
from theory.bounds import dense_width, entropy_min_width, message_min_width, pattern_min_width

TARGET = 0.99
"""Accuracy that makes a width sufficient; the rows do not depend on it."""

LEAD = (
    "Token-wise experts act after attention has summed the edges, so the width of that sum decides what a layer can "
    "know of the graph, and the number of experts does not. Below: what is proved, what is built by hand, what "
    "training finds, and what is right on every input."
)


def page(rows: Sequence[Row]) -> Page:
    """Everything from the rows, complete or not."""
    shown = of_one_grid(rows)
    sections = (
        *note(rows),
        *ceiling_report.sections(shown),
        *critical_report.sections(shown, TARGET),
        *certified_report.sections(shown),
        *matched_report.sections(shown),
    )
    checks = (*ceiling_report.checks(rows), *certified_report.checks(rows))
    title, table = "The width law: experts against width in one layer", headline(rows)
    return Page(title, LEAD, table, sections, checks, findings(table))


def findings(headline: Table) -> tuple[str, ...]:
    """The largest size, and the effect of K over all sizes."""
    sizes = [int(found[1]) for row in headline.rows if (found := re.match(r"r = (\d+): trained, dense", str(row[0])))]
    column = "width or ratio"
    largest = finding(
        headline,
        f"At r = {max(sizes, default=0)} a trained dense layer reaches {TARGET:.0%} from width {{dense}} on; built by "
        "hand, {packed} coordinates suffice.",
        dense=(f"r = {max(sizes, default=0)}: trained, dense", column),
        packed=(f"r = {max(sizes, default=0)}: built by hand, packed", column),
    )
    return largest + finding(
        headline,
        "Experts do not replace width: at equal steps the critical width is {one} (top-1) and {two} (top-2) times that "
        "of a dense model.",
        one=("effect of K: m*(top-1, equal steps)", column),
        two=("effect of K: m*(top-2, equal steps)", column),
    )


def headline(rows: Sequence[Row]) -> Table:
    """Bound, construction, measured and certified critical width at each size, then the effect of K."""
    hidden = len(left_out(rows))
    rows = of_one_grid(rows)
    lines: list[tuple[Entry, ...]] = []
    found = crossings(rows, TARGET)
    for r in sorted({c.r for c in found}):
        bits = measured_bits(rows, r, DENSE, TARGET)
        dense = mean_width([c for c in found if c.r == r and c.arm == DENSE])
        lines.append((f"r = {r}: every model needs, any precision", pattern_min_width(r, 4 * r, attention="softmax"),
                      Ref("own-pattern-bound")))  # fmt: skip
        if bits is not None:
            exact = max(message_min_width(r, 1, bits), entropy_min_width(r, 1, bits))
            lines.append((f"r = {r}: every model needs, at the measured {bits} bits", exact, Ref("own-message-bound")))
        lines.append((f"r = {r}: trained, dense, {TARGET:.0%}", dense, Ref("thm-3.2")))
        lines.append((f"r = {r}: built by hand, packed", default_width(r), Ref("own-packed")))
        lines.append((f"r = {r}: built by hand, dense", dense_width(r + 2), Ref("thm-3.3")))
    for r, arm in certified_report.certified_sizes(rows):
        width = certified_report.certified_width(rows, r, arm)
        lines.append((f"r = {r}: trained and certified on all inputs, {arm}", width, Ref("own-message-bound")))
    lines += [
        (f"effect of K: {what}", ratio, Ref("thm-3.2"))
        for what, ratio in critical_report.effects_of_experts(rows, TARGET)
    ]
    if hidden:
        lines.append(("not shown: cells of other settings in this store", hidden, None))
    return Table(("what", "width or ratio", "statement"), tuple(lines))
