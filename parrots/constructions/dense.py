"""The dense construction of Theorem 3.3: a residual coordinate for every vertex."""

from __future__ import annotations

import numpy as np

from parrots.constructions.layout import Layout, sized_config
from theory.bounds.packed import dense_width, packed_bits
from theory.errors import InputError


def dense(vertices: int, direct: bool = False) -> Layout:
    """Answer length-2 path with width V = r + 2 (`thm-3.3`).

    *Residual coordinates.*  Coordinate i belongs to vertex i.  Each of the edges (s, i) and (i, d) adds 1 to coordinate
    i, so that it counts them: 0, 1 or 2.  The coordinate of d is nobody's count and receives the answer; that of s
    stays 0.  All other edges, null tokens and the query add 0, so the graph may be any digraph.

    *Block.*  One ReLU an intermediate, ``relu(2 (count - 3/2))``: 1 for a count of 2, else 0.  The logit, their sum
    minus 1/2, is at least 1/2 if there is a length-2 path and -1/2 otherwise.

    *Exact range.*  A count that is off by at most 1/4 does no harm: the unit is 0 up to 3/2 and at least 1/2 from 7/4.
    Uniform attention reads ``count / N`` and the model multiplies by N; in float32 (unit roundoff ``u = 2^-24``) these
    at most three roundings change a count of 2 by less than ``7 u`` for any N < 2^24, and by nothing for N a power of
    two.  A fixed-point average with f bits after the point is off by at most ``N / 2^(f+1)`` of a count, so
    ``f >= log2 N + 1`` suffices; with one bit fewer it fails, for instance at N = 26 (tested).

    *Precision.*  ``bits = 2 + ceil(log2 r)``: one bit before the point (digits are 1) and ``ceil(log2 r) + 1`` after it
    hold all averages over N = 2^(ceil(log2 r) + 1) tokens without rounding.  Width V, r neurons, one head.

    *The edge (s, d) as a path of its own* (``direct``): it adds 2 to the coordinate of s, which gets a unit like the
    others.  It needs an embedding with a row for every pair.

    Raises :class:`~theory.errors.InputError` for V < 3.
    """
    r = vertices - 2
    if r < 1:
        raise InputError(f"{vertices} vertices: a length-2 path needs at least 3; give a larger graph.")
    return Layout(
        name="dense",
        statement="thm-3.3",
        config=sized_config("dense", vertices, dense_width(vertices), r + direct, direct),
        answer=vertices - 1,
        bits=packed_bits(r, 1),
        digits=np.ones(r + direct, dtype=np.int64),
        coordinates=np.arange(1, r + 1 + direct) % (r + 1),
        scale=2.0,
        breaks=np.array([3.0]),
        weights=np.array([1.0]),
    )
