"""A construction as a program: weights in, graphs in, answers out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import networkx as nx
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from parrots.constructions.design import Design
from parrots.constructions.layout import MEMORY_LIMIT, in_gib
from parrots.constructions.registry import get
from theory.encoding import NULL, check_edges
from theory.errors import InputError

CHUNK_BYTES = 2**27
"""Token arrays of one forward pass, unless a single graph takes more."""

Graphs = Sequence["nx.DiGraph[Any]"] | NDArray[np.int64] | Tensor
Ends = int | NDArray[np.int64]


class Solver(nn.Module):
    """A hand-built model that answers length-2 path on every digraph of its size."""

    def __init__(self, design: Design, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.design = design
        self.model = design.build(dtype)
        self.construction = design.name
        self.statement = design.statement
        self.vertices = design.vertices
        self.depth = design.depth
        self.width = design.width
        self.heads = design.heads
        self.neurons = design.neurons
        self.bits = design.bits

    def decide(self, graphs: Graphs, source: Ends = 0, target: Ends | None = None) -> Tensor:
        """Is there a length-2 path from ``source`` to ``target`` (default V - 1)?  Boolean ``[batch]``.

        ``graphs``: networkx digraphs whose vertices are among 0..V-1, or integer edges ``[batch, slots, 2]``, (-1, -1)
        for an empty slot; the ends: one vertex for all graphs or ``[batch]``.  A construction that is built for the
        ``direct`` edge says yes to that as well.  Unless a construction reads the ends from the query, the vertices are
        renamed so that the source is 0 and the target V - 1; the slots are padded as it wants them.

        Raises :class:`~theory.errors.InputError` for a graph that is undirected or of another size, an edge listed
        twice, a source or target that is missing or the same, or graphs that need too much memory.
        """
        edges = self._edge_array(graphs)
        check_edges(edges, self.vertices)
        ends = self._ends(len(edges), source, self.vertices - 1 if target is None else target)
        if not self.design.names_ends:
            edges = _renamed(edges, ends, self.vertices)
        used = int((edges[:, :, 0] != NULL).sum(axis=1).max(initial=0))
        slots = self.design.slots_for(used)
        graph_bytes = self.design.graph_bytes(slots)
        if graph_bytes > MEMORY_LIMIT:
            raise InputError(
                f"a graph of {used} edges takes {in_gib(graph_bytes)} as tokens of width {self.width}, the limit is "
                f"{in_gib(MEMORY_LIMIT)}: give a sparser graph."
            )
        step = max(1, CHUNK_BYTES // graph_bytes)
        chunks = [slice(start, start + step) for start in range(0, len(edges), step)]
        answers = [self._answers(_pad(edges[chunk], slots), ends[chunk]) for chunk in chunks]
        return torch.cat(answers) if answers else torch.zeros(0, dtype=torch.bool)

    def with_slots(self, slots: int) -> nn.Module:
        """The model for arrays of ``slots`` edge slots, with the same weights."""
        return self.design.with_slots(self.model, slots)

    def _answers(self, edges: NDArray[np.int64], ends: NDArray[np.int64]) -> Tensor:
        """Boolean ``[batch]`` for edges ``[batch, slots, 2]`` and ends ``[batch, 2]``."""
        model, device = self.with_slots(edges.shape[1]), next(self.model.parameters()).device
        inputs = (edges, ends) if self.design.names_ends else (edges,)
        with torch.no_grad():
            return model(*(torch.from_numpy(part).to(device) for part in inputs)) >= 0

    def _ends(self, batch: int, source: Ends, target: Ends) -> NDArray[np.int64]:
        """Source and target of every graph, ``[batch, 2]``."""
        for name, given in (("source", source), ("target", target)):
            wrong = [vertex for vertex in np.unique(given) if not 0 <= vertex < self.vertices]
            if wrong:
                raise InputError(f"{name} {wrong[0]}: vertices are 0 to {self.vertices - 1}; give one of them.")
        ends = np.stack([np.broadcast_to(source, batch), np.broadcast_to(target, batch)], axis=1).astype(np.int64)
        same = ends[ends[:, 0] == ends[:, 1], 0]
        if len(same):
            raise InputError(f"source and target are both {same[0]}: a path needs two ends; give different vertices.")
        return ends

    def _edge_array(self, graphs: Graphs) -> NDArray[np.int64]:
        if isinstance(graphs, Tensor):
            return graphs.numpy(force=True)
        if isinstance(graphs, np.ndarray):
            return graphs
        return stack_edges(graphs, self.vertices)


def stack_edges(graphs: Sequence[nx.DiGraph[Any]], vertices: int) -> NDArray[np.int64]:
    """The edges of every graph, ``[batch, most edges, 2]``, padded with (-1, -1).

    Raises :class:`~theory.errors.InputError` for an undirected graph or a vertex that is not one of 0..vertices-1.
    """
    for graph in graphs:
        if not graph.is_directed():
            raise InputError("an undirected graph: give a DiGraph, `graph.to_directed()` has every edge both ways.")
        for vertex in graph:
            if not isinstance(vertex, int | np.integer) or not 0 <= vertex < vertices:
                raise InputError(
                    f"vertex {str(vertex)[:80]!r}: vertices are the integers 0 to {vertices - 1}; relabel the graph, "
                    "networkx.convert_node_labels_to_integers does it."
                )
    stacked = np.full((len(graphs), max((g.number_of_edges() for g in graphs), default=0), 2), NULL, dtype=np.int64)
    for row, graph in zip(stacked, graphs, strict=True):
        row[: graph.number_of_edges()] = np.array(list(graph.edges()), dtype=np.int64).reshape(-1, 2)
    return stacked


def _renamed(edges: NDArray[np.int64], ends: NDArray[np.int64], vertices: int) -> NDArray[np.int64]:
    """The same graphs with every source called 0, every target V - 1, and the others 1 to V - 2 in their order."""
    source, target = ends[:, 0, None, None], ends[:, 1, None, None]
    others = edges + 1 - (edges > source) - (edges > target)
    named = np.where(edges == source, 0, np.where(edges == target, vertices - 1, others))
    return np.where(edges == NULL, NULL, named)


def _pad(edges: NDArray[np.int64], slots: int) -> NDArray[np.int64]:
    """The same graphs ``[batch, slots, 2]``, the edges of each first."""
    absent_BS = edges[:, :, 0] == NULL
    first_BS = np.argsort(absent_BS, axis=1, kind="stable")[:, :slots]
    packed = np.take_along_axis(edges, first_BS[:, :, None], axis=1)
    padded = np.full((len(edges), slots, 2), NULL, dtype=np.int64)
    padded[:, : packed.shape[1]] = packed
    return padded


def build(name: str, vertices: int, **options: int) -> Solver:
    """The construction ``name`` for graphs of ``vertices`` vertices, in the project's own model class.

    ``options``: ``digits`` for ``packed``.  Raises :class:`~theory.errors.InputError` for an unknown name or option, a
    size that does not exist, is not exact in float32, or takes more memory than
    :data:`~parrots.constructions.layout.MEMORY_LIMIT`.
    """
    return Solver(get(name).design(vertices, **options))
