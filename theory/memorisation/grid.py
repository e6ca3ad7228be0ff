"""Numbers with few bits inside given gaps: the multiples of ``2^-q``.

A multiple is exact in float64, so whether it lies inside a gap is decided without rounding.
"""

from __future__ import annotations

from bisect import bisect_left
from math import frexp

import numpy as np
from numpy.typing import NDArray

MOST_BITS = 48
"""Fraction bits at most: sums and midpoints of numbers below 8 are then exact in float64."""

Floats = NDArray[np.float64]


def inside(left: Floats, right: Floats, fraction_bits: int) -> Floats:
    """For each open gap the multiple of ``2^-fraction_bits`` nearest its middle; nan where none lies inside.

    ``left``, ``right`` ``[gaps]``.  A gap longer than the step holds one, at least ``(length - step)/2`` from its ends.
    """
    scale = 2.0**fraction_bits
    points = np.rint((left + right) / 2 * scale) / scale
    return np.where((left < points) & (points < right), points, np.nan)


def guaranteed_bits(gap: float) -> int:
    """Fraction bits at which the step is at most half of ``gap``, so that a quarter of it is left on both sides.

    At least 0.
    """
    return max(0, 2 - frexp(gap)[1])


def least_bits(left: Floats, right: Floats) -> int:
    """The fewest fraction bits (at least 0) at which every gap holds a number of the grid; grids are nested.

    ``MOST_BITS + 1`` where that many do not suffice.
    """

    def all_hold(bits: int) -> bool:
        scale = 2.0**bits
        return bool((np.floor(left * scale) + 1 < right * scale).all())

    return bisect_left(range(MOST_BITS + 1), True, key=all_hold)
