"""A user's graph, from a file or a networkx name, as numbered vertices with their labels."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from parrots.graph_files import RawGraph, clip, decode, parse_csv, parse_edge_list, parse_graphml
from theory.errors import InputError

MAX_FILE_BYTES = 2**26
"""Largest graph file that is read: 64 MiB, some five million edges, which take about a gigabyte while they are read."""


@dataclass(frozen=True)
class LoadedGraph:
    """A simple digraph: vertex v has the label ``labels[v]``, ``edges`` is ``[edges, 2]`` without loops or repeats.

    ``notes`` say, a sentence each, what was changed or assumed on the way.
    """

    labels: tuple[str, ...]
    edges: NDArray[np.int64]
    notes: tuple[str, ...]

    @property
    def vertices(self) -> int:
        return len(self.labels)

    def digraph(self) -> nx.DiGraph[Any]:
        """The same graph for networkx, on the vertices 0..V-1."""
        graph: nx.DiGraph[Any] = nx.DiGraph()
        graph.add_nodes_from(range(self.vertices))
        graph.add_edges_from(self.edges.tolist())
        return graph

    def find(self, label: str, role: str) -> int:
        """The vertex called ``label``: the same text, or else the same whole number ("033" finds "33").

        Raises :class:`~theory.errors.InputError` naming the ``role`` ("source") and close labels if there is none.
        """
        if label in self.labels:
            return self.labels.index(label)
        number = _whole(label)
        same = [vertex for vertex, name in enumerate(self.labels) if number is not None and _whole(name) == number]
        if len(same) == 1:
            return same[0]
        close = difflib.get_close_matches(label[:80], self.labels[:10_000], n=3)
        near = close or list(self.labels[:3])
        raise InputError(
            f"{role} {clip(label)} is not one of the {self.vertices} vertices: give a label of the graph, such as "
            f"{', '.join(clip(name) for name in near)}."
        )


def load_graph(spec: str) -> LoadedGraph:
    """The graph ``spec``: a file (edge list, ``.csv``, ``.graphml``), or a networkx graph by name.

    Edge lists and CSV rows are directed; undirected graphs (GraphML, networkx) get every edge in both directions.
    Loops are dropped, since no length-2 path between different vertices has one, and repeated edges are merged.

    Raises :class:`~theory.errors.InputError` for a file that is missing, too large, not of its format or empty, an
    unknown name, or fewer than 3 vertices.
    """
    path = Path(spec)
    try:
        is_file, exists = path.is_file(), path.exists()
        if is_file and path.stat().st_size > MAX_FILE_BYTES:
            size = path.stat().st_size / 2**20
            raise InputError(f"{clip(spec)} has {size:,.0f} MiB: give a file of at most {MAX_FILE_BYTES // 2**20} MiB.")
        data = path.read_bytes() if is_file else b""
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(f"graph {clip(spec)} cannot be read ({reason}): give a file or a networkx name.") from error
    if is_file:
        return _from_file(spec, path.suffix.lower(), data)
    if exists:
        raise InputError(f"{clip(spec)} is not a file: give a graph file or a networkx name.")
    return simple_graph(_from_networkx(spec), spec)


def _from_file(spec: str, suffix: str, data: bytes) -> LoadedGraph:
    try:
        if suffix in (".graphml", ".xml") or data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
            raw = parse_graphml(data)
        else:
            raw = (parse_csv if suffix == ".csv" else parse_edge_list)(decode(data))
        if not raw.edges and not raw.vertices:
            raise InputError("empty: give at least one edge.")
    except InputError as error:
        raise InputError(f"{clip(spec)}: {error}") from error
    return simple_graph(raw, spec)


def simple_graph(raw: RawGraph, spec: str) -> LoadedGraph:
    """Number the vertices in order of appearance; drop loops, merge repeats, add the way back where undirected."""
    number: dict[str, int] = {}
    for label in raw.vertices:
        number.setdefault(label, len(number))
    ends = [(number.setdefault(u, len(number)), number.setdefault(v, len(number))) for u, v in raw.edges]
    if len(number) < 3:
        raise InputError(f"{clip(spec)} has {_many(len(number), 'vertex')}: a length-2 path needs at least 3.")
    edges = np.array(ends, dtype=np.int64).reshape(-1, 2)
    loops = edges[:, 0] == edges[:, 1]
    edges = edges[~loops]
    notes = list(raw.notes)
    if not raw.directed:
        notes.append("the graph is undirected: every edge is read in both directions")
        edges = np.sort(edges, axis=1)
    kept = np.unique(edges, axis=0)
    if loops.any():
        notes.append(f"dropped {_many(int(loops.sum()), 'self-loop')}: no length-2 path has one")
    if len(kept) < len(edges):
        notes.append(f"merged {_many(len(edges) - len(kept), 'duplicate edge')}")
    if not raw.directed:
        kept = np.concatenate([kept, kept[:, ::-1]])
    return LoadedGraph(tuple(number), kept, tuple(notes))


def _from_networkx(name: str) -> RawGraph:
    generators = networkx_graphs()
    if name not in generators:
        close = difflib.get_close_matches(name[:80], generators, n=3)
        hint = f"did you mean {' or '.join(close)}?" if close else "give one of these, such as karate_club_graph."
        raise InputError(f"{clip(name)} is neither a file nor a graph that networkx makes without arguments: {hint}")
    graph = generators[name]()
    if not isinstance(graph, nx.Graph):
        raise InputError(f"networkx.{name}() is not one graph: give another name, such as karate_club_graph.")
    vertices = [str(vertex) for vertex in graph]
    return RawGraph(graph.is_directed(), vertices, [(str(edge[0]), str(edge[1])) for edge in graph.edges()])


@cache
def networkx_graphs() -> dict[str, Callable[[], Any]]:
    """The public generators of networkx that need no argument, by name."""
    return {
        name: member
        for name, member in inspect.getmembers(nx, callable)
        if getattr(member, "__module__", "").startswith("networkx.generators.") and _needs_nothing(member)
    }


def _needs_nothing(member: Callable[..., Any]) -> bool:
    optional = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    try:
        parameters = inspect.signature(member).parameters.values()
    except (TypeError, ValueError):
        return False
    return all(part.default is not part.empty or part.kind in optional for part in parameters)


def _whole(text: str) -> int | None:
    try:
        return int(text) if len(text) <= 30 else None
    except ValueError:
        return None


def _many(count: int, what: str) -> str:
    several = {"vertex": "vertices"}.get(what, f"{what}s")
    return f"{count} {what if count == 1 else several}"
