"""Trains decoders of one shape as one batched model: members differ in seed, task and learning rate."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from experiments.row_adam import RowAdam
from experiments.tasks import Examples, Split, Task
from experiments.training.data import DRAWN_AT_ONCE
from experiments.training.decay import is_decayed
from experiments.training.in_flight import InFlight
from experiments.training.loss import Loss, answer_loss
from experiments.training.recipe import Recipe
from experiments.training.schedule import schedule
from parrots.decoder import Decoder, DecoderConfig, DecoderEnsemble
from parrots.decoder.model import Output
from theory.errors import InputError


@dataclass(frozen=True)
class Member:
    """One decoder of an ensemble and how it learns; members of the same task read the same examples."""

    config: DecoderConfig
    task: Task
    seed: int
    """Of the initial weights."""
    learning_rate: float

    def to_json(self) -> list[Any]:
        return [self.config.to_json(), self.task.to_json(), self.seed, self.learning_rate]


@dataclass(frozen=True)
class TrainedEnsemble:
    """Members after their last step, set to be used.

    A member ``finite[i]`` False diverged: its weights are not finite numbers.
    """

    members: tuple[Member, ...]
    ensemble: DecoderEnsemble
    finite: tuple[bool, ...]
    seconds: float
    """Of all members together."""


def train_ensemble(
    members: Sequence[Member],
    recipe: Recipe,
    device: torch.device | str = "cpu",
) -> TrainedEnsemble:
    """Train all ``members``, which share their configuration and their sequences' length, to their last step.

    Member i equals the ordinary model trained alone with its seed and rate, up to rounding: products of another shape
    may add in another order.  Killed and called again, it goes on from the last state that was kept
    (:mod:`experiments.training.in_flight`), to the same bits on a CPU.  The recipe's own ``learning_rate`` and
    ``seed`` are not used; its batch is a member's.

    Raises:
        InputError: for a recipe that splits its batch or compiles, which stacked models do not.
    """
    if recipe.accumulate > 1 or recipe.compile:
        raise InputError(
            f"stacked models with accumulate {recipe.accumulate}, compile {recipe.compile}: they take whole batches "
            "and run as they are; give accumulate 1 and no compile, or train the models one by one."
        )
    began = time.perf_counter()
    ensemble = DecoderEnsemble([_initial(member, device) for member in members])
    rows = _Rows(ensemble)
    adam = RowAdam(rows.pack(), recipe.betas, recipe.clip, decay=recipe.decay, decayed=rows.decayed())
    rates = torch.tensor([member.learning_rate for member in members], device=device)
    in_flight = InFlight([[member.to_json() for member in members], recipe.to_json()])
    done = in_flight.resume(adam, ensemble)
    for step, examples in enumerate(_batches(members, recipe, device, done), done):
        answers = examples.tokens[..., examples.prompt :]
        flat = adam.flat.requires_grad_()
        with torch.autocast(flat.device.type, torch.bfloat16, enabled=recipe.precision == "bfloat16"):
            loss, output = _loss(ensemble, rows.unpack(flat), examples.tokens[..., :-1], answers, recipe)
        (gradient,) = torch.autograd.grad(loss.total.sum(), flat)
        flat.requires_grad_(False)
        adam.step(gradient, rates * schedule(step, recipe))
        ensemble.rebalance(output.routings)
        in_flight.keep(step + 1, adam, ensemble)
    ensemble.parameters = {name: value.contiguous() for name, value in rows.unpack(adam.flat).items()}
    ensemble.train(False)
    finite = tuple(adam.flat.isfinite().all(1).tolist())
    return TrainedEnsemble(tuple(members), ensemble, finite, time.perf_counter() - began)


def stacked_examples(
    members: Sequence[Member], split: Split, first: int, count: int, device: torch.device | str
) -> Examples:
    """Each member's examples ``first``, …, ``first + count - 1``; those of a task are made once."""
    drawn = {task: task.examples(split, first, count) for task in dict.fromkeys(member.task for member in members)}
    prompts = {examples.prompt for examples in drawn.values()}
    if len(prompts) != 1:
        raise ValueError(f"members whose prompts have {sorted(prompts)} tokens cannot train together")
    tokens = torch.stack([drawn[member.task].tokens for member in members])
    return Examples(tokens.to(device), prompts.pop())


def _initial(member: Member, device: torch.device | str) -> Decoder:
    return Decoder(member.config, torch.Generator().manual_seed(member.seed)).to(device)


def _batches(members: Sequence[Member], recipe: Recipe, device: torch.device | str, done: int) -> Iterator[Examples]:
    """A step's examples at a time, after ``done`` steps; drawn in bulk, because a draw has a price of its own."""
    at_once = max(1, min(recipe.steps, DRAWN_AT_ONCE // recipe.batch))
    for first in range(done, recipe.steps, at_once):
        steps = min(at_once, recipe.steps - first)
        drawn = stacked_examples(members, "train", first * recipe.batch, steps * recipe.batch, device)
        for tokens in drawn.tokens.split(recipe.batch, dim=1):
            yield Examples(tokens, drawn.prompt)


def _loss(
    ensemble: DecoderEnsemble, parameters: dict[str, Tensor], tokens: Tensor, answers: Tensor, recipe: Recipe
) -> tuple[Loss, Output]:
    """Losses ``[E]``; the model reads ``tokens`` ``[E, batch, length - 1]`` and predicts ``answers``."""
    last = answers.shape[-1]

    def one(model: Callable[..., Output], tokens: Tensor, answers: Tensor) -> tuple[Loss, Output]:
        output = model(tokens, last=last)
        return answer_loss(output, answers, recipe), output

    return ensemble.map(one, tokens, answers, parameters=parameters)


class _Rows:
    """An ensemble's parameters as the rows of one matrix."""

    def __init__(self, ensemble: DecoderEnsemble) -> None:
        self.ensemble = ensemble
        self.shapes = {name: value.shape for name, value in ensemble.parameters.items()}

    def pack(self) -> Tensor:
        """``[E, parameters]``."""
        return torch.cat([value.flatten(1) for value in self.ensemble.parameters.values()], 1)

    def unpack(self, flat: Tensor) -> dict[str, Tensor]:
        """Name -> ``[E, ...]``, views of ``flat``."""
        parts = flat.split([shape[1:].numel() for shape in self.shapes.values()], 1)
        return {name: part.view(shape) for (name, shape), part in zip(self.shapes.items(), parts, strict=True)}

    def decayed(self) -> Tensor:
        """``[parameters]``: 1 where weight decay applies, 0 where it does not."""
        parts = [
            value.new_full((value[0].numel(),), float(is_decayed(name, value[0])))
            for name, value in self.ensemble.parameters.items()
        ]
        return torch.cat(parts)
