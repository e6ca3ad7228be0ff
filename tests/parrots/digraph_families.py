"""Random digraphs of several families, ``[batch, V, V]`` adjacency, with the source 0 and the target V - 1."""

from __future__ import annotations

from collections.abc import Callable

import networkx as nx
import numpy as np
from numpy.typing import NDArray

Adjacency = NDArray[np.bool_]


def erdos_renyi(rng: np.random.Generator, batch: int, V: int) -> Adjacency:
    """A vertex is between the ends with probability density^2, so about half of the answers are yes."""
    density = rng.uniform(0.3, 1.2, size=(batch, 1, 1)) / max(V - 2, 1) ** 0.5
    return rng.random((batch, V, V)) < density


def star(rng: np.random.Generator, batch: int, V: int) -> Adjacency:
    """Edges from the source or to the target alone; no vertex has both in every second graph."""
    graphs = np.zeros((batch, V, V), dtype=np.bool_)
    graphs[:, 0, 1:-1], graphs[:, 1:-1, -1] = rng.random((2, batch, V - 2)) < 0.7
    graphs[::2, 1:-1, -1] &= ~graphs[::2, 0, 1:-1]
    return graphs


def preferential_attachment(rng: np.random.Generator, batch: int, V: int) -> Adjacency:
    """Barabasi-Albert graphs with a random direction for each edge and random names."""
    graphs = np.zeros((batch, V, V), dtype=np.bool_)
    for graph in graphs:
        edges = np.array(nx.barabasi_albert_graph(V, min(3, V - 1), seed=int(rng.integers(2**31))).edges)
        flipped = np.where(rng.random((len(edges), 1)) < 0.5, edges, edges[:, ::-1])
        graph[tuple(rng.permutation(V)[flipped].T)] = True
    return graphs


def near_collision(rng: np.random.Generator, batch: int, V: int) -> Adjacency:
    """Edge (s, i) and all (j, d) with j - 1 one binary digit from i - 1, or all j but i: a partner only in name.

    Every third graph does have the partner (i, d) as well; others also get every edge that no path can use.
    """
    graphs = np.zeros((batch, V, V), dtype=np.bool_)
    j = np.arange(V - 2)
    for row, graph in enumerate(graphs):
        i = int(rng.integers(V - 2))
        distance = np.bitwise_count(j ^ i)
        graph[1:-1, -1] = distance == 1 if row % 2 else distance >= 1
        graph[0, 1 + i] = True
        if row % 4 >= 2:
            graph[1:-1, :-1] = True
        if row % 5 == 0:
            graph[:, :] = graph[::-1, ::-1].T.copy()  # the same with the ends exchanged: (i, d) alone, all (s, j)
        graph[1 + i, -1] |= row % 3 == 0
        graph[0, 1 + i] |= row % 3 == 0
    return graphs


def complete_and_empty(rng: np.random.Generator, batch: int, V: int) -> Adjacency:
    """All V(V-1) edges, none, or all but those at one end."""
    graphs = np.broadcast_to(~np.eye(V, dtype=np.bool_), (batch, V, V)).copy()
    graphs[1::4] = False
    graphs[2::4, 0] = False
    graphs[3::4, :, -1] = False
    return graphs


FAMILIES: tuple[Callable[[np.random.Generator, int, int], Adjacency], ...] = (
    erdos_renyi,
    star,
    preferential_attachment,
    near_collision,
    complete_and_empty,
)


def edge_array(graphs: Adjacency, rng: np.random.Generator) -> NDArray[np.int64]:
    """The edges of ``[batch, V, V]`` in random order, ``[batch, most edges, 2]``, padded with (-1, -1)."""
    batch, V = graphs.shape[:2]
    flat = graphs.reshape(batch, V * V)
    keys = np.where(flat, rng.random(flat.shape), 2.0)
    order = np.argsort(keys, axis=1)[:, : max(1, int(flat.sum(1).max(initial=0)))]
    edges = np.stack((order // V, order % V), -1)
    return np.where(np.take_along_axis(flat, order, 1)[..., None], edges, -1)
