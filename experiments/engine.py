"""Trains many small models as one batched model.

One-layer members that share graph size, experts and attention train together (:func:`train`); they may differ in width,
hidden units, seed, learning rate and message bits.  :func:`train_stacked` is the loop itself, for any stack of models.
Members with the same seed see the same graphs in the same order.  A member trained in an ensemble equals the same
member trained alone: its initial weights, its graphs, its gradient clipping and its stop depend on nothing but itself.
Equal means up to rounding: products of another shape may add in another order, and long training makes that visible.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from experiments.row_adam import RowAdam
from parrots.config import OneLayerConfig
from parrots.ensemble import EnsembleLayout
from parrots.experts import BlockOutput
from parrots.initialise import RATE_FACTORS, initial_parameters
from parrots.model import OneLayerModel
from parrots.routing import load_balancing_loss
from theory.instances import Pairs

Law = Callable[[np.random.Generator, int, float], Pairs]
"""Draws training graphs: ``(rng, batch, progress in [0, 1]) -> Pairs``; ``progress`` drives a curriculum."""

C = TypeVar("C")
"""A model's configuration."""
M = TypeVar("M", covariant=True)
"""A model."""


class Stack(Protocol[M]):
    """Models stacked in the rows of ``flat`` ``[E, parameters]``; :class:`parrots.ensemble.EnsembleLayout` is one."""

    @property
    def sizes(self) -> dict[str, int]:
        """Numbers that each named parameter takes of a row, in order."""
        ...

    def output(self, present: Tensor, flat: Tensor) -> BlockOutput:
        """Logits ``[E, batch]`` for ``present`` ``[E or 1, batch, 2r]``."""
        ...

    def member(self, flat: Tensor, index: int) -> M:
        """Row ``index`` as the ordinary model."""
        ...

    def keep(self, indices: Sequence[int]) -> Stack[M]:
        """The stack of some of the rows."""
        ...


DIVERGED = "diverged: weights that are not finite numbers"
"""Why a member stopped that training threw out of range."""

BUDGET = "used its budget of steps"
"""Why a member stopped that did not reach its target."""

STREAMS = {"train": 0, "validation": 1, "test": 2}
"""Disjoint random streams of one seed."""
TUNING_SEED = 1_000_003
"""Of the models that choose hyperparameters: no result uses it."""


@dataclass(frozen=True)
class Member(Generic[C]):
    """One model of an ensemble and how it learns."""

    config: C
    seed: int
    learning_rate: float


@dataclass(frozen=True)
class Recipe:
    """How an ensemble trains: AdamW without decay, warm-up then cosine, gradients clipped member by member."""

    steps: int
    batch: int
    warmup: float = 0.05
    betas: tuple[float, float] = (0.9, 0.99)
    clip: float = 1.0
    balance: float = 0.1
    """Weight of the load-balancing loss."""
    check_every: int = 250
    """Steps between two looks at the validation graphs."""
    target: float = 0.999
    """A member whose validation accuracy reaches this at two checks in a row stops."""
    validation: int = 4096
    chunk: int = 25
    """Steps whose graphs are drawn at once."""
    rates: tuple[tuple[str, float], ...] = tuple(RATE_FACTORS.items())
    """Factors of the learning rate by parameter."""


@dataclass
class Trained(Generic[C, M]):
    """A finished member: the model, why and when it stopped, and its last validation accuracy."""

    member: Member[C]
    model: M
    stopped: str
    steps: int
    validation: float
    seconds: float
    """Its share of the wall-clock time of the ensemble."""


def stream(name: str, seed: int) -> np.random.Generator:
    """The random stream ``name`` (train, validation, test) of a seed."""
    return np.random.default_rng((STREAMS[name], seed))


def best_device() -> torch.device:
    """Where studies train: the GPU if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def to_present(pairs: Pairs, device: torch.device | str = "cpu") -> Tensor:
    """``[batch, 2r]`` 0/1 floats: Alice's edges (s, i), then Bob's (i, d)."""
    both = np.concatenate((pairs.alice_BR, pairs.bob_BR), axis=1)
    return torch.from_numpy(both).to(device).float()


def accuracy(present: Tensor, labels: Tensor, stack: Stack[Any], flat: Tensor, batch: int = 4096) -> Tensor:
    """Share of right answers of every member, ``[E]``: ``present`` ``[E or 1, n, 2r]``, ``labels`` ``[E or 1, n]``.

    A logit that is not a number is wrong either way.
    """
    right = torch.zeros(len(flat), device=flat.device)
    with torch.no_grad():
        for part, truth in zip(present.split(batch, 1), labels.split(batch, 1), strict=True):
            logits = stack.output(part, flat).logits
            right += (((logits >= 0) == truth) & ~logits.isnan()).sum(1)
    return right / present.shape[1]


@dataclass(frozen=True)
class Graphs:
    """Graphs and answers of one seed: ``present`` ``[..., n, 2r]`` 0/1 floats, ``labels`` ``[..., n]``."""

    present: Tensor
    labels: Tensor

    @classmethod
    def of(cls, pairs: Pairs, device: torch.device | str) -> Graphs:
        return cls(to_present(pairs, device), torch.from_numpy(pairs.intersects_B).to(device).float())


class Data:
    """The graphs of every distinct seed, drawn once however many members share it."""

    def __init__(self, seeds: Sequence[int], law: Law, recipe: Recipe, device: torch.device) -> None:
        self.law, self.recipe, self.device = law, recipe, device
        self.streams = {seed: stream("train", seed) for seed in seeds}
        self.held_out = {
            seed: Graphs.of(law(stream("validation", seed), recipe.validation, 1.0), device) for seed in seeds
        }

    def chunk(self, first_step: int, steps: int, seeds: Sequence[int]) -> Iterator[Graphs]:
        """Training graphs of ``steps`` steps for members with these ``seeds``: ``[E, batch, 2r]`` a step."""
        drawn = {}
        for seed in dict.fromkeys(seeds):
            pairs = self.law(self.streams[seed], steps * self.recipe.batch, first_step / self.recipe.steps)
            drawn[seed] = Graphs.of(pairs, self.device)
        for step in range(steps):
            part = slice(step * self.recipe.batch, (step + 1) * self.recipe.batch)
            yield Graphs(
                torch.stack([drawn[seed].present[part] for seed in seeds]),
                torch.stack([drawn[seed].labels[part] for seed in seeds]),
            )

    def validation(self, seeds: Sequence[int]) -> Graphs:
        return Graphs(
            torch.stack([self.held_out[seed].present for seed in seeds]),
            torch.stack([self.held_out[seed].labels for seed in seeds]),
        )


class Training(Generic[M]):
    """The state of an ensemble in training: weights ``flat`` ``[E, parameters]`` and their moments, a row a member."""

    def __init__(self, stack: Stack[M], flat: Tensor, recipe: Recipe) -> None:
        self.recipe, self.stack = recipe, stack
        factors = dict(recipe.rates)
        by_number = [torch.full((n,), factors.get(name, 1.0)) for name, n in stack.sizes.items()]
        self.adam = RowAdam(flat, recipe.betas, recipe.clip, torch.cat(by_number).to(flat.device))

    @property
    def flat(self) -> Tensor:
        return self.adam.flat

    def step(self, present: Tensor, labels: Tensor, rates: Tensor) -> None:
        """One step: ``present`` ``[E or 1, batch, 2r]``, ``labels`` ``[E, batch]``, learning ``rates`` ``[E]``."""
        flat = self.flat.requires_grad_()
        output = self.stack.output(present, flat)
        loss = binary_cross_entropy_with_logits(output.logits, labels, reduction="sum") / labels.shape[1]
        if output.routing is not None:
            loss = loss + self.recipe.balance * load_balancing_loss(output.routing).sum()
        (gradient,) = torch.autograd.grad(loss, flat)
        flat.requires_grad_(False)
        self.adam.step(gradient, rates)

    def keep(self, rows: Sequence[int]) -> None:
        """Drop all members but these, so that the others train faster."""
        self.stack = self.stack.keep(rows)
        self.adam.keep(rows)


def one_layer_training(
    members: Sequence[Member[OneLayerConfig]], recipe: Recipe, density: float, device: torch.device | str = "cpu"
) -> Training[OneLayerModel]:
    """Fresh one-layer members; ``density``: share of the star edges in a typical graph (:func:`initial_parameters`)."""
    layout = EnsembleLayout(tuple(member.config for member in members))
    initial = [initial_parameters(member.config, member.seed, density) for member in members]
    return Training(layout, layout.pack(initial).to(device), recipe)


def train(
    members: Sequence[Member[OneLayerConfig]],
    law: Law,
    recipe: Recipe,
    density: float = 1 / 3,
    device: torch.device | str = "cpu",
) -> Iterator[tuple[int, Trained[OneLayerConfig, OneLayerModel]]]:
    """Train one-layer members together; yields ``(index in members, trained)`` as each one stops."""
    return train_stacked(members, one_layer_training(members, recipe, density, device), law)


def train_stacked(members: Sequence[Member[C]], training: Training[M], law: Law) -> Iterator[tuple[int, Trained[C, M]]]:
    """Train the stacked ``members`` to their ends; yields ``(index in members, trained)`` as each one stops."""
    recipe, device = training.recipe, training.flat.device
    data = Data(sorted({member.seed for member in members}), law, recipe, device)
    alive = list(range(len(members)))
    spent, last = [0.0] * len(members), [0.0] * len(members)
    for first in range(0, recipe.steps, recipe.chunk):
        began = time.perf_counter()
        done = min(first + recipe.chunk, recipe.steps)
        seeds = [members[i].seed for i in alive]
        rates = torch.tensor([members[i].learning_rate for i in alive], device=device)
        for step, graphs in enumerate(data.chunk(first, done - first, seeds), first):
            training.step(graphs.present, graphs.labels, rates * schedule(step, recipe))
        scores = None
        if done % recipe.check_every == 0 or done == recipe.steps:
            held_out = data.validation(seeds)
            scores = accuracy(held_out.present, held_out.labels, training.stack, training.flat).tolist()
            finite = training.flat.isfinite().all(1).tolist()
        share = (time.perf_counter() - began) / len(alive)
        for i in alive:
            spent[i] += share
        if scores is None:
            continue
        kept = []
        for row, index in enumerate(alive):
            why = _stop(scores[row], last[index], done, recipe) if finite[row] else DIVERGED
            last[index] = scores[row]
            if why is None:
                kept.append(row)
                continue
            model = training.stack.member(training.flat, row)
            yield index, Trained(members[index], model, why, done, scores[row], spent[index])
        if not kept:
            return
        if len(kept) < len(alive):
            alive = [alive[row] for row in kept]
            training.keep(kept)


def _stop(score: float, before: float, done: int, recipe: Recipe) -> str | None:
    """Why a member stops after ``done`` steps, or None."""
    if min(score, before) >= recipe.target:
        return f"reached {recipe.target:.2%} of the validation graphs at two checks in a row"
    if done == recipe.steps:
        return BUDGET
    return None


def schedule(step: int, recipe: Recipe) -> float:
    """Factor of the learning rate: linear warm-up, then half a cosine down to zero."""
    warm = max(1, round(recipe.warmup * recipe.steps))
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, recipe.steps - warm)))
