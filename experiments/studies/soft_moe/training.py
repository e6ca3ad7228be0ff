"""Trains stacked models of one arm: a row of weights a model, each with its target, its seed and its learning rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import vmap

from experiments.engine import Recipe, schedule, stream
from experiments.row_adam import RowAdam
from experiments.studies.soft_moe.arms import Arm
from experiments.studies.soft_moe.targets import TARGETS, tensor_of_inputs
from parrots.flat import pack, unpack


@dataclass(frozen=True)
class Member:
    """One model of a stack."""

    target: str
    seed: int
    learning_rate: float


@dataclass(frozen=True)
class Examples:
    """Inputs ``[E, n, T, d]`` and what the targets say of them, ``[E, n]``."""

    x: Tensor
    truth: Tensor


class Source:
    """The inputs of one stream for every member; members of one seed see the same, in the same order."""

    def __init__(self, name: str, members: Sequence[Member], arm: Arm, radius: float, device: torch.device) -> None:
        self.members, self.arm, self.radius, self.device = members, arm, radius, device
        self.streams = {member.seed: stream(name, member.seed) for member in members}

    def draw(self, count: int) -> Examples:
        """The next ``count`` inputs of every member."""
        arm, radius = self.arm, self.radius
        x = {
            seed: tensor_of_inputs(rng, count, arm.tokens, arm.width, radius).to(self.device)
            for seed, rng in self.streams.items()
        }
        truth = [TARGETS[member.target].function(x[member.seed], radius) for member in self.members]
        return Examples(torch.stack([x[member.seed] for member in self.members]), torch.stack(truth))


def outputs(arm: Arm, flat: Tensor, x: Tensor) -> Tensor:
    """What the models ``flat`` ``[E, parameters]`` say of ``x`` ``[E, n, T, d]``: ``[E, n]``."""
    output, shapes = arm.output(), arm.shapes
    stacked: Tensor = vmap(lambda row, inputs: output(inputs, unpack(row, shapes)))(flat, x)
    return stacked


def train(arm: Arm, members: Sequence[Member], recipe: Recipe, radius: float, device: torch.device) -> Tensor:
    """Weights ``[E, parameters]`` after all steps: squared error, AdamW as in :class:`experiments.engine.Recipe`."""
    source = Source("train", members, arm, radius, device)
    flat = pack([arm.initial(member.seed) for member in members], arm.shapes).to(device)
    adam = RowAdam(flat, recipe.betas, recipe.clip)
    rates = torch.tensor([member.learning_rate for member in members], device=device)
    for step in range(recipe.steps):
        examples = source.draw(recipe.batch)
        weights = adam.flat.requires_grad_()
        error = (outputs(arm, weights, examples.x) - examples.truth) / radius
        (gradient,) = torch.autograd.grad(error.square().mean(1).sum(), weights)
        weights.requires_grad_(False)
        adam.step(gradient, rates * schedule(step, recipe))
    return adam.flat


def errors(arm: Arm, flat: Tensor, examples: Examples, batch: int = 2048) -> Tensor:
    """Output minus truth, ``[E, n]``."""
    with torch.no_grad():
        parts = [outputs(arm, flat, x) for x in examples.x.split(batch, 1)]
    return torch.cat(parts, 1) - examples.truth
