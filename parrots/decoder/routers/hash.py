"""Random fixed routing: a hash of the token's id picks its experts (Roller et al. 2021), the baseline of routing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from parrots.config import at_least
from parrots.decoder.dispatch import dispatch
from parrots.decoder.experts import Experts
from parrots.decoder.routers.router import RoutedFeedForward, RouterSettings, Routing
from theory.accounting.feed_forward import FeedForward, swiglu
from theory.errors import InputError

_WORD = 0xFFFFFFFF


@dataclass(frozen=True)
class Hash(RouterSettings):
    """``y_t`` = the mean of ``expert_k(x_t)`` over ``top_k`` experts that a hash of token t's id and the seed picks.

    The choice looks like a uniform random subset for every id and never changes; all layers share it.  Nothing of the
    routing is learned, and loads are as even as the ids are.  Logits are 0 and probabilities ``1 / top_k`` for the
    chosen, so the auxiliary losses are constants here.
    """

    name: ClassVar[str] = "hash"

    top_k: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("top_k", self.top_k, 1)
        at_least("seed", self.seed, 0)
        if self.top_k > self.experts:
            raise InputError(
                f"top_k {self.top_k} of {self.experts} experts: give 1 to {self.experts}, or more experts."
            )

    @property
    def token_wise(self) -> bool:
        return True

    def build(self, width: int, hidden: int) -> RoutedFeedForward:
        return HashLayer(self, width, hidden)

    def count(self, width: int, hidden: int, tokens: int) -> FeedForward:
        expert = swiglu(width, hidden)
        return FeedForward(0, self.experts * expert, self.top_k * expert, 2 * tokens * self.top_k * expert)


class HashLayer(RoutedFeedForward):
    """The layer of :class:`Hash`; it needs the ids."""

    def __init__(self, settings: Hash, width: int, hidden: int) -> None:
        super().__init__()
        self.settings = settings
        self.experts = Experts(settings.experts, width, hidden)

    def forward(self, x: Tensor, ids: Tensor | None = None) -> tuple[Tensor, Routing]:
        """``x`` ``[batch, tokens, width]``, ``ids`` ``[batch, tokens]``; raises InputError without ids."""
        if ids is None:
            raise InputError("hash routing goes by the tokens' ids: give them with the states.")
        x_TD, K, k = x.flatten(0, 1), self.settings.experts, self.settings.top_k
        experts_Tk = hashed_experts(ids.reshape(-1), K, self.settings.seed)[:, :k]
        sent = dispatch(experts_Tk, K)
        gates_Tk = torch.full_like(experts_Tk, 1 / k, dtype=x.dtype)
        y_TD = sent.combine(self.experts(sent.rows(x_TD), sent.ends_K), gates_Tk)
        taken_TK = one_hot(experts_Tk, K).sum(-2).to(torch.bool)
        dtype = torch.promote_types(x.dtype, torch.float32)
        probabilities_TK = taken_TK.to(dtype) / k
        return y_TD.view_as(x), Routing(torch.zeros_like(probabilities_TK), probabilities_TK, taken_TK, taken_TK)


def hashed_experts(ids: Tensor, experts: int, seed: int) -> Tensor:
    """All experts in an order that looks random for every id, ``[T, K]``."""
    first = _mixed(_mixed(ids + (seed * 0x9E3779B9 & _WORD)).unsqueeze(-1) + torch.arange(experts, device=ids.device))
    return first.sort(dim=-1, stable=True).indices


def _mixed(x: Tensor) -> Tensor:
    """A bijection of 32-bit words in which every bit depends on every other (Wellons' ``lowbias32``)."""
    x = x & _WORD
    x = ((x ^ (x >> 16)) * 0x7FEB352D) & _WORD
    x = ((x ^ (x >> 15)) * 0x846CA68B) & _WORD
    return x ^ (x >> 16)


ROUTER = Hash
