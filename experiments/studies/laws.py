"""The distributions that studies train and test on, by the name that a cell's configuration holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from theory.instances import Pairs, index, mixture, planted, uniform

Draw = Callable[[np.random.Generator, int, int], Pairs]
"""``(rng, batch, r) -> Pairs``."""


@dataclass(frozen=True)
class NamedLaw:
    """``density`` is the share of star edges that initial weights are centred for."""

    draw: Draw
    density: float


def _planted(rng: np.random.Generator, batch: int, r: int) -> Pairs:
    return planted(rng, batch, r)


def _one_shared_at_most(rng: np.random.Generator, batch: int, r: int) -> Pairs:
    """Disjoint sets of all sizes, with one shared element in half of them: the answer hangs on a single vertex.

    Every row has its own share of elements in Bob's set and, of the others, in Alice's.
    """
    share_B2 = rng.random((batch, 2, 1))
    bob_BR = rng.random((batch, r)) < share_B2[:, 0]
    alice_BR = (rng.random((batch, r)) < share_B2[:, 1]) & ~bob_BR
    shared_B = np.flatnonzero(rng.random(batch) < 0.5)
    vertex_B = rng.integers(0, r, size=len(shared_B))
    alice_BR[shared_B, vertex_B] = bob_BR[shared_B, vertex_B] = True
    return Pairs(alice_BR, bob_BR)


def _everything(rng: np.random.Generator, batch: int, r: int) -> Pairs:
    """What a model needs that shall be right on all inputs: sets that share one element at most, and dense overlaps."""
    return mixture(rng, batch, r, [(0.5, _one_shared_at_most), (0.25, _planted), (0.25, uniform)])


LAWS = {
    "planted": NamedLaw(_planted, 1 / 3),
    "index": NamedLaw(index, 1 / 2),
    "everything": NamedLaw(_everything, 0.4),
}
