"""Arrays of dyadic rationals: every float64 is one, and sums and products of them are computed without rounding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[Any]
"""Of Python integers (object arrays), or of int64 where nothing can overflow."""


@dataclass(frozen=True)
class Dyadic:
    """The array ``numbers / 2^bits``, of any shape; all operations are exact."""

    numbers: Integers
    bits: int = 0

    @classmethod
    def of(cls, floats: NDArray[np.float64]) -> Dyadic:
        """Every float as the fraction that it is; they must be finite."""
        ratios = [float(x).as_integer_ratio() for x in floats.reshape(-1)]
        bits = max((denominator.bit_length() - 1 for _, denominator in ratios), default=0)
        numbers = [numerator << (bits - denominator.bit_length() + 1) for numerator, denominator in ratios]
        return cls(np.array(numbers, dtype=object).reshape(floats.shape), bits)

    def __getitem__(self, index: Any) -> Dyadic:
        return Dyadic(self.numbers[index], self.bits)

    def __add__(self, other: Dyadic) -> Dyadic:
        bits = max(self.bits, other.bits)
        return Dyadic(self.at(bits) + other.at(bits), bits)

    def __mul__(self, other: Dyadic | int) -> Dyadic:
        if isinstance(other, int):
            return Dyadic(self.numbers * other, self.bits)
        return Dyadic(self.numbers * other.numbers, self.bits + other.bits)

    def __matmul__(self, other: Dyadic) -> Dyadic:
        return Dyadic(self.numbers @ other.numbers, self.bits + other.bits)

    def at(self, bits: int) -> Integers:
        """The numerators over ``2^bits``, which must be no coarser than this array."""
        return self.numbers * (1 << (bits - self.bits)) if bits > self.bits else self.numbers

    def largest(self) -> int:
        """The largest numerator, in absolute value."""
        return int(max(abs(self.numbers.max(initial=0)), abs(self.numbers.min(initial=0))))

    def as_int64(self) -> Dyadic:
        """The same array in machine integers; the caller has made sure that they suffice."""
        return Dyadic(self.numbers.astype(np.int64), self.bits)


def stacked(parts: Sequence[Dyadic], axis: int) -> Dyadic:
    """Arrays side by side, over one denominator."""
    bits = max(part.bits for part in parts)
    return Dyadic(np.concatenate([part.at(bits) for part in parts], axis=axis), bits)


def quotient(numerator: int, denominator: int, bits: int) -> float:
    """``numerator / denominator / 2^bits`` to the nearest float, infinite where that is too large for one."""
    exact = Fraction(int(numerator), int(denominator)) / Fraction(2) ** bits
    try:
        return float(exact)
    except OverflowError:
        return float("inf") if exact > 0 else float("-inf")
