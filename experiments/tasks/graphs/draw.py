"""Random graphs with a given number of edges, in batches; edges come in random order and orientation.

A directed pair of vertices has a code from ``0`` to ``V (V - 1) - 1``.  The loops over edges are compiled by numba.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numba import njit

from experiments.tasks.graphs.search import Ints, Words, words
from experiments.tasks.numbered import STEP, mixed

_mixed = njit(inline="always")(mixed)


@dataclass(frozen=True)
class PairCodes:
    """Codes of directed pairs of different vertices: arrays ``[V (V - 1)]`` of what each code means."""

    vertices: int
    tail: Ints
    head: Ints

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
    return PairCodes(vertices, tail, head)


def random_below(rng: np.random.Generator, count: int, bound: int) -> Ints:
    """``count`` numbers below ``bound``, uniform up to a relative error of ``bound / 2^32``."""
    raw = rng.integers(0, 2**64, (count + 1) // 2, dtype=np.uint64).view(np.uint32)[:count]
    wide = raw.astype(np.uint64)
    wide *= np.uint64(bound)
    wide >>= np.uint64(32)
    return wide.view(np.int64)


@njit(cache=True, nogil=True)
def sums(values: Words, codes: Ints) -> Words:
    """Sums ``[B]`` modulo 2^64 of the ``values`` of ``codes [B, M]``: the same in any order of the edges."""
    result = np.zeros(len(codes), dtype=np.uint64)
    for graph in range(len(codes)):
        for slot in range(codes.shape[1]):
            result[graph] += values[codes[graph, slot]]
    return result


def random_order(rng: np.random.Generator, batch: int, slots: int) -> Ints:
    """Random permutations ``[batch, slots]``."""
    return np.argsort(rng.integers(0, 2**64, (batch, slots), dtype=np.uint64), axis=1)


def uniform_graphs(rng: np.random.Generator, batch: int, vertices: int, edges: int) -> tuple[Ints, Words]:
    """G(n, m): codes ``[B, M]`` of the edges of uniformly random graphs, and their adjacency ``[B, V, W]``.

    One slot after another draws a directed pair until its edge is none of those before, so every ordered list of ``M``
    different edges is equally likely, up to a relative error of ``V / 2^32`` a draw, and so is every orientation.
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


def _with_more_edges(rng: np.random.Generator, given: Ints, vertices: int, edges: int) -> tuple[Ints, Words]:
    """Fill up codes ``given [B, fewer]``, different in a row, to ``[B, edges]``; also the adjacency ``[B, V, W]``."""
    batch, fewer = given.shape
    codes = np.empty((batch, edges), dtype=np.int64)
    codes[:, :fewer] = given
    adjacency = np.zeros((batch, vertices, words(vertices)), dtype=np.uint64)
    _fill(codes, fewer, adjacency, rng.integers(0, 2**64, (batch,), dtype=np.uint64))
    return codes, adjacency


@njit(cache=True, nogil=True)
def _fill(codes: Ints, given: int, adjacency: Words, keys_B: Words) -> None:
    """Fill up ``codes [B, M]`` from slot ``given`` on and the empty ``adjacency [B, V, W]``, in place.

    A slot draws a pair until its edge is new.  The random numbers of a graph are SplitMix64's from its key.
    """
    vertices, low = np.uint64(adjacency.shape[1]), np.uint64(2**32 - 1)
    half, one = np.uint64(32), np.uint64(1)
    others = vertices - one
    for graph in range(len(codes)):
        neighbours, state = adjacency[graph], keys_B[graph]
        for slot in range(given):
            _join(neighbours, np.uint64(codes[graph, slot]) // others, np.uint64(codes[graph, slot]) % others)
        filled = np.int64(given)
        while filled < codes.shape[1]:
            number = np.uint64(_mixed(state))
            state += STEP
            tail = ((number >> half) * vertices) >> half
            rest = ((number & low) * others) >> half
            codes[graph, filled] = tail * others + rest
            filled += _join(neighbours, tail, rest)  # without a branch: the next pair overwrites one that is not new


@njit(cache=True, nogil=True, inline="always")
def _join(neighbours: Words, tail: np.uint64, rest: np.uint64) -> np.int64:
    """Enter an edge into one graph's adjacency ``[V, W]``; ``rest`` is the number of its head among other vertices.

    Returns 1 if the edge is new, else 0.
    """
    word, bit, one = np.uint64(6), np.uint64(63), np.uint64(1)
    head = rest + np.uint64(rest >= tail)
    before = neighbours[tail, head >> word]
    neighbours[tail, head >> word] = before | (one << (head & bit))
    neighbours[head, tail >> word] |= one << (tail & bit)
    return np.int64(1) - np.int64((before >> (head & bit)) & one)
