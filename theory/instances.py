"""Pairs of sets for set disjointness, in batches: the laws that the ceilings are about, and exhaustive lists.

Shapes: ``B`` pairs in a batch, ``r`` elements (the intermediates ``1..r`` of a star graph; column ``i`` is vertex
``i + 1``).  Every random generator takes a numpy generator and has no other source of randomness.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import comb

import numpy as np
from numpy.typing import NDArray

from theory.errors import InputError

BoolArray = NDArray[np.bool_]

MAX_ROWS = 2**24
"""Longest exhaustive list that is built in memory: all ``4^r`` pairs of subsets for r = 12."""


@dataclass(frozen=True)
class Pairs:
    """A batch of instances of set disjointness (Def. D.1).

    ``alice_BR`` and ``bob_BR`` are boolean ``[batch, r]``: column ``i`` says whether element ``i`` is in the set.
    """

    alice_BR: BoolArray
    bob_BR: BoolArray

    def __post_init__(self) -> None:
        if self.alice_BR.shape != self.bob_BR.shape or self.alice_BR.ndim != 2:
            raise InputError(
                f"sets of shapes {self.alice_BR.shape} and {self.bob_BR.shape}: both must be [batch, r]; "
                "give Alice and Bob the same number of rows and elements."
            )

    def __len__(self) -> int:
        return int(self.alice_BR.shape[0])

    @property
    def r(self) -> int:
        """Number of elements (intermediates)."""
        return int(self.alice_BR.shape[1])

    @property
    def intersects_B(self) -> BoolArray:
        """Boolean ``[batch]``: whether the two sets share an element (the answer "yes")."""
        return np.asarray((self.alice_BR & self.bob_BR).any(axis=1))


Law = Callable[[np.random.Generator, int, int], Pairs]
"""A law on pairs: ``(rng, batch, r) -> Pairs``."""


def uniform(rng: np.random.Generator, batch: int, r: int, density: float = 0.5) -> Pairs:
    """Both sets hold every element independently with probability ``density``; ``[batch, r]`` each.

    Raises :class:`~theory.errors.InputError` for ``r < 1``, a negative batch or a density outside [0, 1].
    """
    _check(batch, r, density)
    return Pairs(_members(rng, batch, r, density), _members(rng, batch, r, density))


def index(rng: np.random.Generator, batch: int, r: int) -> Pairs:
    """The law of ``own-index-ceiling``: Alice's set is uniform, Bob holds one uniform element; ``[batch, r]`` each."""
    _check(batch, r)
    bob_BR = np.zeros((batch, r), dtype=np.bool_)
    bob_BR[np.arange(batch), rng.integers(0, r, size=batch)] = True
    return Pairs(_members(rng, batch, r, 0.5), bob_BR)


def default_overlap_size(r: int) -> int:
    """Size of Bob's set in :func:`planted` when none is given: about a third of the ``r`` elements, at least 1."""
    return max(1, round(r / 3))


def planted(rng: np.random.Generator, batch: int, r: int, k: int | None = None, density: float = 0.5) -> Pairs:
    """The law of ``own-planted-ceiling``; ``[batch, r]`` each.

    Bob's set is a uniform k-set, ``I`` a uniform element of it and ``Y`` a fair coin; outside Bob's set Alice holds
    every element with probability ``density`` (1/2 in the statement), inside it exactly ``{I}`` if ``Y`` and nothing
    otherwise.  So Bob's set says nothing about the answer, and Alice's only through its size (:func:`size_baseline`).

    Bob's set is the k smallest of r random keys and ``I`` the smallest (:func:`distinct_keys`).  Raises
    :class:`~theory.errors.InputError` unless ``1 <= k <= r`` (default :func:`default_overlap_size`).
    """
    _check(batch, r, density)
    size = _overlap_size(r, k)
    key_BR = distinct_keys(rng, batch, r)
    ordered_BR = np.sort(key_BR, axis=1)  # vectorised in numpy, quicker than a partition
    bob_BR = key_BR <= ordered_BR[:, size - 1 : size]
    planted_B = key_owner(ordered_BR[:, 0], r)
    alice_BR = _members(rng, batch, r, density)
    alice_BR &= ~bob_BR
    alice_BR[np.arange(batch), planted_B] = _members(rng, 1, batch, 0.5)[0]
    return Pairs(alice_BR, bob_BR)


def mixture(rng: np.random.Generator, batch: int, r: int, parts: Sequence[tuple[float, Law]]) -> Pairs:
    """Independent pairs, each from one of ``parts = [(weight, law), ...]`` with probability proportional to its weight.

    The number of pairs of each part is multinomial and the order random, so a row's law is the mixture and rows are
    independent.  Raises :class:`~theory.errors.InputError` unless the weights are non-negative with a positive sum.
    """
    _check(batch, r)
    weights = np.array([weight for weight, _ in parts], dtype=np.float64)
    if not (len(parts) and np.isfinite(weights).all() and (weights >= 0).all() and weights.sum() > 0):
        raise InputError(
            f"mixture weights {weights.tolist()}: they must be non-negative with a positive sum; give one part or more."
        )
    counts = rng.multinomial(batch, weights / weights.sum())
    drawn = [law(rng, int(count), r) for count, (_, law) in zip(counts, parts, strict=True)]
    order_B = rng.permutation(batch)
    return Pairs(
        np.concatenate([pairs.alice_BR for pairs in drawn])[order_B],
        np.concatenate([pairs.bob_BR for pairs in drawn])[order_B],
    )


def subsets(r: int) -> BoolArray:
    """All subsets of r elements, ``[2^r, r]``; row ``a`` holds element ``i`` iff bit ``i`` of ``a`` is set."""
    _check_rows(r, 2**r, "subsets")
    return ((np.arange(2**r)[:, None] >> np.arange(r)) & 1).astype(np.bool_)


def all_pairs(r: int) -> Pairs:
    """Every pair of subsets, ``[4^r, r]``; row ``a·2^r + b`` pairs subset ``a`` with subset ``b`` (:func:`subsets`).

    Raises :class:`~theory.errors.InputError` beyond :data:`MAX_ROWS` rows (r > 12).
    """
    _check_rows(r, 4**r, "pairs of subsets")
    all_SR = subsets(r)
    return Pairs(np.repeat(all_SR, 2**r, axis=0), np.tile(all_SR, (2**r, 1)))


def all_index(r: int) -> Pairs:
    """Every INDEX instance, ``[r·2^r, r]``; row ``a·r + i`` pairs subset ``a`` with ``{i}``.

    Raises :class:`~theory.errors.InputError` beyond :data:`MAX_ROWS` rows (r > 19).
    """
    _check_rows(r, r * 2**r, "INDEX instances")
    return Pairs(np.repeat(subsets(r), r, axis=0), np.tile(np.eye(r, dtype=np.bool_), (2**r, 1)))


def size_baseline(r: int, k: int | None = None) -> Fraction:
    """Best accuracy on :func:`planted` (density 1/2) of a rule that sees only the sizes of the two sets, exactly.

    ``|B| = k`` is constant and ``|A|`` is ``Bin(n, 1/2) + Y``, ``n = r - k``.  The best rule is right with probability
    ``1/2 + TV/2``, and the total variation between a symmetric binomial and its shift by one is its largest
    probability, ``C(n, floor(n/2)) / 2^n``, since the probabilities rise to the middle and then fall.  So the
    advantage is ``O(1/sqrt(r - k))``; with ``k = r`` the size gives the answer away.
    """
    size = _overlap_size(r, k)
    n = r - size
    return Fraction(1, 2) + Fraction(comb(n, n // 2), 2 ** (n + 1))


def distinct_keys(rng: np.random.Generator, batch: int, n: int) -> NDArray[np.uint64]:
    """Random keys ``[batch, n]`` that never tie within a row; their order is a uniformly random one.

    A key ends in the ``L = ceil(log2 n)`` bits of its own column number; the bits before it are fair.  The order is
    exactly uniform unless two columns share those, which has probability below ``n^2 / 2^(65 - L)``.
    """
    low = np.uint64((1 << (n - 1).bit_length()) - 1)
    key_BN = rng.integers(0, 2**64, size=(batch, n), dtype=np.uint64)
    key_BN &= ~low
    key_BN |= np.arange(n, dtype=np.uint64)
    return key_BN


def key_owner(keys: NDArray[np.uint64], n: int) -> NDArray[np.int64]:
    """The column that each of :func:`distinct_keys` came from, in any shape."""
    return (keys & np.uint64((1 << (n - 1).bit_length()) - 1)).view(np.int64)


def _members(rng: np.random.Generator, batch: int, r: int, density: float) -> BoolArray:
    """Independent memberships ``[batch, r]``; fair ones cost one random bit each."""
    if density == 0.5:
        count = batch * r
        words = rng.integers(0, 2**64, size=(count + 63) // 64, dtype=np.uint64)
        return np.unpackbits(words.view(np.uint8), count=count).reshape(batch, r).view(np.bool_)
    return np.asarray(rng.random((batch, r)) < density)


def _overlap_size(r: int, k: int | None) -> int:
    size = default_overlap_size(r) if k is None else k
    if not 1 <= size <= r:
        raise InputError(f"overlap size k = {size} for r = {r} elements: k must be from 1 to r; give one of these.")
    return size


def _check(batch: int, r: int, density: float = 0.5) -> None:
    if r < 1:
        raise InputError(f"r = {r} elements: r must be at least 1 (3 vertices); give a larger graph.")
    if batch < 0:
        raise InputError(f"batch = {batch}: the number of instances must not be negative; give 0 or more.")
    if not 0 <= density <= 1:
        raise InputError(f"density {density}: it is a probability; give a number from 0 to 1.")


def _check_rows(r: int, rows: int, what: str) -> None:
    _check(0, r)
    if rows > MAX_ROWS:
        raise InputError(
            f"r = {r} elements: a list of all {what} has {rows:.3g} rows, at most {MAX_ROWS} are built; "
            "take a smaller r or sample."
        )
