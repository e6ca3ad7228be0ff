"""Parameters, bits and FLOPs of the one-layer model and of the memoriser: the only place that counts.

A FLOP count is that of the matrix products, two for each multiply and add; element-wise work (softmax, ReLU, gates,
adding a bias) is left out, as torch's own counter does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from theory.memorisation.routers import Router


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


def memoriser_parameters(width: int, hidden: int, experts: int, router: Router) -> Parameters:
    """Numbers that a memoriser stores: the reading's direction, the router, and three for each hidden unit.

    An expert reads one number, so it is ``3F + 1``: W1, b1, W2 of F units and b2.  Router: ``2K`` for rank one,
    ``K(m + 1)`` for the same as a full matrix, ``Km`` for random directions, which have no bias; 0 for one expert.
    Averaging the tokens takes no parameter.
    """
    per_expert = {"interval": 2, "dense-interval": width + 1, "random": width, "random-unit": width}[router]
    return Parameters(
        embedding=0,
        attention=width,
        router=per_expert * experts if experts > 1 else 0,
        expert=3 * hidden + 1,
        readout=0,
        experts=experts,
        top_k=1,
    )


def memoriser_flops(width: int, tokens: int, hidden: int, experts: int, router: Router, sequences: int) -> int:
    """Forward FLOPs of ``sequences`` sequences: the mean of the tokens (additions), reading, router, one expert."""
    read_by_router = 1 if router == "interval" else width
    router_flops = 2 * read_by_router * experts if experts > 1 else 0
    return sequences * (tokens * width + 2 * width + router_flops + 4 * hidden)


@dataclass(frozen=True)
class Stored:
    """Numbers and bits counted from a mixture's arrays."""

    total: int
    """All entries of all arrays, padding included."""
    active: int
    """Those of the shared arrays and of one expert."""
    used: int
    """``total`` without the units that are padding."""
    used_active: int
    """``active`` without padding, for the expert with the most units."""
    bits: int
    """Sum over the arrays of entries times :func:`fixed_point_bits`."""
    active_bits: int
    widest: int
    """Most bits of one number."""


Arrays = Mapping[str, NDArray[np.float64]]


def stored(shared: Arrays, experts: Arrays, units: Arrays, used: NDArray[np.bool_]) -> Stored:
    """Count arrays of a top-1 mixture: a token uses all of the ``shared`` ones and one row of the others.

    ``experts`` ``[K, ...]``; ``units`` ``[K, F]``, one number for each hidden unit; ``used`` ``[K, F]``: which units
    are no padding.
    """
    K = len(used)
    rows = {**experts, **units}
    common, one = sum(a.size for a in shared.values()), sum(a.size // K for a in rows.values())
    common_bits = sum(a.size * fixed_point_bits(a) for a in shared.values())
    one_bits = sum(a.size // K * fixed_point_bits(a) for a in rows.values())
    padding = len(units) * (~used).sum(axis=1)
    return Stored(
        total=common + K * one,
        active=common + one,
        used=common + K * one - int(padding.sum()),
        used_active=common + one - int(padding.min()),
        bits=common_bits + K * one_bits,
        active_bits=common_bits + one_bits,
        widest=max(map(fixed_point_bits, (*shared.values(), *rows.values()))),
    )


def fixed_point_bits(array: NDArray[np.float64]) -> int:
    """The fewest bits p such that all entries are a common power of two times integers in ``[-2^(p-1), 2^(p-1))``.

    Two's complement, read off the floats themselves; 0 if all entries are 0.
    """
    values = array[array != 0]
    if not len(values):
        return 0
    fractions, exponents = np.frexp(values)
    mantissas = np.abs(np.ldexp(fractions, 53)).astype(np.int64)
    lowest = np.log2(mantissas & -mantissas).astype(np.int64)  # trailing zeros, exact for powers of two
    grid = int((exponents - 53 + lowest).min())
    # -2^(p-1) still fits where 2^(p-1) does not.
    return int((exponents - grid - (fractions == -0.5)).max()) + 1
