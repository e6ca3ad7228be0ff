"""The decoder model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from parrots.decoder.cache import Cache
from parrots.decoder.config import DecoderConfig
from parrots.decoder.layer import DecoderLayer
from parrots.decoder.norm import RMSNorm
from parrots.decoder.rotary import Rotation, rotation
from parrots.decoder.routers import RoutedFeedForward, Routing
from theory.errors import InputError

EMBEDDING_DEVIATION = 0.02
"""Standard deviation of fresh embeddings."""


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
        self.norm = RMSNorm(config.width, eps=config.norm_epsilon)
        self.head = None if config.tied else nn.Linear(config.width, config.vocabulary, bias=False)
        self._initialise(generator)

    def forward(self, tokens: Tensor, *, last: int | None = None, cache: Cache | None = None) -> Output:
        """Logits after each of the ``tokens`` ``[batch, tokens]``, or after the ``last`` of them only.

        With ``last`` the last layer attends, routes and reads out for those tokens alone, unless its router judges
        tokens together; the logits are the same as without it.  With a ``cache`` the tokens go on from those that it
        holds, and it holds these too afterwards.

        Raises:
            InputError: for more tokens than ``positions`` or the cache have room for, a ``last`` that is not 1 to the
                number of tokens, and a cache with a router that judges tokens together.
        """
        N = tokens.shape[1]
        start = 0 if cache is None else cache.length
        self._check(start, N, last, cache)
        x = self.embedding(tokens)
        turn = self._turn(start, N, x)
        routings = []
        for number, layer in enumerate(self.layers):
            final = number == len(self.layers) - 1
            wanted = last if final and last is not None and self.token_wise else N
            x, routing = layer(x, turn, wanted, None if cache is None else cache.layers[number], tokens)
            if routing is not None:
                routings.append(routing)
        if last is not None:
            x = x[:, -last:]
        weight = self.embedding.weight if self.head is None else self.head.weight
        return Output(linear(self.norm(x), weight), tuple(routings))

    @property
    def token_wise(self) -> bool:
        """Whether routers, if any, judge each token by itself: some do so outside training only."""
        router = self.config.router
        return router is None or (router if self.training else router.in_use).token_wise

    def _turn(self, start: int, tokens: int, x: Tensor) -> Rotation:
        """The angles of the positions from ``start``; float64 for a model in float64."""
        dtype = torch.float64 if x.dtype == torch.float64 else torch.float32
        places = torch.arange(start, start + tokens, device=x.device, dtype=dtype)
        return rotation(places, self.config.head_width, self.config.rope_base)

    def _check(self, start: int, tokens: int, last: int | None, cache: Cache | None) -> None:
        if self.config.positions < start + tokens:
            raise InputError(
                f"a sequence of {start + tokens} tokens, and the model has {self.config.positions} positions: "
                "give shorter sequences or a model with more positions."
            )
        if last is not None and not 1 <= last <= tokens:
            raise InputError(f"the last {last} of {tokens} tokens: give 1 to {tokens}.")
        if cache is None:
            return
        cache.check_room(tokens)
        if not self.token_wise:
            assert self.config.router is not None
            raise InputError(
                f"router {self.config.router.name} as set here judges tokens together, so a text cannot be run in "
                "parts: give the whole text and no cache."
            )

    def rebalance(self, routings: Sequence[Routing]) -> None:
        """After a step: lets each router move what it balances by hand (loss-free bias)."""
        routed = [layer.feed_forward for layer in self.layers if isinstance(layer.feed_forward, RoutedFeedForward)]
        for layer, routing in zip(routed, routings, strict=True):
            layer.rebalance(routing)

    @torch.no_grad()
    def _initialise(self, generator: torch.Generator | None) -> None:
        """Gaussian with variance 1 / inputs; what writes to the residual stream is smaller by ``sqrt(2 layers)``.

        The embedding starts at the usual 0.02: larger ones learnt the phone-book more slowly.
        """
        for name, weight in self.named_parameters():
            if weight.ndim == 1:  # norms, and what routers set themselves
                continue
            inputs = weight.shape[-2] if weight.ndim == 3 else weight.shape[-1]
            writes = name.endswith(("attention.output.weight", "down", "down.weight"))
            scale = (2 * len(self.layers)) ** -0.5 if writes else 1.0
            deviation = EMBEDDING_DEVIATION if name == "embedding.weight" else scale * inputs**-0.5
            weight.normal_(0.0, deviation, generator=generator)
        for module in self.modules():
            if isinstance(module, RoutedFeedForward):
                module.initialise(generator, (2 * len(self.layers)) ** -0.5)
