"""Judging walks that a model wrote, and walks that shortcuts take.

Shapes as in :mod:`experiments.tasks.graphs.search`; walks are vertices ``[B, A]``, -1 for what is no vertex.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from experiments.tasks.graphs.search import UNREACHED, Ints, Words, packed, shortest_paths, words
from experiments.tasks.graphs.text import ABSENT

Bools = NDArray[np.bool_]
LARGEST_TABLE = 2**26
"""Cells of the tables of edges that are held at one time."""


def adjacency_of(tail: Ints, head: Ints, vertices: int) -> Words:
    """Words ``[B, V, W]`` of undirected edges ``[B, M]``; an end that is :data:`ABSENT` makes no edge."""
    row = 64 * words(vertices)
    step = max(1, LARGEST_TABLE // (vertices * row))
    parts = []
    for first in range(0, max(len(tail), 1), step):
        some = slice(first, first + step)
        graph, slot = np.nonzero((tail[some] != ABSENT) & (head[some] != ABSENT))
        table = np.zeros((len(tail[some]), vertices, row), dtype=np.uint8)
        table[graph, tail[some][graph, slot], head[some][graph, slot]] = 1
        table[graph, head[some][graph, slot], tail[some][graph, slot]] = 1
        parts.append(packed(table))
    return np.concatenate(parts)


def joined(adjacency: Words, tail: Ints, head: Ints) -> Bools:
    """Whether each graph has the edge ``(tail, head)``, ``[B]``; never for an end that is no vertex."""
    inside = (tail != ABSENT) & (head != ABSENT)
    tail, head = np.where(inside, tail, 0), np.where(inside, head, 0)
    word = adjacency[np.arange(len(adjacency)), tail, head >> 6]
    return inside & ((word >> (head & 63).astype(np.uint64)) & np.uint64(1)).astype(np.bool_)


def walks_of(adjacency: Words, source_B: Ints, target_B: Ints, walk_BA: Ints, steps_B: Ints) -> Bools:
    """Whether the first ``steps + 1`` vertices of each walk go from source to target along edges, ``[B]``.

    ``steps_B`` of -1 (an empty walk) is never right.
    """
    rows = np.arange(len(walk_BA))
    valid = (steps_B >= 0) & (walk_BA[:, 0] == source_B) & (walk_BA[rows, steps_B] == target_B)
    for step in range(walk_BA.shape[1] - 1):
        valid &= (step >= steps_B) | joined(adjacency, walk_BA[:, step], walk_BA[:, step + 1])
    return valid


def is_nearer(adjacency: Words, source_B: Ints, target_B: Ints, hop_B: Ints, distance_B: Ints) -> Bools:
    """Whether ``hop_B`` is a neighbour of the source that is one step nearer to the target, ``[B]``."""
    hop_is_edge = joined(adjacency, source_B, hop_B)
    from_B = np.where(hop_is_edge, hop_B, target_B)
    left_B, _ = shortest_paths(adjacency, from_B, target_B, max(1, int(distance_B.max(initial=0))))
    return hop_is_edge & (left_B != UNREACHED) & (left_B == distance_B - 1)


def members(sets: Words, vertices: int) -> Bools:
    """Sets ``[B, W]`` as booleans ``[B, V]``."""
    bits = np.unpackbits(np.ascontiguousarray(sets).view(np.uint8), axis=1, count=vertices, bitorder="little")
    return bits.view(np.bool_)


Policy = Callable[[Bools], NDArray[np.float64]]
"""``visited [B, V]`` -> how much each vertex is wanted as the next one, ``[B, V]``."""


def walk(adjacency: Words, source_B: Ints, target_B: Ints, steps: int, policy: Policy) -> Ints:
    """Walks ``[B, steps + 1]`` of at most ``steps`` steps to the neighbour that ``policy`` wants most.

    A walk ends at the target, or where there is no neighbour; -1 after its end.
    """
    batch, vertices, _ = adjacency.shape
    rows, here = np.arange(batch), source_B
    path = np.full((batch, steps + 1), ABSENT)
    path[:, 0] = source_B
    visited = np.zeros((batch, vertices), dtype=np.bool_)
    going = np.ones(batch, dtype=np.bool_)
    for step in range(1, steps + 1):
        visited[rows, here] = True
        neighbours = members(adjacency[rows, here], vertices)
        going &= (here != target_B) & neighbours.any(axis=1)
        wanted = np.where(neighbours, policy(visited), -np.inf)
        here = np.where(going, wanted.argmax(axis=1), here)
        path[going, step] = here[going]
    return path
