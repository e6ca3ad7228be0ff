"""Soft MoE: slots are softmax means of tokens, a token's output is a softmax mean of slots' outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from parrots.config import at_least
from parrots.decoder.routers.buffers import BufferedExperts
from parrots.decoder.routers.router import RoutedFeedForward, RouterSettings, Routing
from theory.accounting.feed_forward import FeedForward, swiglu
from theory.errors import InputError

Over = Literal["past", "sequence"]


@dataclass(frozen=True)
class Soft(RouterSettings):
    """Soft MoE (Puigcerver et al. 2024) with S = ``experts * slots`` slots, ``slots`` of them for each expert.

    Logits ``l_ns = scale * <x_n / |x_n|, phi_s / |phi_s|>`` with a learned scale: tokens and slot vectors normalised,
    as in the paper's implementation and in Chung et al. 2025.  Slot ``z_s = sum_n softmax_n(l_ns) x_n`` (dispatch, over
    the tokens), output ``y_n = sum_s softmax_s(l_ns) expert_s(z_s)`` (combine, over the slots).

    **Over a whole sequence it is not causal**: a slot holds later tokens too, so a language model reads its answers.
    """

    name: ClassVar[str] = "soft"

    slots: int = 1
    """Slots of each expert."""
    over: Over = "past"
    """``past``: token n has its own slots, means of tokens 1 to n.  Causal, and the same as ``sequence`` for the last
    token, but the experts run S rows for every token instead of S for every sequence.
    ``sequence``: the paper's.  **Not causal**; right only where nothing but the last token is predicted."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("slots", self.slots, 1)
        if self.over not in get_args(Over):
            raise InputError(f"over {self.over!r:.80} is unknown: give one of {', '.join(get_args(Over))}.")

    @property
    def causal(self) -> bool:
        return self.over == "past"

    def build(self, width: int, hidden: int) -> RoutedFeedForward:
        return SoftLayer(self, width, hidden)

    def count(self, width: int, hidden: int, tokens: int) -> FeedForward:
        """Every token uses all experts.  The running sums of ``past`` are no matrix product and not counted."""
        S, expert = self.experts * self.slots, swiglu(width, hidden)
        past = self.over == "past"
        flops = 2 * ((2 if past else 3) * tokens * S * width + S * (tokens if past else 1) * expert)
        return FeedForward(S * width + 1, self.experts * expert, self.experts * expert, flops)


class SlotRouter(nn.Module):
    """Logits of S slots, bounded by the learned ``scale``."""

    def __init__(self, width: int, slots: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(slots, width))
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        """``[..., width] -> [..., S]``, float32 at least."""
        with torch.autocast(x.device.type, enabled=False):
            dtype = torch.promote_types(x.dtype, torch.float32)
            similarity = normalize(x.to(dtype), dim=-1) @ normalize(self.weight.to(dtype), dim=-1).mT
            return self.scale.to(dtype) * similarity


class SoftLayer(RoutedFeedForward):
    """The layer of :class:`Soft`; its routing's columns are slots, every token in every one."""

    def __init__(self, settings: Soft, width: int, hidden: int) -> None:
        super().__init__()
        self.settings = settings
        self.router = SlotRouter(width, settings.experts * settings.slots)
        self.experts = BufferedExperts(settings.experts, width, hidden)

    def initialise(self, generator: torch.Generator | None, residual_scale: float) -> None:
        nn.init.ones_(self.router.scale)

    def forward(self, x: Tensor, ids: Tensor | None = None) -> tuple[Tensor, Routing]:
        """``x`` ``[batch, tokens, width]``."""
        logits_BNS = self.router(x)
        combine_BNS = logits_BNS.softmax(-1)
        if self.settings.over == "past":
            slots_BNSD = self._means_of_the_past(x.to(logits_BNS.dtype), logits_BNS).to(x.dtype)
            outputs_BNSD = self._experts(slots_BNSD)
        else:
            slots_BSD = logits_BNS.softmax(1).mT @ x.to(logits_BNS.dtype)
            outputs_BNSD = self._experts(slots_BSD.to(x.dtype).unsqueeze(1))
        y = (combine_BNS.unsqueeze(-2).to(outputs_BNSD.dtype) @ outputs_BNSD).squeeze(-2)
        everywhere_TS = torch.ones_like(logits_BNS, dtype=torch.bool).flatten(0, 1)
        routing = Routing(logits_BNS.flatten(0, 1), combine_BNS.flatten(0, 1), everywhere_TS, everywhere_TS)
        return y.to(x.dtype), routing

    def _means_of_the_past(self, x: Tensor, logits_BNS: Tensor) -> Tensor:
        """``z_ns = sum over n' <= n of softmax_n'(l_n's) x_n'``, ``[B, N, S, width]``, as two running sums.

        Logits reach the scale at most, so its size is subtracted: a later token must not enter a rounding either.
        """
        powers_BNS = (logits_BNS - self.router.scale.abs()).exp()
        sums = (powers_BNS.unsqueeze(-1) * x.unsqueeze(-2)).cumsum(1)
        return sums / powers_BNS.cumsum(1).unsqueeze(-1)

    def _experts(self, slots_BNSD: Tensor) -> Tensor:
        """Each slot through its expert, the same shape; the slots of one expert are side by side."""
        B, N, S, D = slots_BNSD.shape
        rows_KCD = slots_BNSD.unflatten(2, (self.settings.experts, -1)).permute(2, 0, 1, 3, 4).reshape(-1, B * N, D)
        rows_KCD = rows_KCD.view(self.settings.experts, -1, D)
        outputs = self.experts.in_buffers(rows_KCD).view(self.settings.experts, B, N, -1, D)
        return outputs.permute(1, 2, 0, 3, 4).reshape(B, N, S, D)


ROUTER = Soft
