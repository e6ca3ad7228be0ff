"""The table of cases: which constructions are checked at which size, and how.

``all-inputs``: every pair of sets, as edge tokens in random slots, through the model, against scipy.  ``by-cases``: the
proof of :mod:`~parrots.constructions.cases`, which covers every digraph of that size.  ``samples``: random digraphs
with random ends, against networkx.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import networkx as nx
import numpy as np

from parrots.constructions.cases import prove
from parrots.constructions.packed import default_digits, largest_digits
from parrots.constructions.registry import CONSTRUCTIONS, get
from parrots.constructions.solver import Solver, build
from theory.encoding import encode_star
from theory.errors import InputError
from theory.instances import all_pairs
from theory.oracles import length_2_paths_networkx, length_2_paths_scipy

ALL_INPUTS = range(3, 9)
"""Sizes V at which all 4^(V-2) inputs are run through the model."""
BY_CASES = (*ALL_INPUTS, 10, 34, 66, 130, 258, 514, 1026)
SAMPLES = (3, 5, 12, 34, 66)
MAX_SAMPLED = 130
"""Largest V at which random digraphs are drawn."""
ENDS, GRAPHS = 20, 10
"""Samples: pairs of source and target, graphs for each."""


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
        inputs, wrong = _METHODS[self.method](solver, np.random.default_rng(seed))
        return Check(self.construction, self.vertices, self.method, inputs, wrong, solver.width)


@dataclass(frozen=True)
class Check:
    """The outcome: ``inputs`` graphs (by-cases: values of coordinates) were covered and ``wrong`` of them fail."""

    construction: str
    vertices: int
    method: str
    inputs: int
    wrong: int
    width: int


def cases(name: str | None = None, vertices: int | None = None) -> tuple[Case, ...]:
    """The table, or the part of it for one construction, or that construction's methods at another size.

    Raises :class:`~theory.errors.InputError` for an unknown name or fewer than 3 vertices.
    """
    names = tuple(CONSTRUCTIONS) if name is None else (get(name).name,)
    if vertices is not None and vertices < 3:
        raise InputError(f"{vertices} vertices: a length-2 path needs at least 3; give 3 or more.")
    table = []
    for each in names:
        sizes = {"all-inputs": tuple(ALL_INPUTS), "by-cases": BY_CASES, "samples": SAMPLES}
        if vertices is not None:
            sizes = {
                "all-inputs": (vertices,) if vertices in ALL_INPUTS else (),
                "by-cases": (vertices,),
                "samples": (vertices,) if vertices <= MAX_SAMPLED else (),
            }
        for method, chosen in sizes.items():
            table += [Case(each, V, method, options) for V in chosen for options in _options(each, V, method)]
    return tuple(table)


def _options(name: str, vertices: int, method: str) -> list[dict[str, int]]:
    """The default, and for ``packed`` the ends of the range of g as well: 1 and the most that float32 allows."""
    if "digits" not in get(name).options or method == "samples":
        return [{}]
    r = vertices - 2
    chosen = {1, default_digits(r), largest_digits(r)}
    return [{"digits": g} for g in sorted(chosen) if g < 9]  # the 3^9 values of g = 9 would take seconds


def _all_inputs(solver: Solver, rng: np.random.Generator) -> tuple[int, int]:
    r = solver.vertices - 2
    edges = encode_star(all_pairs(r), 2 * r, rng)
    oracle = length_2_paths_scipy(edges, solver.vertices, 0, r + 1)
    return len(edges), int((solver.decide(edges).numpy() != oracle).sum())


def _by_cases(solver: Solver, rng: np.random.Generator) -> tuple[int, int]:
    proof = prove(solver.model)
    return proof.cases, proof.wrong


def _samples(solver: Solver, rng: np.random.Generator) -> tuple[int, int]:
    """A vertex is between the ends with probability density^2, so a density near 1/sqrt(r) balances the answers."""
    V, wrong = solver.vertices, 0
    for _ in range(ENDS):
        source, target = (int(vertex) for vertex in rng.choice(V, size=2, replace=False))
        density = min(1.0, float(rng.uniform(0.5, 1.2)) / (V - 2) ** 0.5)
        graphs = [nx.gnp_random_graph(V, density, seed=int(rng.integers(2**31)), directed=True) for _ in range(GRAPHS)]
        oracle = length_2_paths_networkx(graphs, source, target)
        wrong += int((solver.decide(graphs, source, target).numpy() != oracle).sum())
    return ENDS * GRAPHS, wrong


_METHODS = {"all-inputs": _all_inputs, "by-cases": _by_cases, "samples": _samples}
