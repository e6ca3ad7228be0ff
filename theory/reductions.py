"""Set disjointness is the length-2 path problem, and so a part of the graph problems it stands for.

:func:`disjointness_to_path` and :func:`path_to_disjointness` are the two directions of Lemma D.2.  The others are the
consequences of section 3.2 of Mixture of Parrots: on a star graph the sets intersect iff the distance from source to
target is 2, iff the target can be reached at all, and, with the edge ``(d, s)`` added, iff there is a directed cycle,
which is then of length 3.  So a width that is too small for disjointness is too small for each of them.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import networkx as nx
import numpy as np

from theory.encoding import NULL, EdgeArray, check_edges, star_edges
from theory.errors import InputError
from theory.instances import Pairs


def disjointness_to_path(pairs: Pairs) -> EdgeArray:
    """Lemma D.2: star graphs ``[batch, 2r, 2]`` with a length-2 path from 0 to ``r + 1`` iff the sets intersect.

    ``(0, i)`` is an edge iff Alice holds element ``i``, ``(i, r+1)`` iff Bob does.
    """
    return star_edges(pairs)


@dataclass(frozen=True)
class DisjointnessInstance:
    """One pair of sets (``pairs``, batch 1) and the vertices that its elements stand for, in order."""

    pairs: Pairs
    intermediates: tuple[Hashable, ...]


def path_to_disjointness(graph: nx.DiGraph[Any], source: Hashable, target: Hashable) -> DisjointnessInstance:
    """Lemma D.2, the other way, for any digraph: the sets intersect iff it has a length-2 path from source to target.

    The elements are the vertices other than the two; Alice holds the successors of the source and Bob the predecessors
    of the target among them.  No other edge matters.  Raises :class:`~theory.errors.InputError` when source and target
    are the same, one of them is not in the graph, or there is no third vertex.
    """
    for name, vertex in (("source", source), ("target", target)):
        if vertex not in graph:
            raise InputError(
                f"{name} {vertex!r} is not one of the {len(graph)} vertices of the graph; give one of them."
            )
    if source == target:
        raise InputError(f"source and target are both {source!r}: a path needs two ends; give different vertices.")
    if len(graph) < 3:
        raise InputError(f"a graph of {len(graph)} vertices: a length-2 path needs at least 3; give a larger graph.")
    intermediates = tuple(vertex for vertex in graph if vertex not in (source, target))
    alice = np.array([[graph.has_edge(source, vertex) for vertex in intermediates]], dtype=np.bool_)
    bob = np.array([[graph.has_edge(vertex, target) for vertex in intermediates]], dtype=np.bool_)
    return DisjointnessInstance(Pairs(alice, bob), intermediates)


def close_cycle(edges: EdgeArray, source: int, target: int) -> EdgeArray:
    """The graphs with the edge ``(target, source)`` added, ``[batch, slots + 1, 2]``.

    A length-2 path from source to target then closes a directed 3-cycle; a star graph has no other directed cycle.
    """
    back = np.broadcast_to(np.array([target, source], dtype=np.int64), (len(edges), 1, 2))
    return np.concatenate([edges, back], axis=1)


def to_digraphs(edges: EdgeArray, vertices: int) -> list[nx.DiGraph[Any]]:
    """Every graph of ``[batch, slots, 2]`` as a networkx digraph on the vertices ``0..vertices-1``."""
    check_edges(edges, vertices)
    graphs = []
    for slots in edges:
        graph: nx.DiGraph[Any] = nx.DiGraph()
        graph.add_nodes_from(range(vertices))
        graph.add_edges_from(map(tuple, slots[slots[:, 0] != NULL].tolist()))
        graphs.append(graph)
    return graphs


def distance_is_two(graph: nx.DiGraph[Any], source: Hashable, target: Hashable) -> bool:
    """Shortest path, by networkx: is the distance from source to target exactly 2?"""
    return bool(nx.has_path(graph, source, target) and nx.shortest_path_length(graph, source, target) == 2)


def is_connected(graph: nx.DiGraph[Any], source: Hashable, target: Hashable) -> bool:
    """Graph connectivity, by networkx: can the target be reached from the source?"""
    return bool(nx.has_path(graph, source, target))


def has_directed_3_cycle(graph: nx.DiGraph[Any]) -> bool:
    """Cycle detection, by networkx: is there a directed cycle of three different vertices?"""
    return any(len(cycle) == 3 for cycle in nx.simple_cycles(graph, length_bound=3))
