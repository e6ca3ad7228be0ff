"""Randomness by number: item ``i`` of a shuffled list or of a random sequence, without the items before it.

All functions are vectorised and exact in 64-bit integers, so that a number gives the same item on every machine and in
whatever chunks it is asked for.
"""

from __future__ import annotations

from math import isqrt

import numpy as np
from numpy.typing import NDArray

UInts = NDArray[np.uint64]
ROUNDS = 6
LARGEST = 2**62
"""Longest list that :func:`shuffled` takes."""
STEP = np.uint64(0x9E3779B97F4A7C15)
"""2^64 over the golden ratio: its small multiples are far apart, so rounds and inputs do not share a key."""


def mixed(numbers: UInts) -> UInts:
    """The finaliser of SplitMix64: a bijection of 64-bit numbers whose output bits look independent and fair."""
    x = numbers + STEP
    x ^= x >> np.uint64(30)
    x *= np.uint64(0xBF58476D1CE4E5B9)
    x ^= x >> np.uint64(27)
    x *= np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    return x


def key(*parts: int) -> int:
    """A 64-bit key made of whole numbers (seed, purpose, ...), negative or large ones too."""
    state = np.random.SeedSequence([part % 2**64 for part in parts]).generate_state(1, np.uint64)
    return int(state[0])


def shuffled(places: UInts, size: int, keys: UInts) -> UInts:
    """Where a keyed permutation of ``0 .. size - 1`` sends ``places``; shape of ``places``, ``keys`` broadcast to it.

    A Feistel network of :data:`ROUNDS` rounds on pairs of digits in base ``ceil(sqrt(size))``, walked along its cycle
    until it is back in range: a bijection for every key, at about one walk a place.
    """
    base = np.uint64(isqrt(size - 1) + 1 if size else 1)
    places, keys = np.broadcast_arrays(np.asarray(places, dtype=np.uint64), np.asarray(keys, dtype=np.uint64))
    result = _network(places, base, keys)
    outside = np.nonzero(result >= size)
    while len(outside[0]):
        walked = _network(result[outside], base, keys[outside])
        result[outside] = walked
        outside = tuple(index[walked >= size] for index in outside)
    return result


def _network(places: UInts, base: np.uint64, keys: UInts) -> UInts:
    left, right, round_keys = places // base, places % base, mixed(keys)
    for _ in range(ROUNDS):
        left, right = right, (left + mixed(right + round_keys) % base) % base
        round_keys = round_keys + STEP
    return left * base + right
