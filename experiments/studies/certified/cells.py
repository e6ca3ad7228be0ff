"""The cells: one model of one width, seed and block, trained plainly and then with or without its errors fed back."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch

from experiments.engine import DIVERGED, Law, Member, Recipe, best_device, train
from experiments.studies.certified.loop import AllInputs, Candidate, ballast, certify_and_train
from experiments.studies.certified.preset import CertifiedPreset
from experiments.studies.laws import LAWS
from experiments.studies.shapes import ROUTED, Shape, widths
from experiments.studies.types import Cell, Finished, Job
from parrots.checkpoint import to_bytes
from parrots.config import OneLayerConfig
from theory.accounting import table_flops, training_flops

STUDY = "certified"
PANEL = "a-loop"
LAW = LAWS["everything"]
FED, CONTROL = "counterexamples fed back", "as many steps without"
NEVER = 2.0
"""No accuracy ends the plain training before its last step."""


@dataclass(frozen=True)
class Setup(Shape):
    """What a cell depends on."""

    training: str
    """:data:`FED` or :data:`CONTROL`."""
    steps: int
    rounds: int
    round_steps: int
    batch: int
    fed_back: float

    @property
    def start(self) -> tuple[OneLayerConfig, int, float]:
        """What the plain training depends on beside the preset: cells that share it start from one model."""
        return self.config, self.seed, self.learning_rate


def jobs(preset: CertifiedPreset) -> tuple[Job, ...]:
    """One job for every size and block."""
    return tuple(_job(preset, r, experts) for r, experts in product(preset.sizes, preset.experts))


def _job(preset: CertifiedPreset, r: int, experts: int) -> Job:
    setups = [
        _setup(preset, r, experts, width, training, seed)
        for width, training, seed in product(widths(r, preset.shares), (FED, CONTROL), range(preset.seeds))
    ]
    cells = tuple(setup.cell(STUDY, PANEL) for setup in setups)
    cost = float(most_flops(setups)) * (ROUTED if experts > 1 else 1)
    return Job(f"certify and train, r = {r}, K = {experts}", cells, run, cost)


def most_flops(setups: Sequence[Setup]) -> int:
    """FLOPs of a job if every round is used: each start once, every cell's rounds, and 4^r inputs after each of them.

    The inputs are visited twice, by the certifier and for the errors; the ballast trains along.
    """
    first = setups[0]
    idle = ballast(first.config)
    plain = [*{setup.start: setup.config for setup in setups}.values(), idle]
    further = [*(setup.config for setup in setups), idle]
    visits = 2 * (first.rounds + 1)
    return (
        sum(training_flops(config, first.batch, first.steps) for config in plain)
        + sum(training_flops(config, first.batch, first.rounds * first.round_steps) for config in further)
        + sum(visits * table_flops(setup.config, 4**first.r) for setup in setups)
    )


def _setup(preset: CertifiedPreset, r: int, experts: int, width: int, training: str, seed: int) -> Setup:
    return Setup(
        r=r,
        width=width,
        experts=experts,
        seed=seed,
        grid=preset.grid,
        training=training,
        steps=preset.steps,
        rounds=preset.rounds,
        round_steps=preset.round_steps,
        batch=preset.batch,
        fed_back=preset.fed_back,
    )


def run(cells: tuple[Cell, ...]) -> Iterator[Finished]:
    """Plain training once for each width and seed, then rounds for each way of going on."""
    device = best_device()
    setups = [Setup.of(cell) for cell in cells]
    candidates = _plainly_trained(setups, device)
    first = setups[0]
    recipe = Recipe(steps=first.round_steps, batch=first.batch)
    cell_of = {id(candidate): cell for candidate, cell in zip(candidates, cells, strict=True)}
    inputs = AllInputs(first.r, device)
    for candidate in certify_and_train(candidates, inputs, LAW, recipe, first.rounds, first.fed_back):
        yield Finished(
            cell_of[id(candidate)],
            _metrics(candidate),
            _why(candidate),
            candidate.seconds,
            device.type,
            to_bytes(candidate.model),
        )


def _plainly_trained(setups: Sequence[Setup], device: torch.device) -> list[Candidate]:
    """A candidate for every setup; setups that differ only in how they go on start from the same trained model."""
    began = time.perf_counter()
    starts = list(dict.fromkeys(setup.start for setup in setups))
    members = [Member(*start) for start in starts]
    members.append(Member(ballast(setups[0].config), setups[0].seed, 0.0))
    recipe = Recipe(steps=setups[0].steps, batch=setups[0].batch, target=NEVER)
    trained = dict(train(members, _law(setups[0].r), recipe, LAW.density, device))
    share = (time.perf_counter() - began) / len(setups)
    models = {start: trained[index].model for index, start in enumerate(starts)}
    return [
        Candidate(models[setup.start], setup.seed, setup.learning_rate, setup.training == FED, seconds=share)
        for setup in setups
    ]


def _why(candidate: Candidate) -> str:
    if not candidate.finite:
        return DIVERGED
    return "certified" if candidate.certified else "used its rounds"


def _law(r: int) -> Law:
    return lambda rng, batch, _: LAW.draw(rng, batch, r)


def _metrics(candidate: Candidate) -> dict[str, Any]:
    last = candidate.certificates[-1]
    return {
        "wrong": [certificate.wrong for certificate in candidate.certificates],
        "undecided": [certificate.undecided for certificate in candidate.certificates],
        "certified": candidate.certified,
        "rounds": len(candidate.certificates) - 1,
        "min_margin": last.min_margin,
        "inputs": last.inputs,
        "errors": len(candidate.errors),
    }
