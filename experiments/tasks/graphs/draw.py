"""Random graphs with a given number of edges, in batches; edges come in random order and orientation.

A directed pair of vertices has a code from ``0`` to ``V (V - 1) - 1``.  The edges of a graph are written into a table
of pairs, which tells repeated pairs and afterwards gives the neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.tasks.graphs.search import Ints, words

Table = NDArray[np.unsignedinteger[Any]]


@dataclass(frozen=True)
class PairCodes:
    """Codes of directed pairs of different vertices: arrays ``[V (V - 1)]`` of what each code means."""

    vertices: int
    tail: Ints
    head: Ints
    cell: Ints
    """Where the pair's one edge has its stamp in a table ``[V, 64 W]``: row of the smaller, column of the larger."""
    mirror: Ints
    """The same cell with row and column exchanged."""

    @property
    def count(self) -> int:
        return len(self.tail)

    def of(self, tail: Ints, head: Ints) -> Ints:
        """The codes of pairs of vertices, any shape."""
        return tail * (self.vertices - 1) + head - (head > tail)


@lru_cache(maxsize=16)
def pair_codes(vertices: int) -> PairCodes:
    tail, rest = np.divmod(np.arange(vertices * (vertices - 1)), vertices - 1)
    head = rest + (rest >= tail)
    row = 64 * words(vertices)
    small, large = np.minimum(tail, head), np.maximum(tail, head)
    return PairCodes(vertices, tail, head, small * row + large, large * row + small)


def random_below(rng: np.random.Generator, count: int, bound: int) -> Ints:
    """``count`` numbers below ``bound``, uniform up to a relative error of ``bound / 2^32``."""
    raw = rng.integers(0, 2**64, (count + 1) // 2, dtype=np.uint64).view(np.uint32)[:count]
    return ((raw.astype(np.uint64) * np.uint64(bound)) >> np.uint64(32)).view(np.int64)


def random_order(rng: np.random.Generator, batch: int, slots: int) -> Ints:
    """Random permutations ``[batch, slots]``."""
    return np.argsort(rng.integers(0, 2**64, (batch, slots), dtype=np.uint64), axis=1)


def uniform_graphs(rng: np.random.Generator, batch: int, vertices: int, edges: int) -> tuple[Ints, Table]:
    """G(n, m): codes ``[B, M]`` of the edges of uniformly random graphs, and their symmetric table ``[B, V, 64 W]``.

    Each slot draws a pair; of slots with the same pair one keeps it and the others draw again, until all differ.
    Nothing here depends on what the vertices or pairs are called, so every ordered list of ``M`` different pairs is
    equally likely.
    """
    codes = np.empty((batch, 0), dtype=np.int64)
    return _with_more_edges(rng, codes, _empty_table(batch, vertices, edges), edges)


def tree_graphs(rng: np.random.Generator, batch: int, vertices: int, edges: int) -> tuple[Ints, Table]:
    """A uniformly random labelled tree and uniformly random further edges, ``edges >= V - 1`` in all; shapes as above.

    Edges come in uniformly random order and orientation.
    """
    tail, head = uniform_trees(rng, batch, vertices)
    turned = rng.integers(0, 2, tail.shape, dtype=np.bool_)
    codes = pair_codes(vertices).of(np.where(turned, head, tail), np.where(turned, tail, head))
    codes, table = _with_more_edges(rng, codes, _empty_table(batch, vertices, edges), edges)
    return np.take_along_axis(codes, random_order(rng, batch, edges), axis=1), table


def uniform_trees(rng: np.random.Generator, batch: int, vertices: int) -> tuple[Ints, Ints]:
    """Both ends ``[B, V - 1]`` of the edges of uniformly random labelled trees, by their Prüfer sequences."""
    rows = np.arange(batch)
    sequence = rng.integers(0, vertices, (batch, vertices - 2))
    degree = np.ones((batch, vertices), dtype=np.int64)
    np.add.at(degree, (rows[:, None], sequence), 1)
    ends = np.empty((2, batch, vertices - 1), dtype=np.int64)
    for place in range(vertices - 2):
        leaf = (degree == 1).argmax(axis=1)
        ends[:, :, place] = leaf, sequence[:, place]
        degree[rows, leaf] = 0
        degree[rows, sequence[:, place]] -= 1
    ends[:, :, -1] = np.nonzero(degree == 1)[1].reshape(batch, 2).T
    return ends[0], ends[1]


def _empty_table(batch: int, vertices: int, edges: int) -> Table:
    """Zeros ``[B, V, 64 W]``, of a type that holds the number of each of ``edges`` slots, from 1."""
    kind = np.uint8 if edges <= np.iinfo(np.uint8).max else np.uint16 if edges <= np.iinfo(np.uint16).max else np.uint32
    return np.zeros((batch, vertices, 64 * words(vertices)), dtype=kind)


def _with_more_edges(rng: np.random.Generator, codes: Ints, table: Table, edges: int) -> tuple[Ints, Table]:
    """Fill up ``codes [B, fewer]``, different in each row, to ``[B, edges]`` and enter all into the empty ``table``."""
    batch, vertices, row = table.shape
    pairs, given, more = pair_codes(vertices), codes.shape[1], edges - codes.shape[1]
    cells, offset_B1 = table.reshape(-1), (np.arange(batch) * (vertices * row))[:, None]
    stamp_M = np.arange(1, edges + 1, dtype=table.dtype)
    cells[pairs.cell[codes] + offset_B1] = stamp_M[:given]
    drawn = random_below(rng, batch * more, pairs.count).reshape(batch, more)
    at = pairs.cell.take(drawn)
    at += offset_B1
    stamps = np.ascontiguousarray(np.broadcast_to(stamp_M[given:], at.shape))
    free = slice(None) if not given else cells.take(at) == 0
    cells[at[free]] = stamps[free]
    _draw_again(rng, drawn.reshape(-1), cells, np.flatnonzero(cells.take(at) != stamps), stamps, offset_B1, vertices)
    codes = np.concatenate((codes, drawn), axis=1) if given else drawn
    opposite = pairs.mirror.take(codes)
    opposite += offset_B1
    cells[opposite] = 1
    return codes, table


def _draw_again(
    rng: np.random.Generator, drawn: Ints, cells: Table, lost_L: Ints, stamps: Table, offset_B1: Ints, vertices: int
) -> None:
    """New pairs, in place, for the slots ``lost_L`` of ``drawn`` whose pair another slot has, until none is left.

    A slot that lost has its stamp nowhere, so finding it in a cell means that the slot has that pair now.
    """
    pairs = pair_codes(vertices)
    stamp_L, offset_L = stamps.reshape(-1)[lost_L], offset_B1[lost_L // max(1, stamps.shape[1]), 0]
    while len(lost_L):
        new_L = random_below(rng, len(lost_L), pairs.count)
        at_L = pairs.cell.take(new_L) + offset_L
        free = np.flatnonzero(cells.take(at_L) == 0)
        cells[at_L[free]] = stamp_L[free]
        kept_L = cells.take(at_L) == stamp_L
        drawn[lost_L[kept_L]] = new_L[kept_L]
        lost_L, stamp_L, offset_L = lost_L[~kept_L], stamp_L[~kept_L], offset_L[~kept_L]
