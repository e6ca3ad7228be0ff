"""The convex functions that models learn, and the inputs they learn them on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class Target:
    """A convex function of T tokens of d numbers, between -R and R on inputs of Frobenius norm at most R."""

    title: str
    function: Callable[[Tensor, float], Tensor]
    """``[..., T, d]`` and R -> ``[...]``."""


def frobenius(x: Tensor, radius: float) -> Tensor:
    return x.square().sum((-2, -1)).sqrt()


def largest_token(x: Tensor, radius: float) -> Tensor:
    return x.square().sum(-1).sqrt().amax(-1)


def largest_coordinate(x: Tensor, radius: float) -> Tensor:
    return x.amax((-2, -1))


def quadratic(x: Tensor, radius: float) -> Tensor:
    return x.square().sum((-2, -1)) / radius


TARGETS: Mapping[str, Target] = {
    "frobenius": Target("Frobenius norm ‖X‖", frobenius),
    "token": Target("largest token norm max |x_i|", largest_token),
    "coordinate": Target("largest coordinate max x_ij", largest_coordinate),
    "quadratic": Target("quadratic ‖X‖²/R", quadratic),
}
"""By the name that a cell's configuration holds."""

PARTS: Mapping[str, slice] = {
    "tokens on a line": slice(0, None, 4),
    "tokens on a ray": slice(2, None, 4),
    "tokens anywhere": slice(1, None, 2),
}
"""Rows of :func:`inputs` by kind: a quarter, a quarter and half of them."""


def inputs(rng: np.random.Generator, count: int, tokens: int, width: int, radius: float) -> NDArray[np.float32]:
    """Random inputs ``[count, T, d]``; every four rows hold one on a line, one on a ray and two of any kind.

    Tokens on a line are Gaussian multiples of one random direction, those on a ray the absolute values of such; others
    are Gaussian.  An input is then scaled to a Frobenius norm that is uniform in [0, R].  So the inputs that layers
    confuse, all of them on lines, are of a kind that is seen in training, at every size.
    """
    x = rng.standard_normal((count, tokens, width), dtype=np.float32)
    line, ray = PARTS["tokens on a line"], PARTS["tokens on a ray"]
    for part in (line, ray):
        direction = x[part, :1]
        multiple = rng.standard_normal((len(direction), tokens, 1), dtype=np.float32)
        x[part] = direction * (np.abs(multiple) if part is ray else multiple)
    size = radius * rng.random((count, 1, 1), dtype=np.float32)
    return x * (size / np.sqrt(np.square(x).sum((1, 2), keepdims=True)))


def tensor_of_inputs(rng: np.random.Generator, count: int, tokens: int, width: int, radius: float) -> Tensor:
    """:func:`inputs` as float32."""
    return torch.from_numpy(inputs(rng, count, tokens, width, radius))
