"""Softmax means in floating point: enclosed exponentials, and how far a computed mean can be off."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import factorial

from theory.bounds.enclosure import START_PRECISION, Enclosure, euler
from theory.errors import InputError

EXP_UNITS = 64
"""Roundoffs that an exponential may be off by: vectorised ones are up to 20 units in the last place off, that is 40."""
RESCALED = 128
"""A streaming softmax rescales its sums, by another exponential, at most once in so many terms."""
GRID = 2**32
"""Exponents are rounded to multiples of 1/GRID, outwards, so that powers stay short."""


@dataclass(frozen=True)
class Precision:
    """A floating-point format: its unit roundoff, and that of the format in which sums and exponentials are formed."""

    name: str
    unit: Fraction
    internal: Fraction

    @property
    def exact_integers(self) -> int:
        """Integers up to here are exact."""
        return int(1 / self.unit)


PRECISIONS = {
    precision.name: precision
    for precision in (
        Precision("float64", Fraction(1, 2**53), Fraction(1, 2**53)),
        Precision("float32", Fraction(1, 2**24), Fraction(1, 2**24)),
        Precision("bfloat16", Fraction(1, 2**8), Fraction(1, 2**24)),
    )
}


def precision_named(name: str) -> Precision:
    """Raises :class:`~theory.errors.InputError` for a format without an error bound here."""
    if name not in PRECISIONS:
        raise InputError(f"no error bound for {name[:40]}: give one of {', '.join(PRECISIONS)}.")
    return PRECISIONS[name]


def softmax_error(tokens: int, precision: Precision) -> Fraction:
    """Bound on the relative error of a softmax mean of ``tokens`` non-negative values, given exact logits and values.

    An exponential is off by at most ``EXP_UNITS`` internal roundoffs v and is rounded once.  Numerator and denominator
    are sums of non-negative terms, in any order, or in a stream that is rescaled by another exponential at most once in
    ``RESCALED`` terms: each is a relative ``2 N v / (1 - 2 N v)`` off.  The quotient, the mean and its place in the
    residual stream are rounded, four times in all.  Exponentials that underflow are below 2^-126 of the largest.

    Raises:
        InputError: so many tokens that the bound says nothing.
    """
    summed = 2 * tokens * precision.internal
    if not summed < Fraction(1, 4):
        raise InputError(
            f"{tokens} tokens: a sum of so many {precision.name} numbers may be a quarter off; give fewer slots."
        )
    sums = exp_factor(precision) / (1 - summed) + Fraction(tokens, 2**126) - 1
    return (1 + sums) * (1 + precision.unit) ** 4 / (1 - sums) - 1


def is_power_of_two(number: int | Fraction) -> bool:
    """Whether a product with this positive number is not rounded, underflow apart."""
    return all(part & (part - 1) == 0 for part in (number.numerator, number.denominator))


def exp_factor(precision: Precision) -> Fraction:
    """A computed exponential is at most this factor off."""
    return (1 + precision.unit) * (1 + EXP_UNITS * precision.internal)


def exp(exponent: int | Fraction) -> Enclosure:
    """Enclose ``e^x`` for a rational x, after rounding it outwards to a multiple of 1/``GRID``."""
    scaled = Fraction(exponent) * GRID
    low, high = scaled.numerator // scaled.denominator, -(-scaled.numerator // scaled.denominator)
    return Enclosure(_exp(Fraction(low, GRID)).low, _exp(Fraction(high, GRID)).high)


def _exp(x: Fraction) -> Enclosure:
    """``e^floor(x)`` from the enclosure of e, the rest by its series, whose tail is below twice its first term."""
    if x < 0:
        inverse = _exp(-x)
        return Enclosure(1 / inverse.high, 1 / inverse.low)
    whole, part = divmod(x, 1)
    terms = 20
    series = sum((part**k / factorial(k) for k in range(terms)), Fraction(0))
    base = euler(START_PRECISION)
    return Enclosure(base.low**whole * series, base.high**whole * (series + 2 * part**terms / factorial(terms)))
