"""The width bound read backwards: up to how many vertices says it nothing against a layer, and up to how many is one
built.
"""

from __future__ import annotations

from theory.bounds.enclosure import smallest
from theory.bounds.message import Attention, message_suffices
from theory.errors import InputError


def largest_vertices(width: int, heads: int, bits: int, attention: Attention = "softmax") -> int:
    """The largest V at which counting messages does not rule out one layer of total value width ``D = width``.

    ``heads`` (H) read ``width`` numbers together; weights and values have ``bits`` (p) bits.  With r = V - 2 the
    logarithm of the number of messages, ``H log2(r(2^p-1)+1) + D log2(r(2^p-1)^2+1) - r``, is concave in r and 0 at
    r = 0: once it is negative it stays so.  At r = 1 it is never negative, so V is at least 3.

    Source: this project, ``own-message-bound``.

    Raises:
        InputError: a number below 1, or an unknown attention.
    """
    _at_least_1(width=width, heads=heads, bits=bits)
    # smallest() is the first r that is ruled out, so r + 1 vertices with the two ends are one too many.
    return smallest(lambda r: not message_suffices(r, heads, bits, width, attention)) + 1


def largest_packed_vertices(width: int, neurons: int, bits: int) -> int | None:
    """The largest V that the packed one-layer model answers with ``neurons`` hidden ReLUs; None if not even V = 3.

    With g base-3 digits a coordinate, ``3^(g-1) <= 2^p - 1``, it needs ``ceil(r/g) + 1`` coordinates and
    ``ceil(r/g)(2^g - 1)`` neurons, so ``r = g min(D - 1, floor(h / (2^g - 1)))``; the best g is taken.

    Source: this project, ``own-packed``.

    Raises:
        InputError: a number below 1.
    """
    _at_least_1(width=width, neurons=neurons, bits=bits)
    best, digits = 0, 1
    while 3 ** (digits - 1) <= 2**bits - 1 and 2**digits - 1 <= neurons:
        best = max(best, digits * min(width - 1, neurons // (2**digits - 1)))
        digits += 1
    return best + 2 if best else None


def _at_least_1(**values: int) -> None:
    for name, value in values.items():
        if value < 1:
            raise InputError(f"{name} {value} is below 1: give 1 or more.")
