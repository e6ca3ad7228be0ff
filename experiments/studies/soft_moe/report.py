"""The page of the study: headline, panels and checks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from experiments.report.findings import finding
from experiments.report.page import Check, Entry, Page, Ref, Table
from experiments.store import Row
from experiments.studies.selection import note, of_one_grid, of_panel
from experiments.studies.soft_moe import shapes_report, slots_report, targets_report
from experiments.studies.soft_moe.analysis import (
    Point,
    average,
    finished,
    gain_by_slots,
    largest,
    line,
    mean,
    pairs,
    points,
)
from experiments.studies.soft_moe.cells import ARMS, LOGITS
from experiments.studies.soft_moe.targets_report import Compared, compared, targets_of
from parrots.soft_moe.config import Logits

LEAD = (
    "Can one large expert learn what many small ones learn, at equal total parameters, and is it the experts or their "
    "slots that count? One Soft MoE layer with a linear read-out learns convex functions of a few tokens. One expert "
    "with one slot gives inputs of very different size one and the same output: whatever its size and its training, "
    "its largest error is no smaller than a constant's, for norms and their squares. The pairs of such inputs are put "
    "to every trained model that a statement covers."
)
TITLE = "Soft MoE: one expert, many experts, many slots"
MEAN, GAIN = "mean error / best constant's", "gain over one slot, in that of as many experts"
LARGEST, LINE = "largest error found / R", "least largest error by a pair of inputs / R"
FULL = 7
"""Columns of a headline with every model."""
PAIRS = {
    "chung-one-expert": "one expert with one slot",
    "own-soft-orthogonal": "slot vectors that leave a direction out",
    "own-soft-few-slots": "slot vectors that are alike in a direction",
    "own-soft-collinear": "normalised logits",
}
"""Statements that give a pair of inputs, and whom they cover."""
SAME = {"own-soft-collinear": 0.1}
"""Outputs on a pair count as one if they differ by at most this share of what the target differs by: what the epsilon
of normalised logits leaves.  They then err by that much less than half of the difference, at most."""
ROUNDING = 1e-6
"""The same for pairs that are exact but for rounding to float64."""


def page(rows: Sequence[Row]) -> Page:
    """Everything from the rows, complete or not."""
    shown = finished(of_one_grid(rows))
    arms = of_panel(shown, ARMS)
    first = targets_of(arms)[:1]
    sections = (
        *note(rows),
        *targets_report.sections(arms),
        *slots_report.sections(arms),
        *shapes_report.sections([row for row in shown if [row.config["target"]] == first]),
    )
    table = headline(arms)
    return Page(TITLE, LEAD, table, sections, checks(rows), findings(table))


def findings(table: Table) -> tuple[str, ...]:
    """Experts against slots, on average and in the worst case."""
    if len(table.columns) < FULL:
        return ()
    _, one, larger, slots, experts, *_ = table.columns
    places = {"one": one, "larger": larger, "slots": slots, "experts": experts}
    found: list[str] = []
    for logits in LOGITS:
        error = f"{MEAN}, {logits} logits"
        found += finding(
            table,
            f"With {logits} logits one expert with one slot has {{one}} of a constant's error, {{larger}} with more "
            f"units; {experts} have {{experts}}, and {slots} {{slots}}: {{gain}} of that gain without a second expert.",
            gain=(f"{GAIN}, {logits} logits", slots),
            **{name: (error, column) for name, column in places.items()},
        )
        found += finding(
            table,
            f"In the worst case, {logits} logits: {{one}} of R for one expert with one slot, where {{line}} is the "
            f"least by its pair of inputs; {{experts}} for {experts}, {{slots}} for {slots}.",
            line=(f"{LINE}, {logits} logits", one),
            **{name: (f"{LARGEST}, {logits} logits", places[name]) for name in ("one", "experts", "slots")},
        )
    return tuple(found)


def headline(rows: Sequence[Row]) -> Table:
    """Mean over targets, with the spread of seeds."""
    models, found, targets = compared(rows), points(rows), targets_of(rows)
    lines: list[tuple[Entry, ...]] = []

    def of(model: Compared, logits: Logits) -> list[Point]:
        return [point for target in targets for point in model.points(found, logits, target)]

    def add(what: str, entry: Callable[[Compared, Logits], Entry], statement: str) -> None:
        for logits in LOGITS:
            entries = [entry(model, logits) for model in models]
            if any(value is not None for value in entries):
                lines.append((f"{what}, {logits} logits", *entries, Ref(statement)))

    def gain(model: Compared, logits: Logits) -> Entry:
        many = next((other for other in models if other.kind == "experts" and other.slots > 1), None)
        if many is None or model in (models[0], many):
            return None
        return gain_by_slots(of(models[0], logits), of(model, logits), of(many, logits))

    add(MEAN, lambda model, logits: mean(of(model, logits), average), "chung-one-expert")
    add(GAIN, gain, "chung-one-expert")
    add(LARGEST, lambda model, logits: mean(of(model, logits), largest), "chung-one-expert")
    add(LINE, lambda model, logits: mean([point for point in of(model, logits) if point.has_line], line),
        "own-soft-few-slots")  # fmt: skip
    return Table(("mean over targets", *(model.title for model in models), "statement"), tuple(lines))


def checks(rows: Sequence[Row]) -> tuple[Check, ...]:
    """What the rows could have refuted."""
    rows = [row for row in finished(rows) if row.config["kind"] != "perceptron"]
    few = [row for row in rows if _slots(row) <= row.config["width"]]
    many = [row for row in rows if _slots(row) > row.config["width"] and row.config["logits"] == "plain"]
    uncovered = [row for row in few if line(row) == 0]
    refuted = [row for row in many if _names(row) != ["own-soft-many-slots"]]
    found = [check for statement in PAIRS for check in _on_pairs(rows, statement)]
    if few:
        claim = "at most as many slots as dimensions: every model confuses a pair of inputs"
        found.append(Check(claim, not uncovered, f"{len(few)} models; {len(uncovered)} do not", "own-soft-few-slots"))
    if many:
        claim = "plain logits and more slots than dimensions: no model has such a pair"
        found.append(Check(claim, not refuted, f"{len(many)} models; {len(refuted)} have one", "own-soft-many-slots"))
    return tuple(found)


def _on_pairs(rows: Sequence[Row], statement: str) -> list[Check]:
    """Every covered model gives its two inputs one output, and so errs as the pair says."""
    mine = [pair for row in rows for pair in pairs(row) if pair["statement"] == statement]
    if not mine:
        return []
    same = SAME.get(statement, ROUNDING)
    apart = [pair for pair in mine if pair["gap"] > same * 2 * pair["line"]]
    below = [pair for pair in mine if pair["error"] < (1 - same) * pair["line"]]
    who, models = PAIRS[statement], f"{len(mine)} models"
    gap = max(pair["gap"] for pair in mine)
    return [
        Check(f"{who}: both inputs of the pair have one output, within {same:g} of what the target differs by",
              not apart, f"{models}; {len(apart)} do not, the largest difference is {gap:.1e} R", statement),
        Check(f"{who}: one of the two is off by half of what the target differs by, or more, within the same",
              not below, f"{models}; {len(below)} err less", statement),
    ]  # fmt: skip


def _slots(row: Row) -> int:
    return int(row.config["experts"] * row.config["slots"])


def _names(row: Row) -> list[str]:
    return [found["statement"] for found in row.metrics["witnesses"]]
