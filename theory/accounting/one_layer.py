"""Parameters and FLOPs of the one-layer model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class OneLayerShape(Protocol):
    """What is counted; :class:`parrots.config.OneLayerConfig` is one."""

    @property
    def width(self) -> int: ...
    @property
    def hidden(self) -> int: ...
    @property
    def experts(self) -> int: ...
    @property
    def top_k(self) -> int: ...
    @property
    def attention(self) -> str: ...
    @property
    def edge_rows(self) -> int: ...
    @property
    def intermediates(self) -> int: ...
    @property
    def heads(self) -> int: ...
    @property
    def tokens(self) -> int: ...
    @property
    def message_bits(self) -> int | None: ...
    @property
    def value_bits(self) -> int | None: ...


@dataclass(frozen=True)
class Parameters:
    """Numbers that training sets, by part."""

    embedding: int
    attention: int
    router: int
    expert: int
    """One expert (or the dense block)."""
    readout: int
    experts: int
    top_k: int

    @property
    def total(self) -> int:
        return self.embedding + self.attention + self.router + self.experts * self.expert + self.readout

    @property
    def active(self) -> int:
        """Those a token's answer depends on once its experts are chosen: ``top_k`` experts instead of K."""
        return self.total - (self.experts - self.top_k) * self.expert

    @property
    def without_embedding(self) -> int:
        """Total without the embedding rows, as Corollary 3.4 counts."""
        return self.total - self.embedding


def parameters(shape: OneLayerShape) -> Parameters:
    """Exact counts: embedding rows (edges, null, query), W_v and W_o (and W_q, W_k), router, experts, read-out."""
    m, F, K = shape.width, shape.hidden, shape.experts
    return Parameters(
        embedding=(shape.edge_rows + 2) * m,
        attention=(4 if shape.attention == "softmax" else 2) * m * m,
        router=(m + 1) * K if K > 1 else 0,
        expert=2 * m * F + F + m,
        readout=m,
        experts=K,
        top_k=shape.top_k,
    )


def token_flops(shape: OneLayerShape, batch: int) -> int:
    """Forward FLOPs of ``batch`` graphs token by token: keys and values of all N tokens, the block at the query.

    With ``message_bits`` Alice's and Bob's tokens are summed first, so that two values are left of a graph.  With
    ``value_bits`` the scale is that of the whole table, which is made once.
    """
    mapped = shape.tokens if shape.message_bits is None else 2
    scale = 0 if shape.value_bits is None else _projection_flops(shape, 2 * shape.intermediates + 2)
    return scale + _projection_flops(shape, batch * mapped) + _block_flops(shape, batch)


def table_flops(shape: OneLayerShape, batch: int) -> int:
    """Forward FLOPs of ``batch`` graphs in the table execution, the making of the table included."""
    edges = 2 * shape.intermediates
    denominators = shape.heads if shape.attention == "softmax" else 0
    sums = batch * 2 * edges * (shape.width + denominators)
    return _projection_flops(shape, edges + 2) + sums + _block_flops(shape, batch)


def _projection_flops(shape: OneLayerShape, tokens: int) -> int:
    """Values of ``tokens`` tokens; under softmax attention their keys and the one query as well."""
    maps, queries = (2, 1) if shape.attention == "softmax" else (1, 0)
    return 2 * shape.width**2 * (maps * tokens + queries)


def _block_flops(shape: OneLayerShape, batch: int) -> int:
    """W_o, router, chosen experts and read-out; the read-out is folded into every expert's second matrix once.

    With ``message_bits`` W_o maps Alice's half and Bob's.
    """
    m, F, K = shape.width, shape.hidden, shape.experts
    folding = K * (2 * F * m + 2 * m)
    router = 2 * m * K if K > 1 else 0
    halves = 1 if shape.message_bits is None else 2
    return folding + batch * (halves * 2 * m * m + router + shape.top_k * (2 * m * F + 2 * F) + 2 * m)


def training_flops(shape: OneLayerShape, batch: int, steps: int) -> int:
    """FLOPs of training in the table execution: the backward pass costs two forward passes."""
    return 3 * steps * table_flops(shape, batch)
