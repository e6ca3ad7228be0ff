"""What token-wise models need at the widths of this study: bounds, the sizes where they take over, ceilings."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from theory.bounds import (
    entropy_min_width,
    entropy_suffices,
    message_bits,
    message_min_width,
    message_suffices,
    pattern_ceiling,
    pattern_min_width,
    pattern_suffices,
    planted_ceiling,
)
from theory.bounds.cross_token import cross_token_width
from theory.instances import default_overlap_size

BITS = 8
"""p of the message and entropy bounds: bfloat16 has as many, in which the constructions are exact at these sizes."""
BUILT_UNITS = 3
"""Hyperplanes of the hand-built expert choice: two experts of one unit and one difference of router rows."""

MinWidth = Callable[[int], int]
BOUNDS: dict[str, tuple[str, MinWidth, Callable[[int, int], bool]]] = {
    f"message, {BITS} bits": (
        "own-message-bound",
        lambda r: message_min_width(r, 1, BITS),
        lambda r, width: message_suffices(r, 1, BITS, width),
    ),
    f"entropy, {BITS} bits": (
        "own-entropy-bound",
        lambda r: entropy_min_width(r, 1, BITS),
        lambda r, width: entropy_suffices(r, 1, BITS, width),
    ),
    "patterns, 4r units": (
        "own-pattern-bound",
        lambda r: pattern_min_width(r, 4 * r, attention="softmax"),
        lambda r, width: pattern_suffices(r, 4 * r, width, attention="softmax"),
    ),
    f"patterns, {BUILT_UNITS} units": (
        "own-pattern-bound",
        lambda r: pattern_min_width(r, BUILT_UNITS, attention="softmax"),
        lambda r, width: pattern_suffices(r, BUILT_UNITS, width, attention="softmax"),
    ),
}
"""Name -> statement, the least width at r intermediates, and whether a width is not ruled out there."""


@lru_cache
def least_width(bound: str, r: int) -> int:
    """The least width of a token-wise model that the bound does not rule out."""
    return BOUNDS[bound][1](r)


@lru_cache
def excluded_from(bound: str, most: int) -> int | None:
    """The least r from which on, up to ``most``, width c + 4 is ruled out for token-wise models; None if never."""
    allowed = [r for r in range(1, most + 1) if BOUNDS[bound][2](r, cross_token_width(r))]
    return None if allowed[-1] == most else allowed[-1] + 1


@lru_cache
def message_ceiling(r: int, width: int) -> float:
    """Accuracy on planted graphs that no token-wise model of :data:`BITS` bits exceeds, rounded up."""
    return float(planted_ceiling(message_bits(r, 1, BITS, width), r, default_overlap_size(r)))


@lru_cache
def dense_ceiling(r: int, width: int, units: int) -> float:
    """The same for a dense block of ReLU ``units`` with real weights."""
    return float(pattern_ceiling(r, units, width, attention="softmax", set_size=default_overlap_size(r)))
