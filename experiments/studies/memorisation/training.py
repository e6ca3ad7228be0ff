"""Training: members of one shape as one batched model, each on all of its own sequences in every step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import softplus

from experiments.engine import TUNING_SEED, Recipe, schedule
from experiments.row_adam import RowAdam
from experiments.studies.memorisation.setup import Setup
from parrots.flat import unpack
from parrots.memoriser.trainable import answer, initial_parameters, state
from parrots.routing import load_balancing_loss
from theory.memorisation import RandomSequences

CHECK_EVERY = 50
"""Steps between two looks at whether every label is right."""


@dataclass(frozen=True)
class Choice:
    """How a member learns."""

    learning_rate: float
    momentum: float


@dataclass(frozen=True)
class Trained:
    """A member's end: ``wrong`` of its labels, after ``steps`` steps; loads of its experts, largest first."""

    wrong: int
    steps: int
    loads: tuple[int, ...]
    finite: bool


@dataclass(frozen=True)
class Tuned:
    """The choice with the fewest wrong labels of the tuning seed, and the wrong labels of all."""

    choice: Choice
    wrong: dict[str, int]


def draw(setup: Setup, seeds: Sequence[int], device: torch.device) -> tuple[Tensor, Tensor]:
    """Tokens ``[E, n, N, m]`` and labels ``[E, n]`` of -1 and 1."""
    sources = [RandomSequences(setup.sequences, setup.width, setup.tokens, seed) for seed in seeds]
    tokens = np.stack([np.concatenate(list(source.blocks())) for source in sources])
    labels = np.stack([source.labels() for source in sources])
    return torch.from_numpy(tokens).float().to(device), torch.from_numpy(labels).float().to(device)


def tune(setup: Setup, device: torch.device) -> Tuned:
    """Every candidate on the sequences of a seed that no result uses, in a fraction of the steps."""
    wrong: dict[Choice, int] = {}
    for momentum in setup.momenta:
        choices = [Choice(rate, momentum) for rate in setup.learning_rates]
        ends = train(setup, [TUNING_SEED] * len(choices), choices, setup.tuning_steps, device)
        wrong |= {choice: end.wrong for choice, end in zip(choices, ends, strict=True)}
    best = min(product(setup.learning_rates, setup.momenta), key=lambda pair: wrong[Choice(*pair)])
    return Tuned(Choice(*best), {f"{c.learning_rate:g}, {c.momentum:g}": count for c, count in wrong.items()})


def train(
    setup: Setup, seeds: Sequence[int], choices: Sequence[Choice], steps: int, device: torch.device
) -> list[Trained]:
    """Members with these ``seeds``, each until all of its labels are right or ``steps`` are used up.

    All ``choices`` have the same momentum; the rest is as in :class:`experiments.engine.Recipe`.  Loss: logistic, the
    mean over a member's sequences, and the balancing loss.
    """
    tokens, labels = draw(setup, seeds, device)
    fixed = setup.attention == "uniform"
    inputs = state(tokens, {}, setup.model) if fixed else tokens
    first = torch.stack([initial_parameters(setup.model, seed) for seed in seeds]).to(device)
    recipe = Recipe(steps, setup.sequences)
    adam = RowAdam(first, (choices[0].momentum, recipe.betas[1]), recipe.clip)
    rates = torch.tensor([choice.learning_rate for choice in choices], device=device)
    alive, ends = list(range(len(seeds))), dict[int, Trained]()
    for step in range(steps):
        flat = adam.flat.requires_grad_()
        loss = _loss(setup, inputs, labels, flat, fixed)
        (gradient,) = torch.autograd.grad(loss, flat)
        flat.requires_grad_(False)
        adam.step(gradient, rates * schedule(step, recipe))
        if (step + 1) % CHECK_EVERY and step + 1 < steps:
            continue
        found = _ends(setup, inputs, labels, adam.flat, fixed, step + 1)
        over = [row for row, end in enumerate(found) if not end.wrong or not end.finite or step + 1 == steps]
        ends |= {alive[row]: found[row] for row in over}
        kept = [row for row in range(len(alive)) if row not in over]
        if not kept:
            break
        if over:
            adam.keep(kept)
            inputs, labels, rates = inputs[kept], labels[kept], rates[kept]
            alive = [alive[row] for row in kept]
    return [ends[index] for index in range(len(seeds))]


def _loss(setup: Setup, inputs: Tensor, labels: Tensor, flat: Tensor, fixed: bool) -> Tensor:
    parameters = unpack(flat, setup.model.shapes())
    output = answer(inputs if fixed else state(inputs, parameters, setup.model), parameters, setup.model)
    loss = softplus(-labels * output.logits).sum() / labels.shape[1]
    if output.routing is not None:
        loss = loss + setup.balance * load_balancing_loss(output.routing).sum()
    return loss


@torch.no_grad()
def _ends(setup: Setup, inputs: Tensor, labels: Tensor, flat: Tensor, fixed: bool, steps: int) -> list[Trained]:
    """What every member has come to; a logit of 0 or nan is wrong."""
    parameters = unpack(flat, setup.model.shapes())
    output = answer(inputs if fixed else state(inputs, parameters, setup.model), parameters, setup.model)
    wrong = (~(output.logits * labels > 0)).sum(1).tolist()
    if output.routing is None:
        loads = [(setup.sequences,)] * len(flat)
    else:
        chosen = output.routing.experts.squeeze(-1)
        counts = [torch.bincount(row, minlength=setup.experts) for row in chosen]
        loads = [tuple(count.sort(descending=True).values.tolist()) for count in counts]
    finite = flat.isfinite().all(1).tolist()
    return [Trained(*end) for end in zip(wrong, [steps] * len(flat), loads, finite, strict=True)]
