"""Token choice: every token picks its top-k experts (Shazeer et al. 2017; as in Mixtral)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from parrots.decoder.dispatch import dispatch
from parrots.decoder.experts import Experts
from parrots.decoder.routers.router import RoutedFeedForward, RouterSettings, Routing
from parrots.routing import route
from theory.accounting.feed_forward import FeedForward, swiglu
from theory.errors import InputError


@dataclass(frozen=True)
class TokenChoice(RouterSettings):
    """Top-k of a softmax over linear logits; the chosen gates sum to 1, a single one is the probability itself."""

    name: ClassVar[str] = "token-choice"

    top_k: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.top_k <= self.experts:
            raise InputError(
                f"top_k {self.top_k} of {self.experts} experts: give 1 to {self.experts}, or more experts."
            )

    @property
    def token_wise(self) -> bool:
        return True

    def count(self, width: int, hidden: int, tokens: int) -> FeedForward:
        expert, router = swiglu(width, hidden), width * self.experts
        active = self.top_k * expert
        return FeedForward(router, self.experts * expert, active, tokens * 2 * (router + active))

    def build(self, width: int, hidden: int) -> RoutedFeedForward:
        return TokenChoiceLayer(self, width, hidden)


class TokenChoiceLayer(RoutedFeedForward):
    """``y_t = sum over the chosen k of gate_tk expert_k(x_t)``."""

    def __init__(self, settings: TokenChoice, width: int, hidden: int) -> None:
        super().__init__()
        self.settings = settings
        self.router = nn.Linear(width, settings.experts, bias=False)
        self.experts = Experts(settings.experts, width, hidden)

    def forward(self, x: Tensor, ids: Tensor | None = None) -> tuple[Tensor, Routing]:
        """``x`` ``[batch, tokens, width]``."""
        x_TD = x.flatten(0, 1)
        logits_TK = self.router(x_TD).float()
        routed = route(logits_TK, self.settings.top_k)
        sent = dispatch(routed.experts, self.settings.experts)
        outputs_RD = self.experts(sent.rows(x_TD), sent.ends_K)
        y_TD = sent.combine(outputs_RD, routed.gates.to(x.dtype))
        taken_TK = one_hot(routed.experts, self.settings.experts).sum(-2).to(torch.bool)
        return y_TD.view_as(x), Routing(logits_TK, routed.probabilities, taken_TK, taken_TK)


ROUTER = TokenChoice
