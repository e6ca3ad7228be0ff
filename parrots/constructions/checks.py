"""The table of cases: which constructions are checked at which size, and how.

``all-inputs``: every pair of sets, as edge tokens in random slots, through the model, against scipy.  ``by-cases``: the
proof of :mod:`~parrots.constructions.cases`, which covers every digraph of that size.  ``samples``: random digraphs of
several families (:mod:`theory.digraphs`) with random ends, against networkx and scipy; ``direct``: the same for models
in which the edge from source to target counts as a path.  ``large-graph``: one graph with tens of thousands of edges.

A construction is in the table by being in the registry.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from parrots.constructions import samples
from parrots.constructions.cases import prove
from parrots.constructions.packed import default_digits, largest_digits
from parrots.constructions.registry import CONSTRUCTIONS, get
from parrots.constructions.solver import Solver, build
from theory.encoding import encode_star
from theory.errors import InputError
from theory.instances import all_pairs
from theory.oracles import length_2_paths_scipy

ALL_INPUTS = range(3, 9)
"""Sizes V at which all 4^(V-2) inputs are run through the model."""
BY_CASES = (*ALL_INPUTS, 10, 34, 66, 130, 258, 514, 1026)
PROVED_AT_SCALE = {"packed": 4098}
"""One size more to prove by cases: r = 4,096."""
SAMPLES = {3: 300, 5: 1500, 12: 5000, 34: 2700, 66: 500}
"""Random digraphs at each V, 10,000 of each construction together."""
SAMPLED_ELSEWHERE = 600
MAX_SAMPLED = 130
"""Largest V at which random digraphs are drawn."""
ALL_VARIANTS = 12
"""Largest V at which more than one variant of a construction is checked."""
DIRECT = {4: 300, 12: 600, 34: 100}
LARGE_GRAPHS = {"two-layer": (5_000, 20_000), "three-layer": (2_000, 8_000)}
"""Vertices and edges of the large graphs."""


@dataclass(frozen=True)
class Case:
    """One row of the table: a construction at one size, and the method that checks it."""

    construction: str
    vertices: int
    method: str
    options: dict[str, int] = field(default_factory=dict, hash=False)

    def __str__(self) -> str:
        options = "".join(f"-{name}{value}" for name, value in self.options.items())
        return f"{self.construction}{options}-V{self.vertices}-{self.method}"

    def run(self, seed: int = 0) -> Check:
        """Builds the weights and checks them; ``seed`` orders the slots and draws the samples."""
        solver = build(self.construction, vertices=self.vertices, **self.options)
        inputs, wrong = _METHODS[self.method](solver, seed)
        return Check(self.construction, self.vertices, self.method, inputs, wrong, solver.width, self.options)


@dataclass(frozen=True)
class Check:
    """The outcome: ``inputs`` graphs (by-cases: values of coordinates) were covered and ``wrong`` of them fail."""

    construction: str
    vertices: int
    method: str
    inputs: int
    wrong: int
    width: int
    options: dict[str, int]


def cases(name: str | None = None, vertices: int | None = None) -> tuple[Case, ...]:
    """The table, or the part of it for one construction, or that construction's methods at another size.

    Raises :class:`~theory.errors.InputError` for an unknown name or fewer than 3 vertices.
    """
    names = tuple(CONSTRUCTIONS) if name is None else (get(name).name,)
    if vertices is not None and vertices < 3:
        raise InputError(f"{vertices} vertices: a length-2 path needs at least 3; give 3 or more.")
    table = []
    for each in names:
        for method, sizes in (_sizes(each) if vertices is None else _methods_at(each, vertices)).items():
            table += [Case(each, V, method, options) for V in sizes for options in _options(each, V, method)]
    return tuple(table)


def _sizes(name: str) -> dict[str, tuple[int, ...]]:
    by_cases, direct, large = get(name).by_cases, "direct" in get(name).options, LARGE_GRAPHS.get(name)
    return {
        "all-inputs": tuple(ALL_INPUTS),
        "by-cases": (*BY_CASES, *(PROVED_AT_SCALE[each] for each in (name,) if each in PROVED_AT_SCALE))
        if by_cases
        else (),
        "samples": tuple(SAMPLES),
        "direct": tuple(DIRECT) if direct else (),
        "large-graph": (large[0],) if large else (),
    }


def _methods_at(name: str, vertices: int) -> dict[str, tuple[int, ...]]:
    sampled = vertices <= MAX_SAMPLED
    applies = {
        "all-inputs": vertices in ALL_INPUTS,
        "by-cases": get(name).by_cases,
        "samples": sampled,
        "direct": sampled and "direct" in get(name).options,
    }
    return {method: (vertices,) for method, does in applies.items() if does}


def _options(name: str, vertices: int, method: str) -> list[dict[str, int]]:
    """The construction's variants, only the first at large V; of ``packed`` also the least and the most digits."""
    variants = get(name).variants if vertices <= ALL_VARIANTS else get(name).variants[:1]
    if "digits" not in get(name).options or method in ("samples", "direct") or vertices == PROVED_AT_SCALE.get(name):
        return [{**options, **({"direct": 1} if method == "direct" else {})} for options in variants]
    r = vertices - 2
    chosen = {1, default_digits(r), largest_digits(r)}
    return [{"digits": g} for g in sorted(chosen) if g < 9]  # the 3^9 values of g = 9 would take seconds


def _all_inputs(solver: Solver, seed: int) -> tuple[int, int]:
    r = solver.vertices - 2
    edges = encode_star(all_pairs(r), 2 * r, np.random.default_rng(seed))
    oracle = length_2_paths_scipy(edges, solver.vertices, 0, r + 1)
    return len(edges), int((solver.decide(edges).numpy() != oracle).sum())


def _by_cases(solver: Solver, seed: int) -> tuple[int, int]:
    proof = prove(solver.model)
    return proof.cases, proof.wrong


def _samples(solver: Solver, seed: int) -> tuple[int, int]:
    parts = samples.draw(solver.vertices, SAMPLES.get(solver.vertices, SAMPLED_ELSEWHERE), seed)
    return _count(solver, parts, direct=False)


def _direct(solver: Solver, seed: int) -> tuple[int, int]:
    parts = samples.draw(solver.vertices, DIRECT.get(solver.vertices, SAMPLED_ELSEWHERE), seed)
    return _count(solver, parts, direct=True)


def _large_graph(solver: Solver, seed: int) -> tuple[int, int]:
    edges = LARGE_GRAPHS[solver.construction][1]
    return _count(solver, [samples.large(solver.vertices, edges, seed)], direct=False)


def _count(solver: Solver, parts: samples.Samples, direct: bool) -> tuple[int, int]:
    """How many graphs there are, and how many are answered other than by one of the two oracles."""
    wrong = 0
    for part in parts:
        answer = solver.decide(part.edges, part.source, part.target).numpy()
        by_networkx, by_scipy = part.within_2 if direct else part.path
        wrong += int(((answer != by_networkx) | (answer != by_scipy)).sum())
    return sum(len(part.edges) for part in parts), wrong


_METHODS: dict[str, Callable[[Solver, int], tuple[int, int]]] = {
    "all-inputs": _all_inputs,
    "by-cases": _by_cases,
    "samples": _samples,
    "direct": _direct,
    "large-graph": _large_graph,
}
