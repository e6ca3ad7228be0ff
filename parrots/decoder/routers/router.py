"""What every router has in common: its settings, the layer it builds, and the record of what it decided."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from parrots.config import at_least
from theory.accounting.feed_forward import FeedForward


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
    """A feed-forward layer of experts: ``(x [batch, tokens, width], ids) -> (output of that shape, Routing)``.

    ``ids`` ``[batch, tokens]`` are the tokens themselves, None where they are not known; most routers go by x alone.
    No shape in ``forward`` depends on data, so that ``torch.func.vmap`` maps it over stacked parameters.
    """

    def initialise(self, generator: torch.Generator | None, residual_scale: float) -> None:
        """Called once, after the decoder drew every matrix from N(0, 1 / inputs): for what should start otherwise.

        ``residual_scale`` is the factor of a matrix that writes to the residual stream.
        """

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
    def causal(self) -> bool:
        """Whether what the layer makes of a token depends on no later token of its sequence.

        A decoder with a router that is not causal reads the answers that it is trained to predict.
        """
        return True

    @property
    def token_wise(self) -> bool:
        """Whether what the layer makes of a token depends on that token alone.

        Then a text can be run in parts: with a cache, or the last layer for the last tokens only.
        """
        return False

    def build(self, width: int, hidden: int) -> RoutedFeedForward:
        """The layer, experts of ``hidden`` units each."""
        raise NotImplementedError

    def count(self, width: int, hidden: int, tokens: int) -> FeedForward:
        """Numbers that the layer holds, and FLOPs of ``tokens`` tokens: of all of a batch, together."""
        raise NotImplementedError

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name} | dataclasses.asdict(self)


def router_logits(x: Tensor, weight: Tensor) -> Tensor:
    """``x weight^T`` ``[..., K]`` in float32 at least, whatever autocast says: rounded logits change who is chosen."""
    with torch.autocast(x.device.type, enabled=False):
        dtype = torch.promote_types(x.dtype, torch.float32)
        return linear(x.to(dtype), weight.to(dtype))
