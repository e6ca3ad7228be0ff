"""Random digraphs with random ends, and what two libraries answer to them; drawn and answered once for all models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from theory.digraphs import families
from theory.encoding import NULL, EdgeArray
from theory.oracles import DISTANCE_AT_MOST_2, LENGTH_2_PATH, Oracle
from theory.reductions import to_digraphs

Answers = tuple[NDArray[np.bool_], NDArray[np.bool_]]


@dataclass(frozen=True)
class Sample:
    """Graphs of one family, ``edges`` ``[batch, slots, 2]``, the ends of each, ``[batch]``, and the right answers.

    ``path``: is there a length-2 path; ``within_2``: is the distance at most 2; each by networkx and by scipy.
    """

    edges: EdgeArray
    source: NDArray[np.int64]
    target: NDArray[np.int64]
    path: Answers
    within_2: Answers


Samples = Sequence[Sample]


@lru_cache(maxsize=16)
def draw(vertices: int, graphs: int, seed: int) -> Samples:
    """At least ``graphs`` digraphs of V vertices, a :class:`Sample` for each family."""
    rng = np.random.default_rng((vertices, seed))
    return tuple(answered(edges, vertices, rng) for edges in families(rng, vertices, graphs).values())


@lru_cache(maxsize=4)
def large(vertices: int, edges: int, seed: int) -> Sample:
    """Two graphs of V vertices and about so many edges, half of them at the ends: one without a path, one with one.

    The source leads to one part of the other vertices and another part to the target; the last edge joins the parts.
    """
    rng = np.random.default_rng((vertices, seed))
    middle = rng.permutation(np.arange(1, vertices - 1))
    first, second = np.split(middle[: min(edges // 2, vertices - 2)], 2)
    at_source = np.stack([np.zeros_like(first), first], axis=1)
    at_target = np.stack([second, np.full_like(second, vertices - 1)], axis=1)
    # Neither out of the source nor into the target, so that they change nothing.
    tails = rng.integers(1, vertices, size=edges - len(first) - len(second))
    others = np.stack([tails, rng.integers(0, vertices - 1, size=len(tails))], axis=1)
    others = np.unique(others[others[:, 0] != others[:, 1]], axis=0)
    without = np.concatenate([at_source, at_target, others])
    graphs = np.full((2, len(without) + 1, 2), NULL, dtype=np.int64)
    graphs[:, 1:] = without
    graphs[1, 0] = first[0], vertices - 1
    return answered(graphs, vertices, rng)


def answered(edges: EdgeArray, vertices: int, rng: np.random.Generator) -> Sample:
    """The graphs, source 0 and target V - 1, under random names, and the answers."""
    graphs = to_digraphs(edges, vertices)
    batch = np.arange(len(edges))[:, None, None]
    name = np.argsort(rng.random((len(edges), vertices)), axis=1)
    renamed = np.where(edges == NULL, NULL, name[batch, edges])

    def both(oracle: Oracle) -> Answers:
        by_networkx = np.array([oracle.networkx(graph, 0, vertices - 1) for graph in graphs], dtype=np.bool_)
        return by_networkx, oracle.scipy(edges, vertices, 0, vertices - 1)

    return Sample(renamed, name[:, 0], name[:, -1], both(LENGTH_2_PATH), both(DISTANCE_AT_MOST_2))
