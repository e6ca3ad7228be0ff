"""Rotary position embedding (Su et al. 2021), halves rotated against each other as in Llama and Mistral."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Rotation(NamedTuple):
    """Cosines and sines ``[tokens, head width]`` of the angles ``position * base^(-2 i / head width)``."""

    cosines: Tensor
    sines: Tensor
    """Negative in the first half, whose coordinates lose what the second half's gain."""

    def last(self, tokens: int) -> Rotation:
        """Those of the last ``tokens`` positions."""
        return Rotation(self.cosines[-tokens:], self.sines[-tokens:])


def rotation(positions: Tensor, head_width: int, base: float) -> Rotation:
    """For ``positions`` ``[tokens]``, float32 or float64, which the angles are computed in."""
    exponents = torch.arange(0, head_width, 2, device=positions.device, dtype=positions.dtype) / head_width
    angles = positions[:, None] * (1.0 / base**exponents)
    cosines, sines = angles.cos(), angles.sin()
    return Rotation(torch.cat((cosines, cosines), -1), torch.cat((-sines, sines), -1))


def rotate(x: Tensor, by: Rotation) -> Tensor:
    """``x`` ``[batch, heads, tokens, head width]``, coordinate i turned against coordinate i + half."""
    other = x.roll(x.shape[-1] // 2, -1)
    return (x * by.cosines.to(x.dtype)).add_(other.mul_(by.sines.to(x.dtype)))
