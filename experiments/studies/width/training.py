"""Cells of trained one-layer models: what a configuration holds, and how a job's cells become rows.

The learning rate is chosen for every width (and every number of message bits) on the validation graphs of a seed that
no result uses, by shorter runs at each candidate; dense and MoE models get the same candidates and the same runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Any

import torch

from experiments.engine import TUNING_SEED, Graphs, Law, Member, Recipe, best_device, stream, train
from experiments.studies.laws import LAWS
from experiments.studies.types import Cell, Finished, Job
from parrots.checkpoint import to_bytes
from parrots.config import OneLayerConfig
from parrots.model import OneLayerModel
from theory.accounting import parameters

TUNING_SHARE = 4
"""A tuning run takes this fraction of a cell's steps."""


@dataclass(frozen=True)
class Setup:
    """Everything a one-layer cell depends on, but its seed."""

    r: int
    width: int
    hidden: int
    law: str
    steps: int
    batch: int
    learning_rates: tuple[float, ...]
    """Candidates."""
    experts: int = 1
    top_k: int = 1
    attention: str = "softmax"
    message_bits: int | None = None
    arm: str = "dense"
    """What the cell is compared as."""
    test_graphs: int = 20_000
    """Fresh graphs of the same law that the accuracy is measured on."""
    grid: str = ""
    """In words, what all cells share that it is compared with: a page never mixes two grids in one curve."""

    def cell(self, panel: str, seed: int) -> Cell:
        return Cell("width", panel, {**asdict(self), "seed": seed})

    @classmethod
    def of(cls, cell: Cell) -> Setup:
        return cls(**cell.settings)

    @property
    def config(self) -> OneLayerConfig:
        return OneLayerConfig(
            vertices=self.r + 2,
            width=self.width,
            hidden=self.hidden,
            experts=self.experts,
            top_k=self.top_k,
            attention=self.attention,  # type: ignore[arg-type]  # checked by OneLayerConfig
            message_bits=self.message_bits,
        )

    @property
    def law_at(self) -> Law:
        draw, r = LAWS[self.law].draw, self.r
        return lambda rng, batch, _: draw(rng, batch, r)

    def test(self, seed: int, device: torch.device) -> Graphs:
        """Graphs drawn from a stream that neither training nor validation uses."""
        return Graphs.of(LAWS[self.law].draw(stream("test", seed), self.test_graphs, self.r), device)


Measure = Callable[[Setup, int, OneLayerModel], Mapping[str, Any]]
"""Metrics of a trained model: ``(setup, seed, model) -> JSON``."""
JobFunction = Callable[[tuple[Cell, ...]], Iterator[Finished]]


def train_cells(cells: Sequence[Cell], measure: Measure) -> Iterator[Finished]:
    """Train cells that share everything but width, hidden units, message bits and seed, as one ensemble."""
    device = best_device()
    setups = [Setup.of(cell) for cell in cells]
    began = time.perf_counter()
    chosen = tune(list(dict.fromkeys(setups)), device)
    tuning = (time.perf_counter() - began) / len(cells)
    members = [Member(s.config, cell.seed, chosen[s].learning_rate) for s, cell in zip(setups, cells, strict=True)]
    for index, trained in train(members, setups[0].law_at, recipe(setups[0]), LAWS[setups[0].law].density, device):
        began = time.perf_counter()
        metrics = {
            "learning_rate": chosen[setups[index]].learning_rate,
            "tuning": chosen[setups[index]].validation,
            "steps": trained.steps,
            "validation": trained.validation,
            **measure(setups[index], cells[index].seed, trained.model),
        }
        seconds = trained.seconds + tuning + time.perf_counter() - began
        yield Finished(cells[index], metrics, trained.stopped, seconds, device.type, to_bytes(trained.model))


def recipe(setup: Setup) -> Recipe:
    return Recipe(steps=setup.steps, batch=setup.batch)


@dataclass(frozen=True)
class Tuned:
    """The candidate with the best validation accuracy, and all of them: learning rate -> accuracy."""

    learning_rate: float
    validation: dict[str, float]


def tune(setups: Sequence[Setup], device: torch.device) -> dict[Setup, Tuned]:
    """Choose a learning rate for every setup, all candidates of all setups in one ensemble."""
    if all(len(setup.learning_rates) == 1 for setup in setups):
        return {setup: Tuned(setup.learning_rates[0], {}) for setup in setups}
    tried = [(setup, rate) for setup in setups for rate in setup.learning_rates]
    members = [Member(setup.config, TUNING_SEED, rate) for setup, rate in tried]
    first = setups[0]
    short = replace(recipe(first), steps=max(1, first.steps // TUNING_SHARE), target=2.0)  # never stops early
    scores: dict[Setup, dict[float, float]] = {setup: {} for setup in setups}
    for index, trained in train(members, first.law_at, short, LAWS[first.law].density, device):
        setup, rate = tried[index]
        scores[setup][rate] = trained.validation
    return {setup: _best(found) for setup, found in scores.items()}


def _best(scores: Mapping[float, float]) -> Tuned:
    """Ties go to the smaller rate."""
    best = max(sorted(scores), key=lambda rate: scores[rate])
    return Tuned(best, {f"{rate:g}": scores[rate] for rate in sorted(scores)})


def one_job(name: str, panel: str, setups: Sequence[Setup], seeds: int, function: JobFunction) -> Job:
    """All seeds of ``setups`` as one job."""
    cells = tuple(setup.cell(panel, seed) for setup, seed in product(setups, range(seeds)))
    tuning = sum(len(setup.learning_rates) / TUNING_SHARE for setup in setups if len(setup.learning_rates) > 1)
    share = 1 + tuning / len(cells)
    return Job(name, cells, function, share * sum(core_seconds(setup) for setup in setups) * seeds)


def core_seconds(setup: Setup) -> float:
    """About what a cell takes on one CPU core, from timings of the quick preset: orders jobs, tells the time left.

    A step has an overhead, an optimiser's share for every parameter, and work for every hidden unit of every graph;
    routing adds to each.
    """
    units = setup.batch * setup.top_k * setup.hidden * (4e-9 + 2e-10 * setup.width)
    routing = setup.batch * setup.top_k * 1e-6 + 0.6 * units if setup.experts > 1 else 0.0
    return setup.steps * (1e-4 + 6e-9 * parameters(setup.config).total + units + routing)
