"""Section (c): other numbers of tokens and widths."""

from __future__ import annotations

from collections.abc import Sequence

from experiments.report.page import Entry, Section, Table
from experiments.store import Row
from experiments.studies.soft_moe.analysis import average, chosen, gain_by_slots, largest, line, points, shared_slots
from experiments.studies.soft_moe.arms import Kind
from experiments.studies.soft_moe.cells import LOGITS
from experiments.studies.soft_moe.targets import TARGETS


def sections(rows: Sequence[Row]) -> tuple[Section, ...]:
    """``rows``: of every shape, the one of (a) and (b) included."""
    many, target = shared_slots(rows), next(iter(rows)).config["target"] if rows else ""
    if many is None:
        return ()
    return (
        Section(
            title="(c) Other shapes",
            paragraphs=(
                f"{TARGETS[target].title}, mean errors as in (a); the last columns are the least largest error by a "
                "pair of inputs and the largest error found, in R, of one expert with one slot.",
            ),
            table=_table(rows, many, target),
            caption="A largest error below the least one, in the last two columns, would refute the statements.",
            statements=("chung-one-expert", "own-soft-few-slots"),
        ),
    )


def _table(rows: Sequence[Row], many: int, target: str) -> Table:
    found = points(rows)
    compared: tuple[tuple[Kind, int], ...] = (("experts", 1), ("slots", many), ("experts", many))
    lines: list[tuple[Entry, ...]] = []
    for tokens, width in sorted({(point.tokens, point.width) for point in found}):
        shape = [point for point in found if (point.tokens, point.width) == (tokens, width)]
        for logits in LOGITS:
            models = [chosen(shape, kind, logits, target, slots) for kind, slots in compared]
            if all(models):
                errors = [group[0].interval(average) for group in models]
                (one,) = models[0]
                worst = (one.interval(line), one.interval(largest))
                lines.append((tokens, width, logits, *errors, gain_by_slots(*models), *worst))
    columns = (
        *("T", "d", "logits", "one slot", f"one expert, {many} slots", f"{many} experts"),
        *("gain by slots, in that by experts", "one slot: least largest error", "one slot: largest error found"),
    )
    return Table(columns, tuple(lines))
