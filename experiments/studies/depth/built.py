"""Hand-built models on the graphs of panel (a), and at the sizes where one layer is proved to need more width."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import cache
from itertools import count

import numpy as np
import torch

from experiments.engine import stream, to_present
from experiments.studies.depth.arms import HIDDEN_RATIO, STUDY
from experiments.studies.depth.preset import DepthPreset
from experiments.studies.types import Cell, Finished, Job
from parrots.constructions import build
from parrots.two_layer import TwoLayerConfig, TwoLayerModel, built_parameters, built_width, matmul_flops
from theory.bounds import message_min_width, message_suffices, pattern_min_width, pattern_suffices
from theory.bounds.two_layer import two_layer_width
from theory.encoding import star_edges
from theory.instances import Pairs, planted

PANEL = "built"
STAR, DIGRAPH, DENSE, PACKED = "two layers, star graphs", "two layers, any digraph", "one layer, dense", "packed"
SOLVERS = {DIGRAPH: "two-layer", DENSE: "dense", PACKED: "packed"}
"""Constructions that the registry names; the other is that of the trained class."""
DEEP: dict[str, Callable[[int], int]] = {STAR: built_width, DIGRAPH: lambda r: two_layer_width(r + 2)}
"""Width of each two-layer construction at r."""
FLOPS = 1e10
"""FLOP/s of one CPU core on these models."""
BITS = 8
"""p of the message bound; the pattern bound has no precision."""


@dataclass(frozen=True)
class Setup:
    """What a cell depends on."""

    construction: str
    r: int
    graphs: int
    seed: int
    grid: str

    @classmethod
    def of(cls, cell: Cell) -> Setup:
        return cls(**cell.config)

    @property
    def flops(self) -> int:
        """As if the model were two layers of the trained class."""
        return self.graphs * matmul_flops(TwoLayerConfig(self.r + 2, two_layer_width(self.r + 2), 1))


@dataclass(frozen=True)
class Separation:
    """Least r at which a bound on one layer exceeds the width of a two-layer construction."""

    bound: str
    statement: str
    construction: str
    r: int
    one_layer: int
    """Least width that the bound allows."""
    two_layers: int


@dataclass(frozen=True)
class Bound:
    """A bound on one layer with one softmax head."""

    name: str
    statement: str
    allows: Callable[[int, int], bool]
    """Whether it leaves open that the width (second) is enough for r (first)."""
    least: Callable[[int], int]
    """Least width that it leaves open at r."""


def bounds(experts: int) -> tuple[Bound, ...]:
    """Of a dense block, of ``experts`` experts, and of any block at :data:`BITS` bits."""

    def pattern(name: str, K: int) -> Bound:
        return Bound(
            name,
            "own-pattern-bound",
            lambda r, width: pattern_suffices(r, HIDDEN_RATIO * r, width, K, attention="softmax"),
            lambda r: pattern_min_width(r, HIDDEN_RATIO * r, K, attention="softmax"),
        )

    return (
        pattern(f"any precision, {HIDDEN_RATIO}r hidden units", 1),
        pattern(f"any precision, {experts} experts of {HIDDEN_RATIO}r hidden units", experts),
        Bound(
            f"weights and values of {BITS} bits, any block",
            "own-message-bound",
            lambda r, width: message_suffices(r, 1, BITS, width),
            lambda r: message_min_width(r, 1, BITS),
        ),
    )


@cache
def separations(experts: int) -> tuple[Separation, ...]:
    """For every bound and construction."""
    found = []
    for bound in bounds(experts):
        for construction, width in DEEP.items():
            r = next(r for r in count(1) if not bound.allows(r, width(r)))
            found.append(Separation(bound.name, bound.statement, construction, r, bound.least(r), width(r)))
    return tuple(found)


def jobs(preset: DepthPreset) -> tuple[Job, ...]:
    """One job for every size."""
    proved = sorted({(found.r, found.construction) for found in separations(preset.experts)})
    small = [_job(r, (STAR, *SOLVERS), preset.test_graphs) for r in preset.sizes]
    large = [_job(r, (construction,), preset.built_graphs) for r, construction in proved if r not in preset.sizes]
    return (*small, *large)


def _job(r: int, constructions: tuple[str, ...], graphs: int) -> Job:
    setups = [Setup(name, r, graphs, 0, f"{graphs} graphs") for name in constructions]
    cells = tuple(Cell(STUDY, f"{PANEL}, r = {r}", asdict(setup)) for setup in setups)
    return Job(f"built, r = {r}: {', '.join(constructions)}", cells, run, sum(setup.flops for setup in setups) / FLOPS)


def run(cells: tuple[Cell, ...]) -> Iterator[Finished]:
    """Build each and count its wrong answers to the test graphs of seed 0."""
    for cell in cells:
        began, setup = time.perf_counter(), Setup.of(cell)
        pairs = planted(stream("test", setup.seed), setup.graphs, setup.r)
        width, answers = (_by_table if setup.construction == STAR else _by_solver)(setup, pairs)
        metrics = {"width": width, "wrong": int((answers != pairs.intersects_B).sum())}
        yield Finished(cell, metrics, "counted", time.perf_counter() - began)


def _by_table(setup: Setup, pairs: Pairs) -> tuple[int, np.ndarray]:
    config = TwoLayerConfig(setup.r + 2, built_width(setup.r), hidden=1)
    with torch.no_grad():
        logits = TwoLayerModel(config, built_parameters(config)).forward_table(to_present(pairs))
    return config.width, (logits >= 0).numpy()


def _by_solver(setup: Setup, pairs: Pairs) -> tuple[int, np.ndarray]:
    solver = build(SOLVERS[setup.construction], setup.r + 2)
    return solver.width, solver.decide(star_edges(pairs)).numpy()
