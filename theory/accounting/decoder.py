"""Parameters, FLOPs and memory of decoder models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from theory.accounting.attention import GroupedAttention
from theory.accounting.feed_forward import FeedForward, feed_forward, swiglu

__all__ = [
    "DecoderParameters",
    "DecoderShape",
    "FeedForward",
    "decoder_flops",
    "decoder_memory",
    "decoder_parameters",
    "decoder_training_flops",
]


class DecoderShape(Protocol):
    """What is counted; :class:`parrots.decoder.config.DecoderConfig` is one."""

    @property
    def vocabulary(self) -> int: ...
    @property
    def width(self) -> int: ...
    @property
    def layers(self) -> int: ...
    @property
    def heads(self) -> int: ...
    @property
    def head_width(self) -> int: ...
    @property
    def key_value_heads(self) -> int: ...
    @property
    def feed_forward(self) -> int: ...
    @property
    def router(self) -> Any | None: ...
    @property
    def shared(self) -> int: ...
    @property
    def tied(self) -> bool: ...


@dataclass(frozen=True)
class DecoderParameters:
    """Numbers that training sets, by part, of all layers together."""

    embedding: int
    head: int
    """0 where the head is the embedding."""
    attention: int
    norms: int
    router: int
    dense: int
    """Of feed-forward layers without experts."""
    experts: int
    """Of all experts that a router chooses from."""
    active_experts: int
    """Those that one token uses."""
    shared: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.inner + self.embedding + self.head

    @property
    def active(self) -> int:
        """Those that one token uses; as is usual, embedding and head count whole."""
        return self.active_inner + self.embedding + self.head

    @property
    def inner(self) -> int:
        """Total without embedding and head."""
        return self.attention + self.norms + self.router + self.dense + self.experts + self.shared

    @property
    def active_inner(self) -> int:
        """Active without embedding and head."""
        return self.inner - self.experts + self.active_experts


def decoder_parameters(shape: DecoderShape) -> DecoderParameters:
    """Exact counts; no part has biases."""
    D, L = shape.width, shape.layers
    layer = feed_forward(shape.router, D, shape.feed_forward, tokens=1)
    mixed = shape.router is not None
    return DecoderParameters(
        embedding=shape.vocabulary * D,
        head=0 if shape.tied else shape.vocabulary * D,
        attention=L * _attention(shape).parameters(D),
        norms=(2 * L + 1) * D,
        router=L * layer.router,
        dense=0 if mixed else L * layer.experts,
        experts=L * layer.experts if mixed else 0,
        active_experts=L * layer.active if mixed else 0,
        shared=L * swiglu(D, shape.shared),
    )


def decoder_flops(shape: DecoderShape, tokens: int, sequences: int = 1, last: int | None = None) -> int:
    """Forward FLOPs of ``sequences`` sequences of ``tokens`` tokens each.

    With ``last`` the last layer's queries, its feed-forward layer and the head run for the last tokens only; the head
    alone does where the router judges tokens together.  Attention counts all pairs of a query and a key, masked ones
    too, as torch's counter does.
    """
    wanted = tokens if last is None else last
    inner = (shape.layers - 1) * _layer_flops(shape, tokens, tokens, sequences)
    head = sequences * wanted * 2 * shape.width * shape.vocabulary
    return inner + _layer_flops(shape, tokens, _last_rows(shape, tokens, last), sequences) + head


def decoder_training_flops(shape: DecoderShape, tokens: int, sequences: int, last: int | None, steps: int) -> int:
    """FLOPs of ``steps`` steps of ``sequences`` sequences: the backward pass costs two forward passes."""
    return 3 * steps * decoder_flops(shape, tokens, sequences, last)


def decoder_memory(shape: DecoderShape, tokens: int, sequences: int, last: int | None = None) -> int:
    """Bytes that training holds at one time, in float32, as if nothing were recomputed.

    Weights, gradients and AdamW's two moments; and what the backward pass keeps of each layer: its inputs and what
    each product makes of them, the attention's weights (written out, no fused kernel), the logits and their softmax.
    """
    wanted = tokens if last is None else last
    kept = (shape.layers - 1) * _kept(shape, tokens, tokens) + _kept(shape, tokens, _last_rows(shape, tokens, last))
    kept += tokens * shape.width + 2 * wanted * shape.vocabulary
    return FLOAT_BYTES * (COPIES_OF_PARAMETERS * decoder_parameters(shape).total + sequences * kept)


FLOAT_BYTES = 4
COPIES_OF_PARAMETERS = 4
"""Weights, gradients and two moments."""


def _attention(shape: DecoderShape) -> GroupedAttention:
    return GroupedAttention(shape.heads, shape.key_value_heads, shape.head_width)


def _kv_width(shape: DecoderShape) -> int:
    return shape.key_value_heads * shape.head_width


def _last_rows(shape: DecoderShape, tokens: int, last: int | None) -> int:
    """Tokens of a sequence that the last layer runs for."""
    together = shape.router is not None and not shape.router.token_wise
    return tokens if last is None or together else last


def _layer_flops(shape: DecoderShape, tokens: int, queries: int, sequences: int) -> int:
    """One layer whose keys are ``tokens`` and whose queries are the last ``queries`` of each sequence."""
    D, rows, attention = shape.width, sequences * queries, _attention(shape)
    projections = rows * attention.query_products(D) + sequences * tokens * attention.key_products(D)
    read = rows * tokens * attention.pair
    mixed = sequences * feed_forward(shape.router, D, shape.feed_forward, queries).flops
    return 2 * (projections + read) + mixed + rows * 2 * swiglu(D, shape.shared)


def _kept(shape: DecoderShape, tokens: int, queries: int) -> int:
    """Numbers that the backward pass of one sequence keeps of one layer."""
    D, K = shape.width, 0 if shape.router is None else shape.router.experts
    # A SwiGLU of F hidden units keeps gate, up, silu(gate) and their product: 4 F, of 3 D F parameters.
    units = feed_forward(shape.router, D, shape.feed_forward, tokens=1).active // (3 * D) + shape.shared
    attention = tokens * (2 * D + 4 * _kv_width(shape)) + queries * 4 * D + 2 * shape.heads * queries * tokens
    return attention + queries * (4 * D + 4 * units + 3 * K)
