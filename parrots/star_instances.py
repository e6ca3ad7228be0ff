"""Graphs for a model of a given size: a random star by a short name, or a user's graph with its vertices renamed."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl

import numpy as np

from parrots.graph_files import clip
from parrots.graphs import load_graph
from theory.encoding import NULL, EdgeArray, star_edges
from theory.errors import InputError
from theory.instances import uniform
from theory.protocol.parties import on_star

STAR = "star"


@dataclass(frozen=True)
class NamedGraph:
    """``edges`` ``[edges, 2]`` on the vertices 0..V-1, source 0 and target V - 1; vertex v is called ``labels[v]``."""

    labels: tuple[str, ...]
    edges: EdgeArray
    notes: tuple[str, ...] = ()

    @property
    def vertices(self) -> int:
        return len(self.labels)

    def star(self) -> NamedGraph:
        """Without the edges that no length-2 path can use."""
        return NamedGraph(self.labels, self.edges[on_star(self.edges, self.vertices - 2)], self.notes)


def graph_for(spec: str, vertices: int, source: str | None, target: str | None) -> NamedGraph:
    """The graph that ``spec`` names.

    ``star``, ``star?density=0.5&seed=3``: a random star of the model's ``vertices`` from 0 to V - 1, in which each
    possible edge is there with that probability; by default the one at which half of all graphs have a path.  Anything
    else is a graph as :func:`parrots.graphs.load_graph` takes it, with the labels of its source and target.

    Raises:
        InputError: a graph or label that does not exist, or options that are not those of a star.
    """
    if spec == STAR or spec.startswith(f"{STAR}?"):
        if source is not None or target is not None:
            raise InputError("a random star has source 0 and the last vertex as its target: leave both out.")
        return _random_star(spec, vertices)
    loaded = load_graph(spec)
    if source is None or target is None:
        raise InputError(f"source and target of {clip(spec)} are not both named: give --source and --target.")
    ends = (loaded.find(source, "source"), loaded.find(target, "target"))
    if ends[0] == ends[1]:
        raise InputError(f"source and target are both {clip(source)}: give two different vertices.")
    order = [ends[0], *(v for v in range(loaded.vertices) if v not in ends), ends[1]]
    renamed = np.empty(loaded.vertices, dtype=np.int64)
    renamed[order] = np.arange(loaded.vertices)
    return NamedGraph(tuple(loaded.labels[v] for v in order), renamed[loaded.edges], loaded.notes)


def even_density(r: int) -> float:
    """The probability of an edge at which a random star has a length-2 path with probability 1/2."""
    return float((1 - 0.5 ** (1 / r)) ** 0.5)


def _random_star(spec: str, vertices: int) -> NamedGraph:
    density, seed = _options(spec.partition("?")[2], even_density(vertices - 2))
    edges = star_edges(uniform(np.random.default_rng(seed), 1, vertices - 2, density))[0]
    return NamedGraph(tuple(map(str, range(vertices))), edges[edges[:, 0] != NULL])


def _options(query: str, density: float) -> tuple[float, int]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
        given = dict(pairs)
        unknown = given.keys() - {"density", "seed"} or len(pairs) > len(given)
        density, seed = float(given.get("density", density)), int(given.get("seed", "0"))
    except ValueError:
        unknown, seed = True, 0
    if unknown or seed < 0:
        raise InputError(f"{clip(f'{STAR}?{query}')} is no random star: give star?density=0.5&seed=0, or either alone.")
    return density, seed
