"""Sizes and exact range of the attention-free Soft MoE construction: slot c collects the tokens of vertex group c."""

from __future__ import annotations

from fractions import Fraction

from theory.bounds.enclosure import Enclosure
from theory.bounds.message import ceil_log2
from theory.bounds.row import BoundRow, Rows, Value, given
from theory.bounds.size import Size
from theory.bounds.softmax import Precision, exp, is_power_of_two, softmax_error
from theory.errors import InputError

THRESHOLD = Fraction(3, 2)
"""A unit fires where a vertex is counted more often than this."""
MAX_ERROR = Fraction(1, 16)
"""Relative error of a slot up to which a firing unit still moves the logit by 1."""


def soft_moe_width(r: int, slots: int) -> int:
    """``ceil(r/S) + ceil(log2 S) + 1``: places within a group, the group's code, the sink.

    Raises:
        InputError: fewer than 1 slot, or more slots than vertices.
    """
    _check(r, slots)
    return group_size(r, slots) + ceil_log2(slots) + 1


def soft_moe_rows(size: Size) -> list[BoundRow]:
    """``own-soft-moe`` for ``slots``, at most one for each intermediate vertex."""

    def width() -> tuple[Value | None, str]:
        slots = given(size.slots)
        if slots > size.r:
            return None, f"{slots} slots for {size.r} intermediate vertices: each slot needs one"
        return soft_moe_width(size.r, slots), (
            f"ceil(r/S) + ceil(log2 S) + 1 without attention, {group_size(size.r, slots)} hidden units an expert"
        )

    return [Rows(size, "own-soft-moe").row("construction_width", "coordinates", ("slots",), width)]


def group_size(r: int, slots: int) -> int:
    """``ceil(r/S)``: vertices of the largest group, and hidden units of an expert."""
    return -(-r // slots)


def crosstalk(slots: int, beta: Fraction) -> Enclosure:
    """``(1 + e^(-2 beta))^k - 1``, ``k = ceil(log2 S)``: the most that other groups add to a count.

    At most ``binom(k, j)`` codes differ from a slot's in j places; a token of such a group weighs ``e^(-2 j beta)`` of
    one of the slot's own group, and at most one token of each holds the same place where no vertex has two.
    """
    faded, code = exp(-2 * beta), ceil_log2(slots)
    return Enclosure((1 + faded.low) ** code - 1, (1 + faded.high) ** code - 1)


def soft_moe_is_exact(slots: int, beta: Fraction, tokens: int, precision: Precision) -> bool:
    """Whether the construction is right on every graph of up to ``tokens`` tokens, rounding included.

    Logits are integers times ``beta``, exact if they are exact integers and ``beta`` is a power of two.  Then all that
    a slot holds is off by a relative ``e`` at most, so a count of 1 reads at most ``(1 + crosstalk)(1 + e)`` and the
    threshold at least ``3/2 (1 - e)``.
    """
    error = softmax_error(tokens, precision)
    exact = is_power_of_two(beta) and 2 * ceil_log2(slots) <= precision.exact_integers
    quiet = (1 + crosstalk(slots, beta).high) * (1 + error) < THRESHOLD * (1 - error)
    return exact and quiet and error <= MAX_ERROR


def soft_moe_beta(slots: int, tokens: int, precision: Precision) -> Fraction:
    """The least power of two from 1 on at which :func:`soft_moe_is_exact`.

    Raises:
        InputError: none up to 64, because the precision is too low for so many tokens or slots.
    """
    for power in range(7):
        if soft_moe_is_exact(slots, Fraction(2**power), tokens, precision):
            return Fraction(2**power)
    raise InputError(
        f"{slots} slots and {tokens} tokens are beyond what {precision.name} computes exactly: "
        "give fewer or a higher precision."
    )


def _check(r: int, slots: int) -> None:
    if not 1 <= slots <= r:
        raise InputError(f"{slots} slots for {r} intermediate vertices: each slot needs a vertex; give 1 to {r}.")
