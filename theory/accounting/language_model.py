"""Parameters and FLOPs of language models as others publish them: layers that differ, biases, latents, shared experts.

A :class:`LanguageModel` is a description without weights: :mod:`parrots.interop.families` reads one from a file.
"""

from __future__ import annotations

from dataclasses import dataclass

from theory.accounting.attention import Attention
from theory.accounting.decoder import DecoderParameters
from theory.accounting.feed_forward import FeedForward, Mixture, swiglu


@dataclass(frozen=True)
class Dense:
    """A SwiGLU feed-forward layer of ``hidden`` units, the same for every token."""

    hidden: int
    bias: bool = False


@dataclass(frozen=True)
class Layer:
    """Attention, then a feed-forward layer, each with a residual."""

    attention: Attention
    feed_forward: Dense | Mixture
    norms: int
    """Numbers in the layer's norms of whole tokens."""
    window: int | None = None
    """A token attends to so many tokens, itself the last of them; ``None``: to all before it."""


@dataclass(frozen=True)
class LanguageModel:
    """A decoder: embedding, layers, a norm, and a head that predicts the next of ``vocabulary`` tokens."""

    vocabulary: int
    width: int
    layers: tuple[Layer, ...]
    positions: int
    """The longest sequence it is made for."""
    tied: bool
    """Whether the head is the embedding."""
    head_bias: bool
    norms: int
    """Numbers in the norm before the head."""

    @property
    def mixtures(self) -> tuple[Mixture, ...]:
        """The feed-forward layers that have experts."""
        return tuple(layer.feed_forward for layer in self.layers if isinstance(layer.feed_forward, Mixture))


@dataclass(frozen=True)
class TokenFlops:
    """Forward FLOPs of one token, by part: two for each multiply and add of a matrix product."""

    projections: int
    """To queries, keys, values and back."""
    reading: int
    """Scores with all tokens attended to, and the sums of their values."""
    router: int
    dense: int
    experts: int
    shared: int
    head: int

    @property
    def total(self) -> int:
        return sum(vars(self).values())


def language_model_parameters(model: LanguageModel) -> DecoderParameters:
    """Exact counts of every part; what training does not set by gradient (a router's load bias) is not counted."""
    mixed, dense = _feed_forward(model)
    attentions = [layer.attention for layer in model.layers]
    weights = model.vocabulary * model.width
    return DecoderParameters(
        embedding=weights,
        head=(0 if model.tied else weights) + model.head_bias * model.vocabulary,
        attention=sum(attention.parameters(model.width) for attention in attentions),
        norms=model.norms + sum(layer.norms + layer.attention.norms for layer in model.layers),
        router=sum(counted.router for counted in mixed),
        dense=sum(swiglu(model.width, layer.hidden, layer.bias) for layer in dense),
        experts=sum(counted.experts for counted in mixed),
        active_experts=sum(counted.active for counted in mixed),
        shared=sum(counted.shared for counted in mixed),
    )


def language_model_flops(model: LanguageModel, context: int) -> TokenFlops:
    """FLOPs of the token at place ``context`` (from 1), keys and values of those before it being kept.

    So a sequence of T tokens costs at most T times this with ``context`` T, and exactly that where masked pairs are
    computed too and no layer has a window.
    """
    D = model.width
    mixed, dense = _feed_forward(model)
    attentions = [(layer.attention, min(context, layer.window or context)) for layer in model.layers]
    router = sum(mixture.experts * D for mixture in model.mixtures)
    shared = sum(counted.shared for counted in mixed)
    return TokenFlops(
        projections=2 * sum(part.query_products(D) + part.key_products(D) for part, _ in attentions),
        reading=2 * sum(keys * part.pair for part, keys in attentions),
        router=2 * router,
        dense=2 * sum(swiglu(D, layer.hidden) for layer in dense),
        experts=sum(counted.flops for counted in mixed) - 2 * (router + shared),
        shared=2 * shared,
        head=2 * D * model.vocabulary,
    )


def _feed_forward(model: LanguageModel) -> tuple[list[FeedForward], list[Dense]]:
    """The counts of the layers with experts for one token, and the layers without."""
    dense = [layer.feed_forward for layer in model.layers if isinstance(layer.feed_forward, Dense)]
    return [mixture.count(model.width, tokens=1) for mixture in model.mixtures], dense
