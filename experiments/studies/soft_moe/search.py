"""The largest error of a model within a ball of inputs, as far as gradient ascent finds it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from experiments.studies.soft_moe.arms import Arm
from experiments.studies.soft_moe.targets import TARGETS
from experiments.studies.soft_moe.training import outputs

STRIDE = 0.1
"""Of the first step, in radii; then half a cosine down to zero."""


def ascend(arm: Arm, flat: Tensor, targets: list[str], starts: Tensor, radius: float, steps: int) -> Tensor:
    """The worst input found for each model, ``[E, T, d]``, from ``starts`` ``[E, n, T, d]`` within the ball.

    Each start climbs along the normalised gradient of ``abs(output - target)`` and is put back into the ball of
    Frobenius norm R after each step; the worst input of all starts and all steps is kept.
    """
    x = starts.clone()
    rows = torch.arange(len(flat), device=flat.device)
    worst, largest = x[:, 0].clone(), torch.full((len(flat),), -1.0, device=flat.device)
    for step in range(steps + 1):
        x.requires_grad_()
        error = _error(arm, flat, targets, x, radius)
        (gradient,) = torch.autograd.grad(error.sum(), x)
        x = x.detach()
        top, place = error.detach().nan_to_num(nan=math.inf).max(1)
        better = top > largest
        worst[better], largest[better] = x[rows, place][better], top[better]
        length = STRIDE * radius * 0.5 * (1 + math.cos(math.pi * step / steps))
        x = into_ball(x + length * gradient / _norm(gradient).clamp(min=1e-12), radius)
    return worst


def into_ball(x: Tensor, radius: float) -> Tensor:
    """Inputs ``[..., T, d]`` outside the ball, scaled onto its sphere."""
    return x * (radius / _norm(x)).clamp(max=1)


def _norm(x: Tensor) -> Tensor:
    return x.square().sum((-2, -1), keepdim=True).sqrt()


def _error(arm: Arm, flat: Tensor, targets: list[str], x: Tensor, radius: float) -> Tensor:
    truth = [TARGETS[target].function(part, radius) for target, part in zip(targets, x, strict=True)]
    return (outputs(arm, flat, x) - torch.stack(truth)).abs()
