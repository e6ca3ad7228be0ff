"""Random digraphs in bulk, of families that are hard in different ways, source 0 and target V - 1.

Generators take ``(rng, batch, V)`` and give adjacency matrices, boolean ``[batch, V, V]`` without loops; every random
choice comes from the numpy generator.  :func:`edge_slots` turns them into edges in random slots.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from theory.encoding import NULL, EdgeArray

Adjacency = NDArray[np.bool_]
Generate = Callable[[np.random.Generator, int, int], Adjacency]

MOST_EDGES, FEWEST = 2**15, 6
"""Where graphs hold nearly every edge, edges of a family together, but so many graphs at least."""
ATTACHED = 3
"""Edges that a new vertex brings along in preferential attachment."""


def erdos_renyi(rng: np.random.Generator, batch: int, V: int) -> Adjacency:
    """Every edge on its own; a vertex is between the ends with probability density^2: half the answers are yes."""
    density = rng.uniform(0.3, 1.2, size=(batch, 1, 1)) / max(V - 2, 1) ** 0.5
    return without_loops(rng.random((batch, V, V)) < density)


def star(rng: np.random.Generator, batch: int, V: int) -> Adjacency:
    """Edges at the source or into the target alone, most of them; in every second graph no vertex has both."""
    graphs = np.zeros((batch, V, V), dtype=np.bool_)
    graphs[:, 0, 1:-1], graphs[:, 1:-1, -1] = rng.random((2, batch, V - 2)) < 0.7
    graphs[::2, 1:-1, -1] &= ~graphs[::2, 0, 1:-1]
    graphs[:, 0, -1] = rng.random(batch) < 0.5
    return graphs


def preferential_attachment(rng: np.random.Generator, batch: int, V: int) -> Adjacency:
    """A vertex after the other joins up to 3 earlier ones, chosen by their degree; directions and names are random."""
    graphs = np.zeros((batch, V, V), dtype=np.bool_)
    degree = np.zeros((batch, V))
    degree[:, 0] = 1.0
    rows = np.arange(batch)[:, None]
    for new in range(1, V):
        # The largest of log(u) / degree are a sample without replacement with these weights.
        keys = np.log(rng.random((batch, new))) / degree[:, :new]
        chosen = np.argsort(-keys, axis=1)[:, :ATTACHED]
        forward = rng.random(chosen.shape) < 0.5
        graphs[rows, np.where(forward, new, chosen), np.where(forward, chosen, new)] = True
        degree[rows, chosen] += 1.0
        degree[:, new] = chosen.shape[1]
    names = np.argsort(rng.random((batch, V)), axis=1)
    return graphs[rows[:, :, None], names[:, :, None], names[:, None, :]]


def nearly_complete(rng: np.random.Generator, batch: int, V: int) -> Adjacency:
    """All edges; all but one of the two of every intermediate, so that there is no path; that, and one path again."""
    graphs = without_loops(np.ones((batch, V, V), dtype=np.bool_))
    keep_first = rng.random((batch, V - 2)) < rng.random((batch, 1))
    graphs[1:, 0, 1:-1], graphs[1:, 1:-1, -1] = keep_first[1:], ~keep_first[1:]
    middle = rng.integers(1, V - 1, size=batch)
    again = np.arange(batch)[2::2]
    graphs[again, 0, middle[again]] = graphs[again, middle[again], -1] = True
    return graphs


def nearly_empty(rng: np.random.Generator, batch: int, V: int) -> Adjacency:
    """No edge, or up to three, at the ends or elsewhere."""
    graphs = np.zeros((batch, V, V), dtype=np.bool_)
    rows, middle = np.arange(batch), rng.integers(1, V - 1, size=batch)
    other = np.where(rng.random(batch) < 0.6, middle, rng.integers(1, V - 1, size=batch))
    for tail, head in ((0, middle), (other, V - 1), (middle, other)):
        graphs[rows, tail, head] = (rng.random(batch) < 0.6) & (rows > 0)
    return without_loops(graphs)


def near_collisions(rng: np.random.Generator, batch: int, V: int) -> Adjacency:
    """The one edge (s, i), and edges (j, d) from the vertices whose number is a binary digit away from that of i.

    Every third graph has (i, d) as well.  Of the others some have *all* (j, d) but (i, d), some the roles of the ends
    exchanged, some in addition every edge that no path can use.
    """
    rows, j = np.arange(batch), np.arange(1, V - 1)
    i = rng.integers(1, V - 1, size=batch)
    distance = np.bitwise_count(j ^ i[:, None])
    several = np.where(rows[:, None] % 2 == 0, distance == 1, distance >= 1)
    several[rows, i - 1] = rows % 3 == 0
    single = j == i[:, None]
    exchanged = (rows % 5 == 0)[:, None]
    graphs = np.zeros((batch, V, V), dtype=np.bool_)
    graphs[rows % 4 >= 2, 1:, :-1] = True
    graphs[:, 0, 1:-1] = np.where(exchanged, several, single)
    graphs[:, 1:-1, -1] = np.where(exchanged, single, several)
    return without_loops(graphs)


FAMILIES: Mapping[str, Generate] = {
    "Erdős–Rényi": erdos_renyi,
    "star": star,
    "preferential attachment": preferential_attachment,
    "nearly complete": nearly_complete,
    "nearly empty": nearly_empty,
    "near collisions": near_collisions,
}
DENSE = ("nearly complete", "near collisions")


def families(rng: np.random.Generator, vertices: int, graphs: int) -> dict[str, EdgeArray]:
    """At least ``graphs`` graphs, as edges ``[batch, slots, 2]`` of every family; where V is large, few dense ones."""
    few = min(graphs // len(FAMILIES), max(FEWEST, MOST_EDGES // vertices**2))
    many = -((len(DENSE) * few - graphs) // (len(FAMILIES) - len(DENSE)))
    sizes = {name: max(1, few if name in DENSE else many) for name in FAMILIES}
    return {name: edge_slots(make(rng, sizes[name], vertices), rng) for name, make in FAMILIES.items()}


def without_loops(graphs: Adjacency) -> Adjacency:
    """The same graphs, changed in place, without edges from a vertex to itself."""
    diagonal = np.arange(graphs.shape[1])
    graphs[:, diagonal, diagonal] = False
    return graphs


def edge_slots(graphs: Adjacency, rng: np.random.Generator) -> EdgeArray:
    """The edges of ``[batch, V, V]`` in random order, ``[batch, most edges (at least 1), 2]``, padded with (-1, -1)."""
    graph_E, tail_E, head_E = np.nonzero(graphs)
    shuffled = np.lexsort((rng.random(len(graph_E)), graph_E))
    counts = np.bincount(graph_E, minlength=len(graphs))
    slot_E = np.arange(len(graph_E)) - np.repeat(np.cumsum(counts) - counts, counts)
    edges = np.full((len(graphs), max(1, int(counts.max(initial=0))), 2), NULL, dtype=np.int64)
    edges[graph_E, slot_E] = np.stack([tail_E, head_E], axis=1)[shuffled]
    return edges
