"""Random graphs with a given number of edges, in batches; edges come in random order and orientation.

A directed pair of vertices has a code from ``0`` to ``V (V - 1) - 1``.  The edges of a graph are written into a table
of pairs, which tells repeated pairs and afterwards gives the neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from experiments.tasks.graphs.search import Ints, Words, packed, words

Table = NDArray[np.integer[Any]]
TABLE_CELLS = 2**20
"""Tables of so many cells together are filled at a time: they fit into a core's cache."""
STAMPS = 2**15
"""Edges that are entered at a time: so few that torch enters them on one thread, whatever the number it may use."""
TRIES = 3
"""New pairs that a slot draws at a time; it takes the first that is free."""


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
    wide = raw.astype(np.uint64)
    wide *= np.uint64(bound)
    wide >>= np.uint64(32)
    return wide.view(np.int64)


def random_order(rng: np.random.Generator, batch: int, slots: int) -> Ints:
    """Random permutations ``[batch, slots]``."""
    return np.argsort(rng.integers(0, 2**64, (batch, slots), dtype=np.uint64), axis=1)


def uniform_graphs(rng: np.random.Generator, batch: int, vertices: int, edges: int) -> tuple[Ints, Words]:
    """G(n, m): codes ``[B, M]`` of the edges of uniformly random graphs, and their adjacency ``[B, V, W]``.

    Each slot draws a pair; of slots with the same pair one keeps it and the others draw again, until all differ.
    Nothing here depends on what the vertices or pairs are called, so every ordered list of ``M`` different pairs is
    equally likely.
    """
    return _with_more_edges(rng, np.empty((batch, 0), dtype=np.int64), vertices, edges)


def tree_graphs(rng: np.random.Generator, batch: int, vertices: int, edges: int) -> tuple[Ints, Words]:
    """A uniformly random labelled tree and uniformly random further edges, ``edges >= V - 1`` in all; shapes as above.

    Edges come in uniformly random order and orientation.
    """
    tail, head = uniform_trees(rng, batch, vertices)
    turned = rng.integers(0, 2, tail.shape, dtype=np.bool_)
    codes = pair_codes(vertices).of(np.where(turned, head, tail), np.where(turned, tail, head))
    codes, adjacency = _with_more_edges(rng, codes, vertices, edges)
    return np.take_along_axis(codes, random_order(rng, batch, edges), axis=1), adjacency


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


def _with_more_edges(rng: np.random.Generator, codes: Ints, vertices: int, edges: int) -> tuple[Ints, Words]:
    """Fill up ``codes [B, fewer]``, different in each row, to ``[B, edges]``; also the adjacency ``[B, V, W]``."""
    (batch, given), size = codes.shape, vertices * 64 * words(vertices)
    drawn = random_below(rng, batch * (edges - given), pair_codes(vertices).count).reshape(batch, edges - given)
    adjacency = np.empty((batch, vertices, words(vertices)), dtype=np.uint64)
    at_once = max(1, min(TABLE_CELLS // size, STAMPS // edges))
    kind = np.uint8 if edges < 2**8 else np.int16 if edges < 2**15 else np.int32  # holds the number of a slot
    stamps = np.empty((min(batch, at_once), edges), dtype=kind)
    stamps[:] = np.arange(1, edges + 1)
    scratch = np.empty((len(stamps), size), dtype=kind)
    for first in range(0, batch, at_once):
        some = slice(first, min(first + at_once, batch))
        table = scratch[: some.stop - first]
        table.fill(0)
        _enter(rng, table, codes[some], drawn[some], stamps[: len(table)], vertices)
        adjacency[some] = packed(table.reshape(len(table), vertices, -1))
    return np.concatenate((codes, drawn), axis=1) if given else drawn, adjacency


def _enter(rng: np.random.Generator, table: Table, given: Ints, drawn: Ints, stamps: Table, vertices: int) -> None:
    """Enter edges into empty tables ``[B, V * 64 W]``: those ``given`` and those ``drawn``, anew if need be (in place).

    Codes ``[B, some]``.  A slot enters its stamp; the last one to write a cell keeps it, the given ones write last.  By
    torch, which scatters within rows in order.
    """
    pairs, cells = pair_codes(vertices), torch.from_numpy(table)
    drawn_cells = torch.from_numpy(pairs.cell.take(drawn))
    drawn_stamps = stamps[:, given.shape[1] :]
    cells.scatter_(1, drawn_cells, torch.from_numpy(drawn_stamps))
    if given.size:
        cells.scatter_(1, torch.from_numpy(pairs.cell.take(given)), torch.from_numpy(stamps[:, : given.shape[1]]))
    lost = np.flatnonzero(cells.gather(1, drawn_cells).numpy() != drawn_stamps)
    _draw_again(rng, drawn, table, lost, drawn_stamps, vertices)
    for codes in (given, drawn):
        cells.scatter_(1, torch.from_numpy(pairs.mirror.take(codes)), torch.from_numpy(stamps[:, : codes.shape[1]]))


def _draw_again(
    rng: np.random.Generator, drawn: Ints, table: Table, lost_L: Ints, stamps: Table, vertices: int
) -> None:
    """New pairs, in place, for the slots ``lost_L`` of ``drawn`` whose pair another slot has, until none is left.

    A slot that lost has its stamp nowhere, so finding it in a cell means that the slot has that pair now.
    """
    pairs, slots, cells = pair_codes(vertices), drawn.reshape(-1), table.reshape(-1)
    row_L = lost_L // max(1, drawn.shape[1])
    stamp_L, offset_L = stamps[row_L, lost_L - row_L * drawn.shape[1]], row_L * table.shape[1]
    while len(lost_L):
        new_LT = random_below(rng, len(lost_L) * TRIES, pairs.count).reshape(-1, TRIES)
        at_LT = pairs.cell.take(new_LT)
        at_LT += offset_L[:, None]
        taken_LT = cells.take(at_LT) != 0
        first_L = taken_LT.argmin(axis=1) + np.arange(0, taken_LT.size, TRIES)
        free = np.flatnonzero(~taken_LT.take(first_L))
        at_L = at_LT.take(first_L)
        cells[at_L[free]] = stamp_L[free]
        kept_L = cells.take(at_L) == stamp_L
        slots[lost_L[kept_L]] = new_LT.take(first_L)[kept_L]
        left = np.flatnonzero(~kept_L)
        lost_L, stamp_L, offset_L = lost_L[left], stamp_L[left], offset_L[left]
