"""Parameters and FLOPs of one feed-forward layer of a decoder: dense, or of experts behind a router.

A SwiGLU expert of F hidden units is three matrices of ``width F`` numbers, two FLOPs a number for each token it takes.
A router that the table here does not know counts itself: its settings have a method
``count(width, hidden, tokens) -> FeedForward``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class FeedForward:
    """Numbers that one layer holds, and the FLOPs of a forward pass of some tokens of one sequence."""

    router: int
    experts: int
    """All experts together."""
    active: int
    """Those of the experts that one token uses, all of which it also uses of the router."""
    flops: int


def feed_forward(router: Any | None, width: int, hidden: int, tokens: int) -> FeedForward:
    """The layer of experts of ``hidden`` units behind ``router`` (None: dense), for ``tokens`` tokens of one sequence.

    Raises:
        KeyError: for a router that is not in the table and has no method ``count``.
    """
    if router is None:
        return FeedForward(0, swiglu(width, hidden), swiglu(width, hidden), tokens * 2 * swiglu(width, hidden))
    if hasattr(router, "count"):
        counted: FeedForward = router.count(width, hidden, tokens)
        return counted
    return _COUNTS[router.name](router, width, hidden, tokens)


def swiglu(width: int, hidden: int) -> int:
    """Parameters of one SwiGLU expert: gate, up and down."""
    return 3 * width * hidden


def _token_choice(router: Any, width: int, hidden: int, tokens: int) -> FeedForward:
    """Every token passes the router and its ``top_k`` experts."""
    expert, active = swiglu(width, hidden), router.top_k * swiglu(width, hidden)
    linear = width * router.experts
    return FeedForward(linear, router.experts * expert, active, tokens * 2 * (linear + active))


_COUNTS: dict[str, Callable[[Any, int, int, int], FeedForward]] = {
    "token-choice": _token_choice,
}
