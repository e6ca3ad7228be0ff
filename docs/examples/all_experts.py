"""All experts: every token passes all K, weighted by a softmax; what sparsity is compared with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from parrots.decoder.routers.buffers import BufferedExperts
from parrots.decoder.routers.router import RoutedFeedForward, Router, RouterSettings, Routing
from theory.accounting.feed_forward import FeedForward, swiglu


@dataclass(frozen=True)
class AllExperts(RouterSettings):
    """``y_t = sum over all k of p_tk expert_k(x_t)``, p a softmax of linear logits."""

    name: ClassVar[str] = "all-experts"

    @property
    def token_wise(self) -> bool:
        """A text can be run in parts, with a cache."""
        return True

    def build(self, width: int, hidden: int) -> RoutedFeedForward:
        return AllExpertsLayer(self, width, hidden)

    def count(self, width: int, hidden: int, tokens: int) -> FeedForward:
        router, experts = width * self.experts, self.experts * swiglu(width, hidden)
        return FeedForward(router, experts, active=experts, flops=2 * tokens * (router + experts))


class AllExpertsLayer(RoutedFeedForward):
    """The layer of :class:`AllExperts`."""

    def __init__(self, settings: AllExperts, width: int, hidden: int) -> None:
        super().__init__()
        self.router = Router(width, settings.experts)
        self.experts = BufferedExperts(settings.experts, width, hidden)

    def forward(self, x: Tensor, ids: Tensor | None = None) -> tuple[Tensor, Routing]:
        """``x`` ``[batch, tokens, width]``."""
        x_TD = x.flatten(0, 1)
        logits_TK = self.router(x_TD)
        gates_TK = logits_TK.softmax(-1)
        outputs_KTD = self.experts.in_buffers(x_TD.expand(logits_TK.shape[-1], -1, -1))
        y_TD = torch.einsum("tk,ktd->td", gates_TK.to(outputs_KTD.dtype), outputs_KTD)
        everyone_TK = torch.ones_like(gates_TK, dtype=torch.bool)
        return y_TD.view_as(x), Routing(logits_TK, gates_TK, everyone_TK, everyone_TK)


ROUTER = AllExperts
