"""Questions about two vertices of a graph, by two libraries that know nothing of this project's constructions.

Length-2 path, Def. 3.1: is there a vertex ``i``, neither the source nor the target, with edges ``(s, i)`` and
``(i, d)``?  The edge ``(s, d)`` and loops do not matter.  Distance at most 2: the same, or the edge ``(s, d)``.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import networkx as nx
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from theory.encoding import NULL, EdgeArray, check_edges
from theory.errors import InputError


def length_2_path_networkx(graph: nx.DiGraph[Any], source: Hashable, target: Hashable) -> bool:
    """By networkx: is there a simple path of two edges?  Labels may be anything hashable.

    Raises :class:`~theory.errors.InputError` when source and target are the same or not in the graph.
    """
    _check_ends(graph, source, target)
    return any(len(path) == 3 for path in nx.all_simple_paths(graph, source, target, cutoff=2))


def distance_at_most_2_networkx(graph: nx.DiGraph[Any], source: Hashable, target: Hashable) -> bool:
    """By networkx: is the target among the vertices at distance 1 or 2?  Raises as :func:`length_2_path_networkx`."""
    _check_ends(graph, source, target)
    return any(target in nx.descendants_at_distance(graph, source, distance) for distance in (1, 2))


def _check_ends(graph: nx.DiGraph[Any], source: Hashable, target: Hashable) -> None:
    if source == target:
        raise InputError(f"source and target are both {source!r}: a path needs two ends; give different vertices.")
    for name, vertex in (("source", source), ("target", target)):
        if vertex not in graph:
            raise InputError(
                f"{name} {vertex!r} is not one of the {len(graph)} vertices of the graph; give one of them."
            )


def length_2_paths_scipy(edges: EdgeArray, vertices: int, source: int, target: int) -> NDArray[np.bool_]:
    """By scipy, of all graphs ``[batch, slots, 2]`` at once, boolean ``[batch]``.

    Without the edge ``(s, d)`` a length-2 path exists iff the distance is 2.
    """
    check_edges(edges, vertices)
    direct = (edges == np.array([source, target])).all(axis=2, keepdims=True)
    return _distances(np.where(direct, NULL, edges), vertices, source, target) == 2


def distances_at_most_2_scipy(edges: EdgeArray, vertices: int, source: int, target: int) -> NDArray[np.bool_]:
    """By scipy, of all graphs ``[batch, slots, 2]`` at once, boolean ``[batch]``."""
    return _distances(edges, vertices, source, target) <= 2


def _distances(edges: EdgeArray, vertices: int, source: int, target: int) -> NDArray[np.float64]:
    """Distances ``[batch]``, infinite beyond 2.

    The graphs are laid side by side as one graph, with one more vertex that points at every copy of the source, so that
    the distance from there is one more.
    """
    check_edges(edges, vertices)
    for name, vertex in (("source", source), ("target", target)):
        if not 0 <= vertex < vertices:
            raise InputError(f"{name} {vertex}: vertices are 0 to {vertices - 1}; give one of them.")
    if source == target:
        raise InputError(f"source and target are both {source}: a path needs two ends; give different vertices.")
    batch = len(edges)
    first_B = np.arange(batch, dtype=np.int64) * vertices
    row_E, slot_E = np.nonzero(edges[:, :, 0] != NULL)
    root = batch * vertices
    tails = np.concatenate([first_B[row_E] + edges[row_E, slot_E, 0], np.full(batch, root)])
    heads = np.concatenate([first_B[row_E] + edges[row_E, slot_E, 1], first_B + source])
    adjacency = coo_array((np.ones(len(tails)), (tails, heads)), shape=(root + 1, root + 1)).tocsr()
    distance = dijkstra(adjacency, directed=True, indices=[root], unweighted=True, limit=3)
    return np.asarray(distance[0, first_B + target] - 1)


@dataclass(frozen=True)
class Oracle:
    """One question, by ``networkx`` for one graph and by ``scipy`` for edges ``[batch, slots, 2]``."""

    networkx: Callable[[nx.DiGraph[Any], Hashable, Hashable], bool]
    scipy: Callable[[EdgeArray, int, int, int], NDArray[np.bool_]]


LENGTH_2_PATH = Oracle(length_2_path_networkx, length_2_paths_scipy)
DISTANCE_AT_MOST_2 = Oracle(distance_at_most_2_networkx, distances_at_most_2_scipy)
