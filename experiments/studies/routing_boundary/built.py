"""Panel (a), hand-built models: each form of `own-cross-token` on sampled graphs of four laws, up to large r."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import numpy as np
import torch

from experiments.engine import stream
from experiments.studies.laws import Draw
from experiments.studies.routing_boundary.preset import RoutingBoundaryPreset
from experiments.studies.types import FLOAT_BYTES, Cell, Estimate, Finished, Job
from parrots.constructions.cross_token import (
    CrossToken,
    cross_token_capacity,
    cross_token_expert_choice,
    cross_token_soft,
)
from parrots.flat import sizes
from theory.accounting import mixing_attention_flops
from theory.encoding import encode_star
from theory.instances import Pairs, planted, uniform

STUDY, PANEL = "routing-boundary", "a-built"
FORMS: dict[str, Callable[..., CrossToken]] = {
    "soft": cross_token_soft,
    "expert-choice": cross_token_expert_choice,
    "capacity": cross_token_capacity,
}
GRAPHS_AT_ONCE = 16
COST = 3.0
"""About the time of a cell's FLOP, in that of a trained one."""


def every_vertex_once(rng: np.random.Generator, batch: int, r: int) -> Pairs:
    """Near misses: every element is in one of the sets, in half of the pairs one element in both."""
    alice_BR, one_BR = rng.random((batch, r)) < 0.5, _one_of_half(rng, batch, r)
    return Pairs(alice_BR | one_BR, ~alice_BR | one_BR)


def one_against_all(rng: np.random.Generator, batch: int, r: int) -> Pairs:
    """The worst case of the flag: Alice has one element, Bob all others, in half of the pairs that one too."""
    element_B = rng.integers(0, r, size=batch)
    alice_BR = np.arange(r) == element_B[:, None]
    return Pairs(alice_BR, ~alice_BR | (rng.random((batch, 1)) < 0.5))


def _one_of_half(rng: np.random.Generator, batch: int, r: int) -> np.ndarray:
    """Boolean ``[batch, r]``: one element in about half of the rows."""
    one_BR = np.arange(r) == rng.integers(0, r, size=(batch, 1))
    return np.asarray(one_BR & (rng.random((batch, 1)) < 0.5))


LAWS: dict[str, Draw] = {
    "planted": planted,
    "every vertex once": every_vertex_once,
    "one against all": one_against_all,
    "dense": uniform,
}


@dataclass(frozen=True)
class Setup:
    """What a cell depends on."""

    form: str
    r: int
    graphs: int
    seed: int
    grid: str

    @classmethod
    def of(cls, cell: Cell) -> Setup:
        return cls(**cell.config)

    def design(self) -> CrossToken:
        return FORMS[self.form](self.r + 2, slots=2 * self.r)

    @property
    def flops(self) -> int:
        """Of attention and its maps on all tokens of all graphs; the block is small beside it."""
        return len(LAWS) * self.graphs * mixing_attention_flops(self.design().config)


def jobs(preset: RoutingBoundaryPreset) -> tuple[Job, ...]:
    """One job for every size."""
    return tuple(_job(preset, r) for r in preset.built_sizes)


def _job(preset: RoutingBoundaryPreset, r: int) -> Job:
    setups = [Setup(form, r, preset.built_graphs, 0, f"{preset.built_graphs} graphs of each law") for form in FORMS]
    cells = tuple(Cell(STUDY, PANEL, asdict(setup)) for setup in setups)
    return Job(f"built, r = {r}", cells, run, COST * sum(setup.flops for setup in setups))


def run(cells: tuple[Cell, ...]) -> Iterator[Finished]:
    """Build each model and count its wrong answers."""
    for cell in cells:
        began, setup = time.perf_counter(), Setup.of(cell)
        design = setup.design()
        wrong = {law: count_wrong(design, setup, law) for law in LAWS}
        metrics = {
            "width": design.width,
            "neurons": design.neurons,
            "experts": design.config.experts,
            "bits": design.bits,
            "beta": float(design.scales()[0]),
            "graphs": dict.fromkeys(LAWS, setup.graphs),
            "wrong": wrong,
        }
        yield Finished(cell, metrics, "counted", time.perf_counter() - began)


def count_wrong(design: CrossToken, setup: Setup, law: str) -> int:
    """Wrong answers of the float32 model to fresh graphs of ``law``, edges in random order among null tokens."""
    model, rng = design.build(), stream("test", setup.seed)
    pairs = LAWS[law](rng, setup.graphs, setup.r)
    edges = torch.from_numpy(encode_star(pairs, 2 * setup.r, rng))
    with torch.no_grad():
        answers = torch.cat([model(part) >= 0 for part in edges.split(GRAPHS_AT_ONCE)])
    return int((answers.numpy() != pairs.intersects_B).sum())


def estimate(job: Job, device_flops: float) -> Estimate:
    """One line of ``--dry-run``."""
    setups = [Setup.of(cell) for cell in job.cells]
    flops = sum(setup.flops for setup in setups)
    config = setups[0].design().config
    parameters = sum(sizes(config.shapes()).values())
    memory = FLOAT_BYTES * GRAPHS_AT_ONCE * config.tokens * (config.tokens + 6 * config.width)
    return Estimate(job.name, len(setups), parameters, flops, memory, flops / device_flops / 3600)
