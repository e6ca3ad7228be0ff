"""Sizes of the two hand-built one-layer models: one coordinate a vertex (dense), or one a block of vertices (packed).

Packed: vertex ``i`` is the digit ``3^(i mod g)`` of coordinate ``floor(i / g)``.  A vertex is counted 0, 1 or 2 times
(no edge, one of its two edges, both), so a coordinate is a base-3 number and the answer is yes iff some digit is 2.
"""

from __future__ import annotations

from theory.bounds.message import ceil_log2
from theory.errors import InputError


def dense_width(vertices: int) -> int:
    """``V``: the width that suffices by Theorem 3.3."""
    return vertices


def packed_digits(r: int, bits: int, neurons: int | None = None) -> int | None:
    """The most base-3 digits a coordinate can hold: the largest ``g <= r`` with ``3^(g-1) <= 2^bits - 1``.

    ``bits`` limit one edge's contribution, its value minus the null token's, to ``0 ... 2^bits - 1``.  With ``neurons``
    also ``ceil(r/g) (2^g - 1) <= neurons``; ``None`` if not even one digit a coordinate fits.
    """
    digits = 0
    while digits < r and 3**digits <= 2**bits - 1:
        if neurons is not None and packed_neurons(r, digits + 1) > neurons:
            break
        digits += 1
    return digits or None


def packed_width(r: int, digits: int) -> int:
    """``ceil(r/g) + 1``: a coordinate for each block of ``g`` vertices, and one named ``answer``.

    Raises:
        InputError: ``digits < 1``.
    """
    if digits < 1:
        raise InputError(f"{digits} digits a coordinate: give 1 or more.")
    return -(-r // digits) + 1


def packed_neurons(r: int, digits: int) -> int:
    """``ceil(r/g) (2^g - 1)`` hidden units: a zig-zag of ``2^g - 1`` for each coordinate finds a digit 2."""
    return -(-r // digits) * (2**digits - 1)


def packed_bits(r: int, digits: int) -> int:
    """``ceil(g log2 3) + ceil(log2 r)`` bits for one coordinate of the state."""
    return ceil_log2(3**digits) + ceil_log2(r)
