"""One line of the table of bounds, and what it says about a size it lacks an input for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

from theory.bounds.size import Size

T = TypeVar("T")
Value = int | Fraction | bool

QUANTITIES = (
    "min_width",
    "ruled_out",
    "message_bits",
    "accuracy_ceiling",
    "construction_width",
    "critical_experts",
)


@dataclass(frozen=True)
class BoundRow:
    """One number that one statement gives for a size."""

    statement: str
    """Statement id, such as ``own-message-bound``."""
    quantity: str
    """One of ``QUANTITIES``."""
    value: Value | None
    """Exact: an integer, a rational or a truth value; ``None`` where the row does not apply."""
    unit: str
    applies: bool
    why: str
    """In words: where the number comes from, or what is missing."""
    missing: tuple[str, ...] = ()
    """Fields of ``Size`` that the row needs and that were not given."""


@dataclass(frozen=True)
class Rows:
    """Makes the rows of one statement at one size."""

    size: Size
    statement: str

    def row(
        self, quantity: str, unit: str, needs: tuple[str, ...], compute: Callable[[], tuple[Value | None, str]]
    ) -> BoundRow:
        """The row that ``compute`` returns as (value, why), or one that names the missing flags.

        A computed value of ``None`` is a row that does not apply although every input is there.
        """
        missing = tuple(name for name in needs if getattr(self.size, name) is None)
        if missing:
            why = f"give {' and '.join(map(flag, missing))}"
            return BoundRow(self.statement, quantity, None, unit, False, why, missing)
        value, why = compute()
        return BoundRow(self.statement, quantity, value, unit, value is not None, why)

    def widths(
        self, needs: tuple[str, ...], min_width: Callable[[], int], why: str, experts_why: str = ""
    ) -> list[BoundRow]:
        """A smallest width and the verdict it gives on the width asked about."""

        def least() -> tuple[Value, str]:
            return min_width(), sentences(why, experts_why)

        def verdict() -> tuple[Value, str]:
            needed, has = min_width(), self.size.width
            assert has is not None
            ruled_out = has < needed
            text = f"{'ruled out' if ruled_out else 'not ruled out'}: needs {needed}, has {has}"
            return ruled_out, sentences(text, experts_why)

        return [
            self.row("min_width", "coordinates", needs, least),
            self.row("ruled_out", "truth value", (*needs, "width"), verdict),
        ]


def flag(field: str) -> str:
    """The command line's word for a field of ``Size``."""
    return f"--{field.replace('_', '-')}"


def sentences(*parts: str) -> str:
    """Those of the parts that say something, as one line."""
    return "; ".join(part for part in parts if part)


def given(value: T | None) -> T:
    """A field that the row's ``needs`` has checked."""
    assert value is not None
    return value


def experts_after(size: Size) -> str:
    """Why the number of experts changes nothing, if there are several."""
    if size.experts == 1:
        return ""
    return f"K = {size.experts} does not occur: experts act after the message"


def at_accuracy(size: Size) -> str:
    """What a smaller width fails to reach."""
    return "" if size.accuracy is None else f"fewer coordinates cannot reach accuracy {float(size.accuracy)}"
