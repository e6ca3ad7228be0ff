"""What statements predict at two sizes: one of the quick studies, and one where every bound bites."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

from experiments.report.page import Table
from experiments.report.statistics import number_text
from theory.bounds import BoundRow, Size, bounds_table
from theory.bounds.cross_token import cross_token_width

INTERMEDIATES = (32, 1024)
BITS, EXPERTS, HIDDEN_RATIO = 8, 64, 4


def size(r: int) -> Size:
    """One layer, one softmax head, the width that suffices with cross-token routing; every optional input given."""
    return Size(
        vertices=r + 2,
        bits=BITS,
        neurons=HIDDEN_RATIO * r,
        width=cross_token_width(r),
        experts=EXPERTS,
        set_size=r // 4,
        signal_to_noise=Fraction(2**BITS),
        generated_tokens=8,
        vocabulary=r + 2,
        slots=8,
    )


ABOUT = (
    f"Predictions are for r = {INTERMEDIATES[0]} and r = {INTERMEDIATES[1]:,} intermediate vertices, one softmax head, "
    f"{BITS}-bit weights and values, {EXPERTS} experts of {HIDDEN_RATIO}r hidden units and width ⌈log2 r⌉ + 4, about "
    "what a layer with cross-token routing or two layers need; r/4 edges into the target where instances are planted, "
    f"8 slots, 8 written tokens, noise of 1/{2**BITS} of an edge."
)


def predictions(statement: str) -> Table | None:
    """The bounds' rows of one statement, a column a size; None where the table of bounds has none."""
    by_size = [{row.quantity: row for row in _rows(r) if row.statement == statement} for r in INTERMEDIATES]
    if not by_size[0]:
        return None
    lines = [
        (quantity.replace("_", " "), row.unit, *(_text(rows.get(quantity)) for rows in by_size))
        for quantity, row in by_size[0].items()
    ]
    return Table(("predicted", "unit", *(f"r = {r:,}" for r in INTERMEDIATES)), tuple(lines))


@cache
def _rows(r: int) -> tuple[BoundRow, ...]:
    return tuple(bounds_table(size(r)))


def _text(row: BoundRow | None) -> str | None:
    if row is None or row.value is None:
        return None
    if isinstance(row.value, bool):
        return "yes" if row.value else "no"
    return f"{row.value:,}" if isinstance(row.value, int) else number_text(float(row.value))
