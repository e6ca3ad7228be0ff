"""How far the float32 program can be from exact arithmetic, in fractions.

Standard model of rounding: ``fl(a op b) = (a op b)(1 + t)`` with ``|t| <= u = 2^-24``; a sum of n + 1 terms, in any
order, is off by at most ``gamma(n)`` times the sum of their absolute values, ``gamma(n) = n u / (1 - n u)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from theory.bounds.softmax import is_power_of_two

UNIT_ROUNDOFF = Fraction(1, 2**24)
"""u of float32, in which the answers are shown to be right."""
EXACT_INTEGERS = 2**24
"""Integers up to here are exact in float32, and so are the multiples of a power of two up to as many of it."""


def gamma(n: int) -> Fraction:
    """``n u / (1 - n u)``."""
    return n * UNIT_ROUNDOFF / (1 - n * UNIT_ROUNDOFF)


def state_error(tokens: int, largest: int) -> Fraction:
    """Bound on the error of a recovered sum of digits, at most ``largest``, that was averaged over N = ``tokens``.

    The sum is exact (integers below 2^24).  Dividing by N takes one rounding, two where a library multiplies by the
    rounded 1/N, and the gain N one more; for N a power of two none of them rounds.
    """
    if is_power_of_two(tokens):
        return Fraction(0)
    return largest * ((1 + UNIT_ROUNDOFF) ** 3 - 1)


@dataclass(frozen=True)
class Units:
    """ReLU units that read one coordinate: sums over them, all exact.

    ``weighted_scale`` is ``sum |w| |scale|``, ``weighted_bias`` ``sum |w| |bias|``, ``weighted_value`` the greatest
    ``sum |w| relu(scale x + bias)`` over the coordinate's states x, of which ``largest`` is the greatest.
    """

    count: int
    largest: int
    weighted_scale: Fraction
    weighted_bias: Fraction
    weighted_value: Fraction


def logit_error(tokens: int, coordinates: list[Units]) -> Fraction:
    """Bound on the error of the sum of all units before the constant is added, over all inputs.

    A preactivation ``scale x + bias`` is off by the state's error and two roundings; a ReLU passes errors on; the sum
    over all units takes a rounding a product and one an addition.  Adding the constant never changes a sign.
    """
    units = sum(part.count for part in coordinates)
    entering = Fraction(0)
    values = Fraction(0)
    for part in coordinates:
        delta = state_error(tokens, part.largest)
        reach = part.weighted_scale * (part.largest + delta) + part.weighted_bias
        entering += part.weighted_scale * delta + gamma(2) * reach
        values += part.weighted_value
    return entering + gamma(units + 1) * (values + entering)
