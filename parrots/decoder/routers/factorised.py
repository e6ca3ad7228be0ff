"""Factorised mixtures (muMoE, Oldfield et al. 2024): all experts at once, their weights one tensor of low CP rank."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from parrots.config import at_least
from parrots.decoder.routers.router import RoutedFeedForward, Router, RouterSettings, Routing
from theory.accounting.feed_forward import FeedForward, swiglu


@dataclass(frozen=True)
class Factorised(RouterSettings):
    """``y_t = down(silu(gate(x_t)) * up(x_t))``, each of the three maps mixed from K experts for every token.

    A map of the mixture is ``sum_k a_tk W_k`` with ``a_t = softmax(V x_t)`` and, for some rank R,
    ``W_k = sum_r c_kr u_r v_r^T`` (canonical polyadic form), so it is ``((x U) * (a C)) V^T`` and no W_k is ever
    written out: equation 2 of the paper.  The paper's coefficients are 1.5-entmax of normalised logits; here they are
    a softmax.  Every token uses every expert, so nothing is sparse, dropped or unbalanced.
    """

    name: ClassVar[str] = "factorised"

    rank: int | None = None
    """R of each map; None: the largest with no more parameters in the maps than the dense layer has, at least 1."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.rank is not None:
            at_least("rank", self.rank, 1)

    @property
    def token_wise(self) -> bool:
        return True

    def rank_for(self, width: int, hidden: int) -> int:
        """R for a layer of ``hidden`` units."""
        if self.rank is not None:
            return self.rank
        return max(1, swiglu(width, hidden) // (3 * (self.experts + width + hidden)))

    def build(self, width: int, hidden: int) -> RoutedFeedForward:
        return FactorisedLayer(self, width, hidden)

    def count(self, width: int, hidden: int, tokens: int) -> FeedForward:
        """A token uses all numbers."""
        maps = 3 * self.rank_for(width, hidden) * (self.experts + width + hidden)
        router = self.experts * width
        return FeedForward(router, maps, maps, 2 * tokens * (router + maps))


class MixedLinear(nn.Module):
    """``x, a -> ((x U) * (a C)) V^T``, the linear map ``sum_k a_k sum_r c_kr u_r v_r^T``.

    Parameters ``inputs`` = U^T ``[R, inputs]``, ``experts`` = C^T ``[R, K]``, ``outputs`` = V ``[outputs, R]``.
    """

    def __init__(self, experts: int, inputs: int, outputs: int, rank: int) -> None:
        super().__init__()
        self.inputs = nn.Parameter(torch.empty(rank, inputs))
        self.experts = nn.Parameter(torch.empty(rank, experts))
        self.outputs = nn.Parameter(torch.empty(outputs, rank))

    def initialise(self, generator: torch.Generator | None, scale: float) -> None:
        """Experts' factors from N(1, 1) as in the paper, ``outputs`` times ``scale``."""
        with torch.no_grad():
            self.experts.normal_(1.0, 1.0, generator=generator)
            self.outputs.mul_(scale)

    def forward(self, x: Tensor, coefficients: Tensor) -> Tensor:
        """``x`` ``[..., inputs]``, ``coefficients`` ``[..., K]`` -> ``[..., outputs]``."""
        return ((x @ self.inputs.mT) * (coefficients @ self.experts.mT)) @ self.outputs.mT


class FactorisedLayer(RoutedFeedForward):
    """The layer of :class:`Factorised`."""

    def __init__(self, settings: Factorised, width: int, hidden: int) -> None:
        super().__init__()
        self.settings = settings
        K, rank = settings.experts, settings.rank_for(width, hidden)
        self.router = Router(width, K)
        self.gate = MixedLinear(K, width, hidden, rank)
        self.up = MixedLinear(K, width, hidden, rank)
        self.down = MixedLinear(K, hidden, width, rank)

    def initialise(self, generator: torch.Generator | None, residual_scale: float) -> None:
        for mixed, scale in ((self.gate, 1.0), (self.up, 1.0), (self.down, residual_scale)):
            mixed.initialise(generator, scale)

    def forward(self, x: Tensor, ids: Tensor | None = None) -> tuple[Tensor, Routing]:
        """``x`` ``[batch, tokens, width]``."""
        logits_TK = self.router(x).flatten(0, 1)
        a_TK = logits_TK.softmax(-1)
        a, x_TD = a_TK.to(x.dtype), x.flatten(0, 1)
        y_TD = self.down(silu(self.gate(x_TD, a)) * self.up(x_TD, a), a)
        all_TK = torch.ones_like(a_TK, dtype=torch.bool)
        return y_TD.view_as(x).to(x.dtype), Routing(logits_TK, a_TK, all_TK, all_TK)


ROUTER = Factorised
