"""What every router has in common: its settings, the layer it builds, and the record of what it decided."""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, softplus

from parrots.config import at_least
from theory.accounting.feed_forward import FeedForward
from theory.errors import InputError


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
class RouterSettings(ABC):
    """Settings of a router; a file of this folder defines one as ``ROUTER``."""

    name: ClassVar[str]

    experts: int
    """K."""

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

    @property
    def in_use(self) -> RouterSettings:
        """Settings of a layer that makes of tokens outside training what this one does: less what acts in training."""
        return self

    @abstractmethod
    def build(self, width: int, hidden: int) -> RoutedFeedForward:
        """The layer, experts of ``hidden`` units each."""

    @abstractmethod
    def count(self, width: int, hidden: int, tokens: int) -> FeedForward:
        """Numbers that the layer holds, and FLOPs of ``tokens`` tokens of one sequence."""

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name} | dataclasses.asdict(self)


class Router(nn.Module):
    """Logits of K experts, linear in the token's state; float32 at least, whatever autocast says.

    Rounded logits would change who is chosen.  With ``noise`` c > 0, in training only, noisy gating (Shazeer et al.
    2017, equation 4 for c = 1): ``logits + c * normal * softplus(x noise_weight^T)``.
    """

    def __init__(self, width: int, experts: int, noise: float = 0.0) -> None:
        super().__init__()
        self.noise = noise
        self.weight = nn.Parameter(torch.empty(experts, width))
        self.noise_weight = nn.Parameter(torch.zeros(experts, width)) if noise else None

    def forward(self, x: Tensor) -> Tensor:
        """``[..., width] -> [..., K]``."""
        logits = exact_linear(x, self.weight)
        if self.noise_weight is None or not self.training:
            return logits
        scale = softplus(exact_linear(x, self.noise_weight))
        return logits + self.noise * scale * torch.randn_like(logits)


def exact_linear(x: Tensor, weight: Tensor) -> Tensor:
    """``x weight^T`` in float32 or wider, autocast or not."""
    with torch.autocast(x.device.type, enabled=False):
        dtype = torch.promote_types(x.dtype, torch.float32)
        return linear(x.to(dtype), weight.to(dtype))


def check_number(name: str, value: object, *, above: bool = False) -> None:
    """Raises :class:`theory.errors.InputError` unless ``value`` is finite and at least 0, or ``above`` 0."""
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not number or value < 0 or (above and value == 0):  # type: ignore[operator]
        raise InputError(
            f"{name} {value!r:.80} is not allowed: give a finite number {'above' if above else 'of at least'} 0."
        )
