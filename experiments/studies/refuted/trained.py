"""Panel (a): trained models, each with its certificate, and what every method finds within the same budget."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from experiments.answers import is_finite, sampled_accuracy, verdict
from experiments.engine import Graphs, Member, Recipe, best_device, stream, train
from experiments.studies.laws import LAWS
from experiments.studies.refuted.preset import RefutedPreset
from experiments.studies.refuted.searching import Target
from experiments.studies.shapes import ROUTED, Shape, widths
from experiments.studies.types import Cell, Finished, Job
from parrots.checkpoint import to_bytes
from parrots.model import OneLayerModel
from theory.accounting import training_flops
from theory.refute import Refutation

STUDY = "refuted"
PANEL = "a-trained"
LAW = LAWS["everything"]
METHODS = ("sampling", "local", "lattice", "neighbours", "exhaustive")
"""Of the refuter; sampling is the baseline."""


@dataclass(frozen=True)
class Setup(Shape):
    """What a cell depends on."""

    steps: int
    batch: int
    samples: int
    evaluations: int

    @property
    def flops(self) -> int:
        return training_flops(self.config, self.batch, self.steps)


def jobs(preset: RefutedPreset) -> tuple[Job, ...]:
    """One job for every size and block."""
    return tuple(_job(preset, r, experts) for r, experts in product(preset.sizes, preset.experts))


def _job(preset: RefutedPreset, r: int, experts: int) -> Job:
    setups = [
        Setup(
            r=r,
            width=width,
            experts=experts,
            seed=seed,
            grid=preset.grid,
            steps=preset.steps,
            batch=preset.batch,
            samples=preset.samples,
            evaluations=preset.evaluations,
        )
        for width, seed in product(widths(r, preset.shares), range(preset.seeds))
    ]
    cells = tuple(setup.cell(STUDY, PANEL) for setup in setups)
    cost = sum(setup.flops for setup in setups) * (ROUTED if experts > 1 else 1)
    return Job(f"train and refute, r = {r}, K = {experts}", cells, run, cost)


def run(cells: tuple[Cell, ...]) -> Iterator[Finished]:
    """Train all as one ensemble; certify and refute each one as it is finished."""
    device = best_device()
    setups = [Setup.of(cell) for cell in cells]
    members = [Member(setup.config, setup.seed, setup.learning_rate) for setup in setups]
    r = setups[0].r
    recipe = Recipe(steps=setups[0].steps, batch=setups[0].batch)
    for index, trained in train(members, lambda rng, batch, _: LAW.draw(rng, batch, r), recipe, LAW.density, device):
        began = time.perf_counter()
        metrics = {"learning_rate": setups[index].learning_rate, **measure(setups[index], trained.model)}
        seconds = trained.seconds + time.perf_counter() - began
        yield Finished(cells[index], metrics, trained.stopped, seconds, device.type, to_bytes(trained.model))


def measure(setup: Setup, model: OneLayerModel) -> Mapping[str, Any]:
    """The truth by certificate, the accuracy by sampling, and what each method finds.

    A model that training threw out of range is wrong on every input and searched by no method: it has no table.
    """
    model = model.cpu()
    certificate = verdict(model)
    found = _searched(setup, model) if is_finite(model) else {}
    return {
        "inputs": certificate.inputs,
        "wrong": certificate.wrong,
        "undecided": certificate.undecided,
        "accuracy": sampled_accuracy(model, _test_graphs(setup)),
        "evaluations": {name: result.evaluations if result.found else None for name, result in found.items()},
        "spent": {name: result.evaluations for name, result in found.items()},
        "answered_rightly": sum(result.answered_rightly for result in found.values()),
    }


def _searched(setup: Setup, model: OneLayerModel) -> dict[str, Refutation]:
    target = Target.of(model)
    return {method: target.search(method, setup.evaluations, setup.seed) for method in METHODS}


def _test_graphs(setup: Setup) -> Graphs:
    """Of the training law, and not seen in training."""
    return Graphs.of(LAW.draw(stream("test", setup.seed), setup.samples, setup.r), "cpu")
