"""What every router has in common: its settings, the layer it builds, and the record of what it decided."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from torch import Tensor, nn

from parrots.config import at_least


class Routing(NamedTuple):
    """What a router decided about ``T`` tokens; tensors only, so that ``torch.func.vmap`` carries it.

    For Soft MoE the columns are slots.
    """

    logits_TK: Tensor
    probabilities_TK: Tensor
    """What the gates are made of."""
    chosen_TK: Tensor
    """Boolean: the token wants the expert (before any limit of capacity)."""
    taken_TK: Tensor
    """Boolean: the expert processes the token."""


class RoutedFeedForward(nn.Module):
    """A feed-forward layer of experts: ``x [batch, tokens, width] -> (output of that shape, Routing)``."""

    def rebalance(self, routing: Routing) -> None:
        """Called after each step with what the layer decided in it; most routers have nothing to move.

        A router that has moves its buffers in place, and only by operations that take leading dimensions: an ensemble
        calls it with buffers ``[E, ...]`` and routings ``[E, T, K]``.
        """


@dataclass(frozen=True)
class RouterSettings:
    """Settings of a router; a file of this folder defines one as ``ROUTER``."""

    name: ClassVar[str]

    experts: int

    def __post_init__(self) -> None:
        at_least("experts", self.experts, 1)

    @property
    def token_wise(self) -> bool:
        """Whether what the layer makes of a token depends on that token alone.

        Then a text can be run in parts: with a cache, or the last layer for the last tokens only.
        """
        return False

    def build(self, width: int, hidden: int) -> RoutedFeedForward:
        """The layer, experts of ``hidden`` units each."""
        raise NotImplementedError

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name} | dataclasses.asdict(self)
