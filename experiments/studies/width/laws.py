"""The distributions that the study trains and tests on, by the name that a cell's configuration holds."""

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


def _of_density(density: float) -> Draw:
    def draw(rng: np.random.Generator, batch: int, r: int) -> Pairs:
        return uniform(rng, batch, r, density)

    return draw


def _one_shared_at_most(rng: np.random.Generator, batch: int, r: int) -> Pairs:
    """Planted at every size of Bob's set: the inputs on which the answer hangs on one vertex."""
    size = int(rng.integers(1, r + 1))
    return planted(rng, batch, r, size)


def _everything(rng: np.random.Generator, batch: int, r: int) -> Pairs:
    """What a model needs that shall be right on all inputs: hard planted ones, and every density up to full overlap."""
    parts = [(0.5, _one_shared_at_most), (0.2, _planted), (0.1, _of_density(0.5)), (0.1, _of_density(0.75))]
    return mixture(rng, batch, r, [*parts, (0.1, _of_density(0.25))])


LAWS = {
    "planted": NamedLaw(_planted, 1 / 3),
    "index": NamedLaw(index, 1 / 2),
    "everything": NamedLaw(_everything, 0.4),
}
