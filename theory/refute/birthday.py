"""Relations between integer contributions from four lists: Wagner's generalised birthday.

A relation ``sum e_i z_i = 0`` with ``e`` in {-1, 0, 1}. The elements are dealt to four groups; a list holds the keys
of ``2^s`` sign vectors of its group, a key being a random linear function of the sum modulo ``2^64``. Two lists are
joined on the low ``s`` bits of their keys (sum = c there, sum = -c for the other two), which leaves about ``2^s``
sums each, and those are joined on all bits. ``M`` bits of message are matched about once in a pass if ``3 s >= M``.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator

import numpy as np
from numpy.typing import NDArray

from theory.refute.collisions import integer_contributions, relations, try_pairs
from theory.refute.exhaustive import SIDES, hashes
from theory.refute.problem import IntArray, Problem
from theory.refute.result import Step

Keys = NDArray[np.uint64]

LIST_BITS = (14, 17, 20)
"""s of the passes of a round: 2^20 keys a list are some 100 MB and a second."""
ROUNDS = 12
GROUPS = 4
MOST_ELEMENTS = 128
"""Drawn from all in every pass; more would only make the lists longer to compute."""
MOST_JOINED = 2**20
"""Sums kept of a join."""
MOST_FOUND = 2**10
"""Sums that agree on all bits and are verified in integers."""
TRIED = 64
"""Relations of a pass that are evaluated."""


def birthday(problem: Problem, rng: np.random.Generator) -> Iterator[Step]:
    """Passes with ever longer lists, both sides in turn; nothing for contributions that are no integers."""
    for _ in range(ROUNDS):
        for bits in LIST_BITS:
            for side in SIDES:
                rows = integer_contributions(problem, side)
                if rows is None or problem.r < GROUPS:
                    continue
                signs_PR = yield from zero_sums(rows, bits, rng)
                yield try_pairs(problem, relations(side, signs_PR[:TRIED], rng), rng)


def zero_sums(rows_rk: IntArray, bits: int, rng: np.random.Generator) -> Generator[Step, None, IntArray]:
    """One pass: sign vectors ``[found, r]`` with ``signs @ rows = 0``, none of them all 0 (the generator's value)."""
    keys_r = hashes(rows_rk, rng)
    groups = np.array_split(rng.permutation(len(rows_rk))[:MOST_ELEMENTS], GROUPS)
    joined = min(bits, int(np.log2(3) * len(groups[-1])))  # a list that is complete and short is joined on fewer bits
    signs = [_signs(len(group), bits, rng) for group in groups]
    lists = [_keys(sign_LG, keys_r[group]) for sign_LG, group in zip(signs, groups, strict=True)]
    yield Step(0)
    # A sum that occurs: where messages are short, most numbers are no sum at all.
    target = (int(rng.choice(lists[0])) + int(rng.choice(lists[1]))) % 2**64
    a, b = _join(lists[0], lists[1], np.uint64(target), joined, rng)
    yield Step(0)
    c, d = _join(lists[2], lists[3], np.uint64(-target % 2**64), joined, rng)
    yield Step(0)
    left, right = _join(lists[0][a] + lists[1][b], lists[2][c] + lists[3][d], np.uint64(0), 64, rng)
    left, right = left[:MOST_FOUND], right[:MOST_FOUND]
    found_PR = np.zeros((len(left), len(rows_rk)), dtype=np.int64)
    for group, sign_LG, chosen in zip(groups, signs, (a[left], b[left], c[right], d[right]), strict=True):
        found_PR[:, group] = sign_LG[chosen]
    return found_PR[found_PR.any(1) & (found_PR @ rows_rk == 0).all(1)]


def _signs(elements: int, bits: int, rng: np.random.Generator) -> NDArray[np.int8]:
    """All sign vectors of a group if there are at most ``2^bits``, else that many random ones: ``[L, elements]``."""
    if 3**elements <= 2**bits:
        digits = np.arange(3**elements)[:, None] // 3 ** np.arange(elements)
        return (digits % 3 - 1).astype(np.int8)
    return rng.integers(-1, 2, size=(2**bits, elements), dtype=np.int8)


def _keys(signs_LG: NDArray[np.int8], keys_G: Keys) -> Keys:
    total = np.zeros(len(signs_LG), dtype=np.uint64)
    for column, key in zip(signs_LG.T, keys_G, strict=True):
        total += column.astype(np.int64).view(np.uint64) * key
    return total


def _join(
    first: Keys, second: Keys, target: np.uint64, bits: int, rng: np.random.Generator
) -> tuple[IntArray, IntArray]:
    """Positions of pairs whose keys sum to ``target`` in the low ``bits``, at most :data:`MOST_JOINED` of them."""
    mask = np.uint64(2**bits - 1)
    low, wanted = first & mask, (target - second) & mask
    order = np.argsort(low)
    low = low[order]
    start, stop = np.searchsorted(low, wanted, "left"), np.searchsorted(low, wanted, "right")
    matches = stop - start
    total = int(matches.sum())
    if total > MOST_JOINED:  # keep whole rows of the second list until the limit, in random order
        shuffled = rng.permutation(len(second))
        within = np.cumsum(matches[shuffled]) <= MOST_JOINED
        matches[shuffled[~within]] = 0
        total = int(matches.sum())
    of_second = np.repeat(np.arange(len(second)), matches)
    offset = np.arange(total) - np.repeat(np.cumsum(matches) - matches, matches)
    return order[start[of_second] + offset], of_second
