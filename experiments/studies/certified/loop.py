"""Certify and train: find all inputs that a model is wrong on, train on them too, certify again."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from experiments.answers import is_finite, verdict, wrong_answers
from experiments.engine import Graphs, Recipe, Training, schedule
from experiments.studies.laws import NamedLaw
from parrots.config import OneLayerConfig
from parrots.ensemble import EnsembleLayout
from parrots.model import OneLayerModel
from theory.certify import Certificate
from theory.instances import all_pairs

RATE_SHARE = 0.5
"""A round starts at this share of the learning rate of the plain training."""


@dataclass
class Candidate:
    """A model on its way to a certificate.

    ``feeds`` says whether its errors are fed back; without, it gets as many further steps on graphs of the law alone.
    """

    model: OneLayerModel
    seed: int
    learning_rate: float
    feeds: bool
    certificates: list[Certificate] = field(default_factory=list)
    """After the plain training, then after every round."""
    errors: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.long))
    """Every input that it has been wrong on so far: rows of :class:`AllInputs`."""
    seconds: float = 0.0

    @property
    def certified(self) -> bool:
        return self.certificates[-1].holds

    @property
    def finite(self) -> bool:
        """Whether training left it weights that are numbers; a model without is not right on any input."""
        return is_finite(self.model)


def ballast(config: OneLayerConfig) -> OneLayerConfig:
    """The shape of a member that is trained along and thrown away: what it leaves of ``config`` is not the width.

    It makes every ensemble as wide as r and at least two members large, whoever else is in it.  So the padding of a
    member and the shapes of its matrix products are always the same, and with them the order of every sum: on a CPU a
    model comes out bit for bit the same alone, with others, and after an interruption.
    """
    return replace(config, width=config.intermediates)


class AllInputs:
    """The 4^r star graphs of one size, in the order of :func:`theory.instances.all_pairs`."""

    def __init__(self, r: int, device: torch.device) -> None:
        self.r, self.graphs = r, Graphs.of(all_pairs(r), device)

    def judge(self, candidate: Candidate) -> None:
        """Certify, and add what the model is wrong on to its errors."""
        certificate = verdict(candidate.model)
        candidate.certificates.append(certificate)
        if certificate.holds or not candidate.finite:
            return
        found = [self._wrong(candidate.model), candidate.errors.to(self.graphs.labels.device)]
        if certificate.counterexample is not None:  # float32 may be right where exact arithmetic is wrong
            found.append(self._row(*certificate.counterexample))
        candidate.errors = torch.unique(torch.cat(found))

    def _wrong(self, model: OneLayerModel) -> Tensor:
        return wrong_answers(model, self.graphs).nonzero().squeeze(1)

    def _row(self, alice: Sequence[int], bob: Sequence[int]) -> Tensor:
        subset_a, subset_b = (sum(1 << (i - 1) for i in vertices) for vertices in (alice, bob))
        return torch.tensor([(subset_a << self.r) + subset_b], device=self.graphs.labels.device)


def certify_and_train(
    candidates: Sequence[Candidate],
    inputs: AllInputs,
    law: NamedLaw,
    recipe: Recipe,
    rounds: int,
    fed_back: float,
) -> Iterator[Candidate]:
    """Judge every candidate after each round; yields each one as soon as its fate is known.

    ``recipe`` is that of a round; ``fed_back`` the share of its batch that is drawn from a candidate's errors.  A
    candidate depends on nothing but itself: its graphs are a function of its seed and the round.
    """
    for candidate in candidates:
        began = time.perf_counter()
        inputs.judge(candidate)
        candidate.seconds += time.perf_counter() - began
    alive = list(candidates)
    for number in range(rounds + 1):
        for candidate in [c for c in alive if c.certified or not c.finite or number == rounds]:
            alive.remove(candidate)
            yield candidate
        if not alive:
            return
        began = time.perf_counter()
        _one_round(alive, inputs, law, recipe, number, fed_back)
        for candidate in alive:
            inputs.judge(candidate)
        for candidate in alive:
            candidate.seconds += (time.perf_counter() - began) / len(alive)


def _one_round(
    candidates: Sequence[Candidate], inputs: AllInputs, law: NamedLaw, recipe: Recipe, number: int, fed_back: float
) -> None:
    """Train all candidates together from where they are, with fresh moments and a new warm-up."""
    device = inputs.graphs.labels.device
    crew = (*candidates, _idle(candidates[0]))
    layout = EnsembleLayout(tuple(candidate.model.config for candidate in crew))
    training = Training(layout, layout.pack([c.model.weights() for c in crew]).to(device), recipe)
    rates = torch.tensor([c.learning_rate * RATE_SHARE for c in crew], device=device)
    streams = {c.seed: np.random.default_rng((c.seed, number, 1)) for c in crew}
    pools = [np.random.default_rng((c.seed, number, 2)) for c in crew]
    fed = round(fed_back * recipe.batch)
    for step in range(recipe.steps):
        if step % recipe.chunk == 0:
            drawn = {s: Graphs.of(law.draw(rng, recipe.chunk * recipe.batch, inputs.r), device)
                     for s, rng in streams.items()}  # fmt: skip
        part = slice(step % recipe.chunk * recipe.batch, (step % recipe.chunk + 1) * recipe.batch)
        present = torch.stack([drawn[c.seed].present[part] for c in crew])
        labels = torch.stack([drawn[c.seed].labels[part] for c in crew])
        for row, (candidate, rng) in enumerate(zip(crew, pools, strict=True)):
            if candidate.feeds and len(candidate.errors):
                chosen = candidate.errors[torch.from_numpy(rng.integers(len(candidate.errors), size=fed)).to(device)]
                present[row, :fed], labels[row, :fed] = inputs.graphs.present[chosen], inputs.graphs.labels[chosen]
        training.step(present, labels, rates * schedule(step, recipe))
    for row, candidate in enumerate(candidates):
        candidate.model = layout.member(training.flat, row)


def _idle(other: Candidate) -> Candidate:
    """The :func:`ballast` of a round: weights of zero, learning rate zero, the graphs of another."""
    config = ballast(other.model.config)
    zeros = {name: next(other.model.parameters()).new_zeros(shape) for name, shape in config.shapes().items()}
    return Candidate(OneLayerModel(config, zeros), other.seed, 0.0, feeds=False)
