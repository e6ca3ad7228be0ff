"""How far trained models are from their targets: on the law they learned, at the worst input found, on a witness's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from experiments.studies.soft_moe.search import ascend
from experiments.studies.soft_moe.setup import Setup
from experiments.studies.soft_moe.targets import PARTS, TARGETS
from experiments.studies.soft_moe.training import Examples, Member, Source, errors


def measure(setup: Setup, members: Sequence[Member], flat: Tensor, device: torch.device) -> list[dict[str, Any]]:
    """Errors of the models ``flat`` ``[E, parameters]`` of one arm.

    ``error``: root mean square on test inputs over that of the best constant, by kind of input in ``errors``;
    ``sampled`` and ``worst``: the largest error on test inputs, and within the ball as far as ascent finds it, in R.
    """
    arm, radius = setup.arm, setup.radius
    test = Source("test", members, arm, radius, device)
    examples = test.draw(setup.tests)
    error, truth = errors(arm, flat, examples).double(), examples.truth.double()
    starts = test.draw(setup.starts).x
    worst = ascend(arm, flat, [member.target for member in members], starts, radius, setup.climbs)
    at_worst = _errors_at(setup, members, flat, worst.double())
    return [
        {
            "error": _of_constant(error[i], truth[i]),
            "errors": {name: _of_constant(error[i, part], truth[i, part]) for name, part in PARTS.items()},
            "sampled": (error[i].abs().amax() / radius).item(),
            "worst": at_worst[i],
        }
        for i in range(len(members))
    ]


def _of_constant(error: Tensor, truth: Tensor) -> float:
    """Root mean square of ``error`` ``[n]`` over that of the best constant, the standard deviation of ``truth``.

    Summed in one order wherever the numbers lie: a model's row does not depend on the stack it was trained in.
    """
    off, truths = (np.ascontiguousarray(x.cpu().numpy()) for x in (error, truth))
    return math.sqrt(np.square(off).mean() / truths.var())


def _errors_at(setup: Setup, members: Sequence[Member], flat: Tensor, x: Tensor) -> list[float]:
    """|output - target| in R, of one input ``[E, T, d]`` for each model, in float64."""
    truth = [TARGETS[member.target].function(row, setup.radius) for member, row in zip(members, x, strict=True)]
    examples = Examples(x[:, None], torch.stack(truth)[:, None])
    values: list[float] = (errors(setup.arm, flat.double(), examples)[:, 0].abs() / setup.radius).tolist()
    return values
