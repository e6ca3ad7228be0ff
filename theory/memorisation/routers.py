"""How sequences are split among K experts: exactly, by intervals of the reading, or by random directions."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from theory.errors import InputError
from theory.memorisation.grid import MOST_BITS, guaranteed_bits, inside

Router = Literal["interval", "dense-interval", "random", "random-unit"]
"""``interval``: rank one, logits ``k t + b_k`` of the reading t.  ``dense-interval``: the same logits from a full K x m
matrix.  ``random``: K Gaussian directions in R^m.  ``random-unit``: the same, scaled to one length."""
ROUTERS: tuple[Router, ...] = get_args(Router)

DIRECTION_BITS = 12
"""Fraction bits of a random direction's entries; any directions route, so few bits do."""


def interval_cuts(readings: NDArray[np.float64], experts: int) -> tuple[NDArray[np.float64], float]:
    """The K - 1 ascending numbers that cut ``readings`` ``[n]`` into K runs of ``floor(n/K)`` or ``ceil(n/K)`` each.

    Cut k lies between the ``floor(k n / K)``-th smallest reading and the next one, on a grid of few fraction bits.
    Also returns the distance from a cut to the nearest reading, infinite for one expert.

    Raises:
        InputError: more experts than readings, or two readings at a cut that are equal or too close.
    """
    n = len(readings)
    if experts > n:
        raise InputError(f"{experts} experts for {n} sequences: some would get none; give --experts 1 to {n}.")
    ordered = np.sort(readings)
    ends = np.arange(1, experts) * n // experts
    left, right = ordered[ends - 1], ordered[ends]
    if not len(ends):
        return left, np.inf
    gap = float((right - left).min())
    bits = guaranteed_bits(gap) if gap > 0 else MOST_BITS + 1
    if bits > MOST_BITS:
        raise InputError(
            f"two readings on both sides of a cut between experts are {gap:.1e} apart, and a cut has {MOST_BITS} "
            "fraction bits at most: give another --seed, fewer --experts or fewer --sequences."
        )
    cuts = inside(left, right, bits)
    return cuts, float(np.minimum(cuts - left, right - cuts).min())


def interval_logits(cuts: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Slopes and biases ``[K]`` of the lines ``k t + b_k`` whose upper envelope changes line exactly at the cuts.

    Lines k - 1 and k cross where ``t = b_(k-1) - b_k``, which is cut k by ``b_k = b_(k-1) - cut_k``; slopes increase,
    so the later line is above to the right of it.  Cuts ascend, so the k-th line is the highest between its two cuts.
    """
    return np.arange(len(cuts) + 1.0), -np.concatenate([[0.0], np.cumsum(cuts)])


def random_directions(experts: int, width: int, seed: int, *, unit: bool) -> NDArray[np.float64]:
    """``[K, m]``: Gaussian rows, or (``unit``) rows of length sqrt(m), on a grid of ``2^-DIRECTION_BITS``.

    A sequence goes to the row with the largest inner product, so a longer row wins more of them.
    """
    rows = np.random.default_rng((seed, 3)).standard_normal((experts, width))
    if unit:
        rows *= np.sqrt(width) / np.linalg.norm(rows, axis=1, keepdims=True)
    scale = 2.0**DIRECTION_BITS
    return np.rint(rows * scale) / scale


def balls_in_bins(balls: int, bins: int, trials: int, seed: int = 0) -> NDArray[np.int64]:
    """The largest load of each of ``trials`` throws of ``balls`` balls into ``bins`` equal bins, ``[trials]``."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(balls, np.full(bins, 1 / bins), size=trials).max(axis=1)
