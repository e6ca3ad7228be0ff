"""The decoder model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from parrots.decoder.config import DecoderConfig
from parrots.decoder.layer import DecoderLayer
from parrots.decoder.rotary import rotation
from parrots.decoder.routers import RoutedFeedForward, Routing
from theory.errors import InputError


class Output(NamedTuple):
    """``logits`` ``[batch, tokens or last, vocabulary]``; ``routings``: one for each routed layer."""

    logits: Tensor
    routings: tuple[Routing, ...]


class Decoder(nn.Module):
    """A pre-norm decoder: Mistral where ``router`` is None, Mixtral with token choice of renormalised gates."""

    def __init__(self, config: DecoderConfig, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocabulary, config.width)
        self.layers = nn.ModuleList([DecoderLayer(config) for _ in range(config.layers)])
        self.norm = nn.RMSNorm(config.width, eps=config.norm_epsilon)
        self.head = None if config.tied else nn.Linear(config.width, config.vocabulary, bias=False)
        self._initialise(generator)

    def forward(self, tokens: Tensor, *, last: int | None = None) -> Output:
        """Logits after each of the ``tokens`` ``[batch, tokens]``, or after the ``last`` of them only.

        With ``last`` the last layer attends, routes and reads out for those tokens alone, so for a router that judges
        a token by itself the logits are the same as without it.

        Raises:
            InputError: for more tokens than ``positions``.
        """
        N = tokens.shape[1]
        if self.config.positions < N:
            raise InputError(
                f"a sequence of {N} tokens, and the model has {self.config.positions} positions: "
                "give shorter sequences or a model with more positions."
            )
        x = self.embedding(tokens)
        places = torch.arange(N, device=tokens.device)
        turn = rotation(places.double() if x.dtype == torch.float64 else places, self.config.head_width,
                        self.config.rope_base)  # fmt: skip
        routings = []
        for number, layer in enumerate(self.layers, 1):
            wanted = N if last is None or number < len(self.layers) else last
            x, routing = layer(x, turn, wanted)
            if routing is not None:
                routings.append(routing)
        weight = self.embedding.weight if self.head is None else self.head.weight
        return Output(linear(self.norm(x), weight), tuple(routings))

    def rebalance(self, routings: Sequence[Routing]) -> None:
        """After a step: lets each router move what it balances by hand (loss-free bias)."""
        routed = [layer.feed_forward for layer in self.layers if isinstance(layer.feed_forward, RoutedFeedForward)]
        for layer, routing in zip(routed, routings, strict=True):
            layer.rebalance(routing)

    @torch.no_grad()
    def _initialise(self, generator: torch.Generator | None) -> None:
        """Gaussian with variance 1 / inputs; what writes to the residual stream is smaller by ``sqrt(2 layers)``."""
        for name, weight in self.named_parameters():
            if weight.ndim == 1:  # norms, and what routers set themselves
                continue
            inputs = weight.shape[-2] if weight.ndim == 3 else weight.shape[-1]
            writes = name.endswith(("attention.output.weight", "down", "down.weight"))
            scale = (2 * len(self.layers)) ** -0.5 if writes else 1.0
            weight.normal_(0.0, scale * inputs**-0.5, generator=generator)
