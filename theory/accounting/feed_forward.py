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
    shared: int = 0
    """Experts that every token passes, counted beside ``experts``, and the gate that scales them."""


@dataclass(frozen=True)
class Mixture:
    """SwiGLU experts of ``hidden`` units, of which a token takes ``top_k``, and shared ones that it takes always."""

    experts: int
    top_k: int
    hidden: int
    bias: bool = False
    """Of every matrix of an expert."""
    router_bias: bool = False
    shared: int = 0
    """Hidden units of all shared experts together."""
    shared_gate: bool = False
    """Whether a number computed from the token scales what the shared experts give."""

    def count(self, width: int, tokens: int) -> FeedForward:
        """The layer behind a linear router, for ``tokens`` tokens ``width`` numbers wide."""
        expert, linear = swiglu(width, self.hidden, self.bias), width * self.experts
        gate = self.shared_gate * width
        products = linear + self.top_k * swiglu(width, self.hidden) + swiglu(width, self.shared) + gate
        return FeedForward(
            router=linear + self.router_bias * self.experts,
            experts=self.experts * expert,
            active=self.top_k * expert,
            flops=tokens * 2 * products,
            shared=swiglu(width, self.shared) + gate,
        )


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


def swiglu(width: int, hidden: int, bias: bool = False) -> int:
    """Parameters of one SwiGLU expert: gate, up and down; with biases one more for each number they give."""
    return 3 * width * hidden + bias * (2 * hidden + width)


def _token_choice(router: Any, width: int, hidden: int, tokens: int) -> FeedForward:
    """Every token passes the router and its ``top_k`` experts."""
    return Mixture(router.experts, router.top_k, hidden).count(width, tokens)


_COUNTS: dict[str, Callable[[Any, int, int, int], FeedForward]] = {
    "token-choice": _token_choice,
}
