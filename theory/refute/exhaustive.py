"""All ``2^r`` messages of one side: the sets whose messages are the same, or fall in the same cell of a fine grid.

Meet in the middle: ``4^r`` inputs are ``2^r`` messages of each side, so two of Alice's sets with the same message are
found in ``2^r log 2^r`` steps. A message is one 64-bit key, built by doubling (the key of a set with one element more
is a sum), so memory is a few words a set; equal keys are neighbours after sorting. For integer contributions the key
is a random linear function modulo ``2^64``: equal messages have equal keys, and a pair with equal keys is verified.
For others it is the cell of the message in a grid over its directions of largest spread, shifted at random in every
pass.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from theory.errors import InputError
from theory.refute.collisions import SetPairs, contributions, distinct, integer_contributions, residuals, try_pairs
from theory.refute.problem import Array, IntArray, Problem
from theory.refute.result import Side, Step

MOST_R = 22
"""4 million messages a side: some 400 MB and seconds."""
MOST_PAIRS = 2**15
"""Pairs with equal keys that are looked at, and how many of them with the least residuals are evaluated."""
TRIED = 256
DIRECTIONS = 6
"""Directions of a grid; its cells hold about one message each."""
PASSES = 4
"""Grids: two close messages lie on the two sides of an edge of one grid and not of another."""
SIDES: tuple[Side, Side] = ("alice", "bob")


def check_r(r: int) -> None:
    """Raises :class:`theory.errors.InputError` beyond :data:`MOST_R`."""
    if r > MOST_R:
        raise InputError(
            f"r = {r} has 2^{r} messages a side, {8 * 2**r / 2**30:.3g} GiB of keys: exhaustive visits them for r up "
            f"to {MOST_R}; for integer contributions give birthday (about 2^(r/3) steps) or lattice (r^4), else local."
        )


def exhaustive(problem: Problem, rng: np.random.Generator) -> Iterator[Step]:
    """Collisions of both sides.  Raises :class:`theory.errors.InputError` beyond r = 22."""
    check_r(problem.r)
    for side in SIDES:
        whole = integer_contributions(problem, side)
        for _ in range(1 if whole is not None else PASSES):
            keys = _hashes(whole, rng) if whole is not None else _cells(contributions(problem, side), rng)
            yield Step(0)
            first, second = equal_neighbours(keys, rng)
            del keys
            yield try_pairs(problem, _closest(problem, side, first, second), rng)


def _hashes(rows_rk: IntArray, rng: np.random.Generator) -> NDArray[np.uint64]:
    return by_doubling(hashes(rows_rk, rng))


def hashes(rows_rk: IntArray, rng: np.random.Generator) -> NDArray[np.uint64]:
    """A random linear function of integer rows modulo 2^64, ``[r]``; different sums agree by chance only."""
    factors = rng.integers(0, 2**64, size=rows_rk.shape[1], dtype=np.uint64) | np.uint64(1)
    return (rows_rk.view(np.uint64) * factors).sum(1, dtype=np.uint64)


def by_doubling(weights: NDArray) -> NDArray:
    """The sum of every subset's weights, ``[2^r]``; entry ``a`` sums the weights of the bits of ``a``."""
    sums = np.zeros(1, dtype=weights.dtype)
    for weight in weights:
        sums = np.concatenate((sums, sums + weight))
    return sums


def _cells(rows_rC: Array, rng: np.random.Generator) -> NDArray[np.uint64]:
    """The grid cell of every subset's sum, hashed."""
    _, spread, directions = np.linalg.svd(rows_rC - 0.0, full_matrices=False)
    used = min(DIRECTIONS, int((spread > 1e-12 * spread.max(initial=0.0)).sum()))
    key = np.zeros(2 ** len(rows_rC), dtype=np.uint64)
    # A sum of r terms spreads over about `spread` in a direction; 2^(r / used) cells of each, about one a message.
    for axis in range(used):
        position = by_doubling(
            (rows_rC @ directions[axis] / spread[axis] * 2 ** (len(rows_rC) / used)).astype(np.float32)
        )
        cell = np.floor(position + np.float32(rng.random())).astype(np.int64).view(np.uint64)
        key += cell * (rng.integers(0, 2**64, dtype=np.uint64) | np.uint64(1))
    return key


def equal_neighbours(keys: NDArray[np.uint64], rng: np.random.Generator) -> tuple[IntArray, IntArray]:
    """Pairs of positions with equal keys, at most :data:`MOST_PAIRS`, drawn at random if there are more."""
    order = np.argsort(keys)
    same = np.flatnonzero(keys[order[1:]] == keys[order[:-1]])
    if len(same) > MOST_PAIRS:
        same = rng.choice(same, MOST_PAIRS, replace=False)
    return order[same], order[same + 1]


def _closest(problem: Problem, side: Side, first: IntArray, second: IntArray) -> SetPairs:
    """The pairs of subset numbers as sets, those with the least residuals."""
    bits = np.arange(problem.r)
    first_PR, second_PR = (((numbers[:, None] >> bits) & 1).astype(np.bool_) for numbers in (first, second))
    pairs = distinct(SetPairs(side, first_PR, second_PR))
    kept = np.argsort(residuals(problem, pairs), kind="stable")[:TRIED]
    return SetPairs(side, pairs.first_PR[kept], pairs.second_PR[kept])
