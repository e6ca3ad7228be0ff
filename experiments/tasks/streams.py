"""Endless streams of examples in numbered blocks, and splits that can have no graph in common.

A block is drawn from its own generator, seeded by the task's seed, the split and the block's number, so an example
depends on its number alone.  The split of a graph is a hash of the graph: candidates that belong to another split are
dropped, whatever the seed.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from math import ceil, sqrt

import numpy as np
import torch
from numpy.typing import NDArray

from experiments.tasks.numbered import UInts, mixed
from experiments.tasks.task import SPLITS, Split
from theory.errors import InputError

Candidates = Callable[[np.random.Generator, int, Split], NDArray[np.int32]]
"""``(rng, count, split)`` -> rows ``[kept, length]``: those of ``count`` random candidates that are in ``split``."""

SHARES = 32
"""One graph in as many is for the test, another for validation."""
LARGEST_BLOCK = 4096
"""Examples of a block for training.  Blocks of the other splits have a sixteenth, as most candidates are not theirs."""
BLOCKS_KEPT = 8
BLOCKS_TRIED = 64
"""After as many blocks' worth of candidates without a single example a split counts as empty."""


def split_numbers(hashes: UInts) -> NDArray[np.int64]:
    """Index into :data:`~experiments.tasks.task.SPLITS` of each hash (sums of hashes of parts), any shape."""
    share = (mixed(hashes) % np.uint64(SHARES)).astype(np.int64)
    return np.where(share == 0, SPLITS.index("test"), np.where(share == 1, SPLITS.index("validation"), 0))


class BlockStream:
    """The examples of one task, all splits; the last blocks are kept, so that small batches cost no second drawing."""

    def __init__(self, seed: int, candidates: Candidates, length: int, block: int = LARGEST_BLOCK) -> None:
        """``length``: of a row.  ``block``: examples of a block for training; fewer where an example takes long."""
        self._seed, self._candidates, self._length = seed % 2**64, candidates, length
        other = max(1, block // 16)
        self._sizes: dict[Split, int] = {"train": block, "validation": other, "test": other}
        self._kept_share = lru_cache(maxsize=None)(self._estimated_share)
        self._kept_block = lru_cache(maxsize=BLOCKS_KEPT)(self._block)

    def rows(self, split: Split, first: int, count: int) -> NDArray[np.int64]:
        """Rows ``first .. first + count - 1`` of ``split``, on as many threads as torch uses."""
        size = self._sizes[split]
        self._kept_share(split)  # once, before threads ask for it
        numbers = range(first // size, -(-(first + count) // size))
        rows = np.empty((count, self._length), dtype=np.int64)

        def copy(number: int) -> None:
            at, block = number * size - first, self._kept_block(split, number)
            rows[max(0, at) : at + size] = block[max(0, -at) : count - at]

        threads = min(torch.get_num_threads(), len(numbers))
        if threads > 1:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(copy, numbers))  # a list, so that an error is raised here
        else:
            for number in numbers:
                copy(number)
        return rows

    def _block(self, split: Split, number: int) -> NDArray[np.int32]:
        rng, share = self._generator(split, 1, number), self._kept_share(split)
        parts: list[NDArray[np.int32]] = []
        missing = self._sizes[split]
        while missing > 0:
            count = ceil((1.01 * missing + 3 * sqrt(missing * (1 - share)) + 1) / share)  # one round mostly suffices
            parts.append(self._candidates(rng, count, split)[:missing])
            missing -= len(parts[-1])
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _estimated_share(self, split: Split) -> float:
        """Raises :class:`~theory.errors.InputError` when no candidate belongs to ``split``."""
        rng, count, tried, found = self._generator(split, 0, 0), 16, 0, 0
        while 2 * found < self._sizes[split]:
            found += len(self._candidates(rng, count, split))
            tried += count
            if found == 0 and tried >= BLOCKS_TRIED * self._sizes["train"]:
                raise InputError(
                    f"none of {tried} random graphs can be a {split} example: there are too few graphs of this size, "
                    "or none with such a distance; give more vertices or edges, or a wider range of distances."
                )
            count = tried  # as many again
        return found / tried

    def _generator(self, split: Split, purpose: int, number: int) -> np.random.Generator:
        sequence = np.random.SeedSequence([self._seed, SPLITS.index(split), purpose, number])
        return np.random.Generator(np.random.SFC64(sequence))
