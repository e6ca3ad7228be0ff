"""Real numbers between two rationals, so that integers decide every inequality with a logarithm, pi or e in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import factorial

START_PRECISION = 64
MAX_PRECISION = 4096


@dataclass(frozen=True)
class Enclosure:
    """A real number known to lie in ``[low, high]``, both exact rationals."""

    low: Fraction
    high: Fraction

    @classmethod
    def exact(cls, value: int | Fraction) -> Enclosure:
        """The enclosure that holds one rational only."""
        return cls(_rational(value), _rational(value))

    @property
    def width(self) -> Fraction:
        return self.high - self.low

    def __add__(self, other: Enclosure | int | Fraction) -> Enclosure:
        if not isinstance(other, Enclosure):
            other = Enclosure.exact(other)
        return Enclosure(self.low + other.low, self.high + other.high)

    def __sub__(self, other: Enclosure | int | Fraction) -> Enclosure:
        return self + (-1) * other

    def __rmul__(self, factor: int | Fraction) -> Enclosure:
        ends = (factor * self.low, factor * self.high)
        return Enclosure(min(ends), max(ends))


def _rational(value: int | Fraction) -> Fraction:
    """A fraction of Python integers: one of numpy integers would overflow."""
    return Fraction(int(value.numerator), int(value.denominator))


def log2(value: int | Fraction, precision: int = START_PRECISION) -> Enclosure:
    """Enclose the base-2 logarithm of a positive rational, to width at most ``2**(1 - precision)``.

    Write ``value = 2**e * z`` with ``1 <= z < 2`` and square ``z`` again and again: each time it reaches 2 the next
    binary digit is 1 and ``z`` is halved.  Rounding every square down never raises a digit string above the truth
    (``log2 z >= (digit + log2 z') / 2``); rounding up never lets it fall below, and the rest after the last digit
    is between 0 and 1.  A power of two is returned exactly.

    Raises:
        ValueError: ``value`` is not positive.
    """
    value = _rational(value)
    if value <= 0:
        raise ValueError(f"log2 of {value}: needs a positive number")
    exponent = _floor_log2(value)
    fraction_bits = precision + precision.bit_length() + 2
    shift = fraction_bits - exponent
    numerator = value.numerator << max(shift, 0)
    mantissa, remainder = divmod(numerator, value.denominator << max(-shift, 0))
    if not remainder and mantissa == 1 << fraction_bits:
        return Enclosure.exact(exponent)
    scale = 1 << precision
    low = _log2_digits(mantissa, fraction_bits, precision, up=False)
    high = _log2_digits(mantissa + bool(remainder), fraction_bits, precision, up=True) + 1
    return Enclosure(exponent + Fraction(low, scale), exponent + Fraction(high, scale))


def _floor_log2(value: Fraction) -> int:
    exponent = value.numerator.bit_length() - value.denominator.bit_length()
    too_large = value.numerator << max(-exponent, 0) < value.denominator << max(exponent, 0)
    return exponent - too_large


def _log2_digits(mantissa: int, fraction_bits: int, count: int, *, up: bool) -> int:
    two, carry = 2 << fraction_bits, (1 << fraction_bits) - 1 if up else 0
    digits = 0
    for _ in range(count):
        mantissa = (mantissa * mantissa + carry) >> fraction_bits
        digit = mantissa >= two
        if digit:
            mantissa = (mantissa + up) >> 1
        digits = 2 * digits + digit
    return digits


@lru_cache(maxsize=32)
def pi(precision: int = START_PRECISION) -> Enclosure:
    """Enclose pi by Machin's formula ``16 arctan(1/5) - 4 arctan(1/239)``."""
    return 16 * _arctan_of_inverse(5, precision + 8) - 4 * _arctan_of_inverse(239, precision + 8)


def _arctan_of_inverse(n: int, precision: int) -> Enclosure:
    # The series alternates and its terms shrink, so two neighbouring partial sums enclose its value.
    total, previous, k = Fraction(0), Fraction(0), 0
    term = Fraction(1, n)
    while True:
        previous, total = total, total + (-term if k % 2 else term)
        if term < Fraction(1, 1 << precision):
            return Enclosure(min(previous, total), max(previous, total))
        k += 1
        term = Fraction(1, (2 * k + 1) * n ** (2 * k + 1))


@lru_cache(maxsize=32)
def euler(precision: int = START_PRECISION) -> Enclosure:
    """Enclose e by its series; the tail after ``1/n!`` is below ``1/(n n!)``."""
    n = 1
    while n * factorial(n) < 1 << precision:
        n += 1
    total = sum((Fraction(1, factorial(k)) for k in range(n + 1)), Fraction(0))
    return Enclosure(total, total + Fraction(1, n * factorial(n)))


def log2_of(number: Enclosure, precision: int = START_PRECISION) -> Enclosure:
    """Enclose the base-2 logarithm of a positive number that is itself enclosed."""
    return Enclosure(log2(number.low, precision).low, log2(number.high, precision).high)


def log2_e(precision: int = START_PRECISION) -> Enclosure:
    """Enclose ``log2 e``."""
    return log2_of(euler(precision), precision)


def log2_2pi_e(precision: int = START_PRECISION) -> Enclosure:
    """Enclose ``log2(2 pi e)``: twice the entropy, in bits, of a Gaussian of unit variance."""
    return log2_of(pi(precision), precision) + log2_e(precision) + 1


def at_least_zero(number: Callable[[int], Enclosure]) -> bool:
    """Whether a number is at least 0, given its enclosure as a function of the precision in bits.

    The precision doubles until the enclosure lies on one side of 0.  A number that still cannot be told from 0 at
    ``MAX_PRECISION`` bits counts as at least 0.  Every caller asks "does the size pass this bound?", so a bound never
    rules out what it has not been shown to rule out.
    """
    precision = START_PRECISION
    while precision <= MAX_PRECISION:
        enclosure = number(precision)
        if enclosure.low >= 0:
            return True
        if enclosure.high < 0:
            return False
        precision *= 2
    return True


def smallest(holds: Callable[[int], bool]) -> int:
    """The smallest integer from 1 on at which a monotone condition holds: doubling, then bisection."""
    high = 1
    while not holds(high):
        high *= 2
    low = high // 2  # fails, or is 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
