"""The cells: one model of one width, seed and block, trained plainly and then with or without its errors fed back."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch

from experiments.engine import Law, Member, Recipe, train
from experiments.studies.certified.loop import AllInputs, Candidate, certify_and_train
from experiments.studies.certified.preset import CertifiedPreset
from experiments.studies.laws import LAWS
from experiments.studies.types import Cell, Finished, Job
from parrots.checkpoint import to_bytes
from parrots.config import OneLayerConfig
from theory.accounting import training_flops

STUDY = "certified"
PANEL = "a-loop"
LAW = LAWS["everything"]
FED, CONTROL = "counterexamples fed back", "as many steps without"
NEVER = 2.0
"""No accuracy ends the plain training before its last step."""
HIDDEN_RATIO = 4
"""Hidden units of an expert, for each intermediate vertex."""


@dataclass(frozen=True)
class Setup:
    """What a cell depends on."""

    r: int
    width: int
    experts: int
    training: str
    """:data:`FED` or :data:`CONTROL`."""
    steps: int
    rounds: int
    round_steps: int
    batch: int
    fed_back: float
    seed: int
    grid: str

    @classmethod
    def of(cls, cell: Cell) -> Setup:
        return cls(**cell.config)

    @property
    def config(self) -> OneLayerConfig:
        return OneLayerConfig(vertices=self.r + 2, width=self.width, hidden=HIDDEN_RATIO * self.r, experts=self.experts)

    @property
    def learning_rate(self) -> float:
        """Falls like the square root of r, as the best rates of the study `width` do; the same for every block."""
        return 0.06 * self.r**-0.5

    @property
    def most_flops(self) -> int:
        """Training FLOPs if every round is used."""
        return training_flops(self.config, self.batch, self.steps + self.rounds * self.round_steps)


def jobs(preset: CertifiedPreset) -> tuple[Job, ...]:
    """One job for every size and block."""
    return tuple(_job(preset, r, experts) for r, experts in product(preset.sizes, preset.experts))


def _job(preset: CertifiedPreset, r: int, experts: int) -> Job:
    widths = sorted({max(1, round(share * r)) for share in preset.shares})
    cells = tuple(
        _cell(preset, r, experts, width, training, seed)
        for width, training, seed in product(widths, (FED, CONTROL), range(preset.seeds))
    )
    cost = sum(Setup.of(cell).most_flops for cell in cells) * (1.5 if experts > 1 else 1)
    return Job(f"certify and train, r = {r}, K = {experts}", cells, run, cost)


def _cell(preset: CertifiedPreset, r: int, experts: int, width: int, training: str, seed: int) -> Cell:
    config: dict[str, Any] = {
        "r": r,
        "width": width,
        "experts": experts,
        "training": training,
        "steps": preset.steps,
        "rounds": preset.rounds,
        "round_steps": preset.round_steps,
        "batch": preset.batch,
        "fed_back": preset.fed_back,
        "seed": seed,
        "grid": preset.grid,
    }
    return Cell(STUDY, PANEL, config)


def run(cells: tuple[Cell, ...]) -> Iterator[Finished]:
    """Plain training once for each width and seed, then rounds for each way of going on."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
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
            "certified" if candidate.certified else "used its rounds",
            candidate.seconds,
            device.type,
            to_bytes(candidate.model),
        )


def _plainly_trained(setups: Sequence[Setup], device: torch.device) -> list[Candidate]:
    """A candidate for every setup; setups that differ only in how they go on start from the same trained model."""
    began = time.perf_counter()
    starts = list(dict.fromkeys((setup.config, setup.seed, setup.learning_rate) for setup in setups))
    members = [Member(*start) for start in starts]
    recipe = Recipe(steps=setups[0].steps, batch=setups[0].batch, target=NEVER)
    trained = dict(train(members, _law(setups[0].r), recipe, LAW.density, device))
    share = (time.perf_counter() - began) / len(setups)
    models = {start: trained[index].model for index, start in enumerate(starts)}
    return [
        Candidate(
            models[setup.config, setup.seed, setup.learning_rate],
            setup.seed,
            setup.learning_rate,
            setup.training == FED,
            seconds=share,
        )
        for setup in setups
    ]


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
        "errors_fed": len(candidate.errors) if candidate.feeds else 0,
    }
