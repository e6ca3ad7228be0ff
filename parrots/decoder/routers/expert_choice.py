"""Expert choice: every expert picks the tokens that score highest for it (Zhou et al. 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor

from parrots.decoder.routers.buffers import BufferedExperts, gathered, room
from parrots.decoder.routers.router import RoutedFeedForward, Router, RouterSettings, Routing, check_number
from theory.accounting.feed_forward import FeedForward, swiglu
from theory.errors import InputError

Over = Literal["position", "sequence"]


@dataclass(frozen=True)
class ExpertChoice(RouterSettings):
    """``y_t = sum over the k that chose t of p_tk expert_k(x_t)`` with ``p_t = softmax(W x_t)``.

    Of a group of M tokens each expert takes the ``C = ceil(capacity M / K)`` with the largest p; the earlier wins a
    tie.  Loads are even by construction, and a token may be taken by any number of experts, none too.

    **Within a sequence this looks into the future**: whether a token is taken depends on the scores of later tokens,
    so a language model learns to read its answers there and cannot when it writes them.  Hence the choice of groups.
    """

    name: ClassVar[str] = "expert-choice"

    capacity: float = 2.0
    """Experts that a token has on average; at most K, where every expert takes every token."""
    over: Over = "position"
    """``position``: a group is the tokens at one position of all sequences of the batch.  Causal, but what a sequence
    gets depends on the others in its batch, and a batch of one is taken by all experts.
    ``sequence``: a group is the tokens of one sequence.  **Not causal**; right only where nothing but the last token
    is predicted."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.experts < 2:
            raise InputError("expert choice with 1 expert has nothing to choose by: give 2 experts or more.")
        check_number("capacity", self.capacity, above=True)
        if self.capacity > self.experts:
            raise InputError(
                f"capacity {self.capacity:g} of {self.experts} experts: with {self.experts} every expert takes every "
                "token; give no more."
            )
        if self.over not in get_args(Over):
            raise InputError(f"over {self.over!r:.80} is unknown: give one of {', '.join(get_args(Over))}.")

    @property
    def causal(self) -> bool:
        return self.over == "position"

    def build(self, width: int, hidden: int) -> RoutedFeedForward:
        return ExpertChoiceLayer(self, width, hidden)

    def count(self, width: int, hidden: int, tokens: int) -> FeedForward:
        """A token counts ``capacity`` experts, its mean."""
        expert, router = swiglu(width, hidden), width * self.experts
        active = round(self.capacity * expert)
        return FeedForward(router, self.experts * expert, active, 2 * tokens * (router + active))


class ExpertChoiceLayer(RoutedFeedForward):
    """The layer of :class:`ExpertChoice`."""

    def __init__(self, settings: ExpertChoice, width: int, hidden: int) -> None:
        super().__init__()
        self.settings = settings
        self.router = Router(width, settings.experts)
        self.experts = BufferedExperts(settings.experts, width, hidden)

    def forward(self, x: Tensor, ids: Tensor | None = None) -> tuple[Tensor, Routing]:
        """``x`` ``[batch, tokens, width]``."""
        x_TD = x.flatten(0, 1)
        logits_TK = self.router(x_TD)
        scores_TK = logits_TK.softmax(-1)
        tokens_KC = self._favourites(scores_TK.detach().unflatten(0, x.shape[:2]))
        gates_KC = scores_TK.mT.gather(1, tokens_KC)
        outputs_KCD = self.experts.in_buffers(gathered(x_TD, tokens_KC)) * gates_KC.to(x.dtype).unsqueeze(-1)
        y_TD = torch.zeros_like(x_TD).index_add(0, tokens_KC.flatten(), outputs_KCD.flatten(0, 1).to(x.dtype))
        nobody = torch.zeros_like(scores_TK, dtype=torch.bool)
        taken_TK = nobody.scatter(0, tokens_KC.mT, torch.ones_like(tokens_KC.mT, dtype=torch.bool))
        return y_TD.view_as(x), Routing(logits_TK, scores_TK, taken_TK, taken_TK)

    def _favourites(self, scores_BNK: Tensor) -> Tensor:
        """Numbers of the tokens that each expert takes, ``[K, groups * C]``; token n of sequence b is b N + n."""
        N, K = scores_BNK.shape[1:]
        by_sequence = self.settings.over == "sequence"
        groups_GMK = scores_BNK if by_sequence else scores_BNK.transpose(0, 1)
        G, M = groups_GMK.shape[:2]
        C = room(self.settings.capacity, M, K)
        member_GCK = groups_GMK.sort(dim=1, descending=True, stable=True).indices[:, :C]
        group = torch.arange(G, device=scores_BNK.device).view(G, 1, 1)
        token_GCK = group * N + member_GCK if by_sequence else member_GCK * N + group
        return token_GCK.permute(2, 0, 1).flatten(1)


ROUTER = ExpertChoice
