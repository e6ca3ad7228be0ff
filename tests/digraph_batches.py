"""Digraphs in one array: many of every family, or all of them."""

from __future__ import annotations

import numpy as np

from theory.digraphs import families
from theory.encoding import NULL, EdgeArray


def graph_families(rng: np.random.Generator, vertices: int, graphs: int) -> EdgeArray:
    """The graphs of :func:`theory.digraphs.families` in one array ``[batch, most slots, 2]``."""
    parts = families(rng, vertices, graphs).values()
    slots = max(part.shape[1] for part in parts)
    padded = [np.pad(part, ((0, 0), (0, slots - part.shape[1]), (0, 0)), constant_values=NULL) for part in parts]
    return np.concatenate(padded)


def every_digraph(vertices: int) -> EdgeArray:
    """All ``2^(V (V - 1))`` of them, ``[graphs, V (V - 1), 2]``: for V up to 4."""
    pairs = np.array([(u, v) for u in range(vertices) for v in range(vertices) if u != v], dtype=np.int64)
    present = np.arange(2 ** len(pairs))[:, None] >> np.arange(len(pairs)) & 1
    return np.where(present[:, :, None] == 1, pairs, NULL)
