"""``parrots bounds``: every bound for one size, evaluated exactly."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING, Literal

from rich.console import Console
from rich.table import Table

from experiments.cli.outcome import Outcome

if TYPE_CHECKING:
    from theory.bounds import BoundRow, Size

DECIMALS = 6


@dataclass(frozen=True)
class Bounds:
    """Evaluate every bound for one size of model and graph. What lacks an input says which flag to give."""

    vertices: int
    """V, source and target included; at least 3."""
    heads: int = 1
    """H, attention heads."""
    bits: int | None = None
    """p, bits of an attention weight and of a value."""
    tokens: int | None = None
    """N, edge slots and the query; at least r + 2 with r = V - 2. No bound grows with it."""
    neurons: int | None = None
    """h, hidden units of one expert: for the bounds at any precision."""
    width: int | None = None
    """D, the total value width the query reads: gives verdicts and accuracy ceilings."""
    experts: int = 1
    """K, experts."""
    accuracy: float | None = None
    """Ask for this average accuracy (0.5 to 1) instead of being right on every graph."""
    attention: Literal["softmax", "uniform"] = "softmax"
    """Uniform attention has no weights to send."""
    set_size: int | None = None
    """k, edges into the target in planted instances."""
    hidden_ratio: float = 1.0
    """c, hidden units per unit of width when models are matched in parameters."""
    signal_to_noise: float | None = None
    """For float models whose state is noisy: an edge's largest contribution to a coordinate, in units of the noise."""
    generated_tokens: int | None = None
    """T, tokens that a chain of thought writes, the answer included."""
    vocabulary: int | None = None
    """v, words that a written token is one of."""
    slots: int | None = None
    """S, slots of a Soft MoE without attention; --width is then the width of a token."""

    def run(self, console: Console) -> Outcome:
        """The table of bounds.

        Raises:
            InputError: a number out of range.
        """
        from theory.bounds import bounds_table

        size = self.size()
        rows = bounds_table(size)
        given = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        payload = {"input": given, "bounds": [_describe(row) for row in rows]}
        return Outcome(payload, _view(size, rows))

    def size(self) -> Size:
        """The flags as a checked :class:`theory.bounds.Size`; decimals are taken exactly as typed.

        Raises:
            InputError: a number out of range.
        """
        from theory.bounds import Size

        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        for name in ("hidden_ratio", "accuracy", "signal_to_noise"):
            if fields[name] is not None:
                fields[name] = Fraction(str(fields[name]))
        return Size(**fields)


def number(value: int | Fraction | bool | None) -> int | float | bool | None:
    """A value as JSON has it: rationals are ceilings and are rounded up, so that they stay true."""
    if isinstance(value, Fraction):
        return ceil(value * 10**DECIMALS) / 10**DECIMALS
    return value


def _describe(row: BoundRow) -> dict[str, object]:
    return {
        "statement": row.statement,
        "quantity": row.quantity,
        "value": number(row.value),
        "unit": row.unit,
        "applies": row.applies,
        "why": row.why,
    }


def _view(size: Size, rows: tuple[BoundRow, ...]) -> Table:
    from theory.bounds.row import flag

    table = Table(
        title=f"{size.vertices} vertices, r = {size.r} between source and target",
        title_justify="left",
        box=None,
        padding=(0, 2, 0, 0),
    )
    table.add_column("statement", no_wrap=True)
    table.add_column("quantity", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("why", overflow="fold")
    shown = [row for row in rows if row.applies or not row.missing]
    for row in shown:
        table.add_row(row.statement, row.quantity, _cell(row), row.why)
    missing = sorted({field for row in rows for field in row.missing})
    if missing:
        table.caption = f"{len(rows) - len(shown)} more rows with {', '.join(map(flag, missing))}"
        table.caption_justify = "left"
    return table


def _cell(row: BoundRow) -> str:
    value = number(row.value)
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.{DECIMALS}f}" if isinstance(value, float) else str(value)
