"""Shortcuts to a path that search nothing: each is a rule for the next step, to be walked."""

from __future__ import annotations

import numpy as np

from experiments.tasks.graphs.search import Ints, Words
from experiments.tasks.graphs.walks import Policy, members


def policies(adjacency: Words, target_B: Ints, rng: np.random.Generator) -> dict[str, Policy]:
    """Rules by name; ties are broken at random.

    ``random walk``: any neighbour.  ``no return``: one that was not visited, while there is one.  ``highest degree``:
    of those the one with most neighbours.  ``target in sight``: the target if it is a neighbour, else as ``no return``.
    """
    batch, vertices, _ = adjacency.shape
    degree_BV = members(adjacency.reshape(batch * vertices, -1), vertices).sum(axis=1).reshape(batch, vertices)
    is_target_BV = np.arange(vertices) == target_B[:, None]

    def chance() -> np.ndarray:
        return rng.random((batch, vertices))

    return {
        "random walk": lambda visited: chance(),
        "no return": lambda visited: chance() - visited,
        "highest degree": lambda visited: chance() + degree_BV - vertices * visited,
        "target in sight": lambda visited: chance() - visited + 2 * is_target_BV,
    }
