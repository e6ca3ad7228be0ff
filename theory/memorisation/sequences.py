"""Random sequences with random labels, and the direction in which they are read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from fractions import Fraction
from math import isqrt, log2, pi, sqrt

import numpy as np
from numpy.typing import NDArray

from theory.errors import InputError
from theory.rounding import UNIT

BLOCK = 4096
"""Sequences drawn at a time; part of what a seed means."""
MOST_CLOSE_PAIRS = 64
"""Where so many close pairs are expected, there is none with a probability of about ``exp(-64)``."""
_LABELS, _TOKENS, _PROJECTION = range(3)
"""Streams of one seed."""


@dataclass(frozen=True)
class RandomSequences:
    """``sequences`` (n) sequences of ``tokens`` (N) independent standard Gaussian tokens in R^``width`` (m).

    Labels are independent fair signs.  Nothing is kept: :meth:`blocks` draws the same tokens every time.

    Raises:
        InputError: a number below 1, a negative seed, or more sequences than float64 tells apart.
    """

    sequences: int
    width: int
    tokens: int = 8
    seed: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            value, least = getattr(self, field.name), 0 if field.name == "seed" else 1
            if value < least:
                raise InputError(f"{field.name} {value} is below {least}: give {least} or more.")
        self._check_distinct()

    def _check_distinct(self) -> None:
        """Refuse so many sequences that float64 all but surely fails to tell apart two readings of different label.

        Two Gaussian readings of deviation s are within x of each other with probability about ``x / (s sqrt(pi))``, and
        have different labels with probability 1/2.  A reading is a sum of mN products; its error is in proportion to
        the sum of their sizes, which is ``s sqrt(2mN/pi)`` on average.
        """
        n, m, N = self.sequences, self.width, self.tokens
        summed = min(m + N, 2**53)  # beyond that no digit of a sum is sure
        close = 2 * summed * UNIT * sqrt(2 * min(m * N, summed**2) / pi)
        most = isqrt(int(4 * MOST_CLOSE_PAIRS / min(1.0, close / sqrt(pi))))  # n^2 / 4 pairs of different label
        if n > most:
            given = str(n) if n < 10**20 else "of many digits"
            raise InputError(
                f"sequences {given} is too large: some readings of different label are all but surely closer than "
                f"float64 tells apart; give {most} or fewer, or less --width or --tokens."
            )

    def labels(self) -> NDArray[np.int8]:
        """``[n]`` of -1 and 1."""
        bits = np.random.default_rng((self.seed, _LABELS)).integers(0, 2, self.sequences, dtype=np.int8)
        return 2 * bits - 1

    def blocks(self) -> Iterator[NDArray[np.float64]]:
        """The tokens in order, ``[at most BLOCK, N, m]`` at a time."""
        for number, start in enumerate(range(0, self.sequences, BLOCK)):
            size = min(BLOCK, self.sequences - start)
            rng = np.random.default_rng((self.seed, _TOKENS, number))
            yield rng.standard_normal((size, self.tokens, self.width))


def projection(width: int, tokens: int, seed: int) -> NDArray[np.float64]:
    """The direction u in which sequences are read, ``[m]``: random signs times a power of two.

    A reading is ``<u, mean of the tokens>``.  Tokens are Gaussian, so every u != 0 of the same length gives readings of
    the same law; this one takes 2 bits an entry.
    """
    bits = np.random.default_rng((seed, _PROJECTION)).integers(0, 2, width).astype(np.float64)
    return (2 * bits - 1) * 2.0 ** _scale(width, tokens)


def reading_variance(width: int, tokens: int) -> Fraction:
    """``|u|^2 / N``, the variance of a reading: between 1/2 and 2 by the choice of the power of two."""
    return Fraction(width, tokens) * Fraction(4) ** _scale(width, tokens)


def _scale(width: int, tokens: int) -> int:
    return round(log2(tokens / width) / 2)
