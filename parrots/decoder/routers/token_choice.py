"""Token choice: every token picks its top-k experts (Shazeer et al. 2017, Fedus et al. 2022, Jiang et al. 2024)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from parrots.config import at_least
from parrots.decoder.dispatch import dispatch
from parrots.decoder.routers.buffers import BufferedExperts, gathered, room
from parrots.decoder.routers.router import RoutedFeedForward, Router, RouterSettings, Routing, check_number
from parrots.routing import route
from theory.accounting.feed_forward import FeedForward, swiglu
from theory.errors import InputError


@dataclass(frozen=True)
class TokenChoice(RouterSettings):
    """``y_t = sum over the chosen k of gate_tk expert_k(x_t)``, the chosen being the top-k of ``softmax(W x_t)``.

    Raises :class:`theory.errors.InputError` for more choices than experts, a capacity of 0 or less, negative noise or
    rate, and one choice with renormalised gates.
    """

    name: ClassVar[str] = "token-choice"

    top_k: int = 2
    renormalise: bool | None = None
    """Whether the gates of the chosen sum to 1 (Mixtral) or are the probabilities themselves (OLMoE).  None: several
    are renormalised and one is not.  One renormalised gate is the constant 1, which leaves the router without
    gradient from the answers, so that is refused."""
    noise: float = 0.0
    """Noisy gating in training: a factor of Shazeer's learned noise (1 is his); 0 is none."""
    capacity: float | None = None
    """In training an expert takes at most ``ceil(capacity * top_k * T / K)`` of the batch's T tokens.  First come,
    first served: sequence after sequence and token after token, whatever the choice's rank (Fedus et al. 2022).  A
    choice that finds no room adds nothing, and the gates of the others stay: with all choices dropped a token is left
    with its residual.  None, and any evaluation, drops nothing: an answer then depends on no other sequence."""
    balance_rate: float = 0.0
    """Loss-free balancing: after each step the bias of an expert that was chosen less than average rises by this rate,
    of one chosen more falls.  The bias enters the choice and not the gates (Wang et al. 2024).  Theirs is added to
    sigmoids, ours to the softmax: a token whose probability is near 1 moves only once the bias is, too."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("top_k", self.top_k, 1)
        if self.top_k > self.experts:
            raise InputError(
                f"top_k {self.top_k} of {self.experts} experts: give 1 to {self.experts}, or more experts."
            )
        if self.renormalise and self.top_k == 1:
            raise InputError(
                "renormalise with top_k 1 makes every gate 1 and leaves the router without gradient: leave it out, "
                "or give top_k 2 or more."
            )
        check_number("noise", self.noise)
        check_number("balance_rate", self.balance_rate)
        if self.capacity is not None:
            check_number("capacity", self.capacity, above=True)

    @property
    def token_wise(self) -> bool:
        return self.capacity is None

    @property
    def in_use(self) -> TokenChoice:
        """No token is dropped and no noise added."""
        return replace(self, capacity=None, noise=0.0)

    def build(self, width: int, hidden: int) -> RoutedFeedForward:
        return TokenChoiceLayer(self, width, BufferedExperts(self.experts, width, hidden))

    def count(self, width: int, hidden: int, tokens: int) -> FeedForward:
        """With a capacity the buffers' rows count, full or not; that a batch's room is rounded up is left out."""
        expert, router = swiglu(width, hidden), width * self.experts * (2 if self.noise else 1)
        rows: float = tokens * self.top_k
        if self.capacity is not None:
            rows = min(self.capacity * rows, self.experts * tokens)
        flops = 2 * tokens * router + round(2 * rows * expert)
        return FeedForward(router, self.experts * expert, self.top_k * expert, flops)

    def room(self, tokens: int) -> int:
        """C, tokens of a batch of ``tokens`` that an expert takes at most in training."""
        return tokens if self.capacity is None else room(self.capacity * self.top_k, tokens, self.experts)


class ExpertModule(Protocol):
    """Experts that run on rows sorted by expert, and on buffers."""

    def __call__(self, rows_RD: Tensor, ends_K: Tensor) -> Tensor: ...

    def in_buffers(self, rows_KCD: Tensor) -> Tensor: ...


class TokenChoiceLayer(RoutedFeedForward):
    """The layer of :class:`TokenChoice` over given ``experts``: sorted rows without capacity, buffers with it."""

    bias: Tensor | None

    def __init__(self, settings: TokenChoice, width: int, experts: ExpertModule) -> None:
        super().__init__()
        self.settings = settings
        self.router = Router(width, settings.experts, settings.noise)
        self.experts = experts
        self.register_buffer("bias", torch.zeros(settings.experts) if settings.balance_rate else None)

    def initialise(self, generator: torch.Generator | None, residual_scale: float) -> None:
        """Noise starts at its middle, softplus(0), for all experts (Shazeer et al. 2017, appendix A)."""
        if self.router.noise_weight is not None:
            nn.init.zeros_(self.router.noise_weight)

    def forward(self, x: Tensor, ids: Tensor | None = None) -> tuple[Tensor, Routing]:
        """``x`` ``[batch, tokens, width]``."""
        x_TD, settings = x.flatten(0, 1), self.settings
        logits_TK = self.router(x_TD)
        routed = route(logits_TK, settings.top_k, renormalise=settings.renormalise, bias=self.bias)
        chosen_TK = one_hot(routed.experts, settings.experts).sum(-2).to(torch.bool)
        if settings.capacity is None or not self.training:
            sent = dispatch(routed.experts, settings.experts)
            y_TD = sent.combine(self.experts(sent.rows(x_TD), sent.ends_K), routed.gates.to(x.dtype))
            return y_TD.view_as(x), Routing(logits_TK, routed.probabilities, chosen_TK, chosen_TK)
        places_TK = chosen_TK.cumsum(0) - 1
        taken_TK = chosen_TK & (places_TK < settings.room(len(x_TD)))
        y_TD = self._with_room(x_TD, routed.experts, routed.gates, places_TK, taken_TK)
        return y_TD.view_as(x), Routing(logits_TK, routed.probabilities, chosen_TK, taken_TK)

    def _with_room(
        self, x_TD: Tensor, experts_Tk: Tensor, gates_Tk: Tensor, places_TK: Tensor, taken_TK: Tensor
    ) -> Tensor:
        """The output ``[T, width]`` where choice (t, k) sits at ``places_TK`` in the buffer of expert k, if taken."""
        T, k = experts_Tk.shape
        K, C = self.settings.experts, self.settings.room(T)
        kept_Tk = taken_TK.gather(1, experts_Tk)
        places_Tk = torch.where(kept_Tk, experts_Tk * C + places_TK.gather(1, experts_Tk), K * C)  # K C: nowhere
        token_of_choice = torch.arange(T, device=x_TD.device).repeat_interleave(k)
        nobody = torch.zeros(K * C + 1, dtype=torch.int64, device=x_TD.device)
        tokens_KC = nobody.scatter(0, places_Tk.flatten(), token_of_choice)[:-1].unflatten(0, (K, C))
        outputs_PD = self.experts.in_buffers(gathered(x_TD, tokens_KC)).flatten(0, 1).to(x_TD.dtype)
        outputs_TkD = outputs_PD.index_select(0, places_Tk.clamp(max=K * C - 1).flatten()).unflatten(0, (T, k))
        return (outputs_TkD * (gates_Tk * kept_Tk).to(x_TD.dtype).unsqueeze(-1)).sum(1)

    def rebalance(self, routing: Routing) -> None:
        if self.bias is None:
            return
        counts_K = routing.chosen_TK.sum(-2).to(self.bias.dtype)
        self.bias += self.settings.balance_rate * (counts_K.mean(-1, keepdim=True) - counts_K).sign()


ROUTER = TokenChoice
