"""Rounding: messages of b bits a coordinate, and p-bit weights and values on a scale fixed by the weights.

In training both are straight-through: the forward pass rounds, the gradient passes as if it had not.  The forward value
is the rounded number itself, to the last bit: what differs by one rounding would carry more than the bits it claims.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


def round_through(x: Tensor) -> Tensor:
    """Round to the nearest integer, with the gradient of the identity."""
    return _through(x.round(), x)


def _through(value: Tensor, x: Tensor) -> Tensor:
    """``value``, with the gradient of ``x`` (finite, so that ``x - x`` is 0)."""
    return value.detach() + (x - x.detach())


def message_codes(message: Tensor, levels: Tensor | int) -> Tensor:
    """The integers 0..levels-1 that Alice sends for ``message`` ``[..., width]``; ``levels`` is ``2^b``."""
    position = (torch.tanh(message) + 1) * 0.5 * levels
    return position.detach().floor().clamp(min=0).minimum(torch.as_tensor(levels, device=message.device) - 1)


def quantise_message(message: Tensor, levels: Tensor | int) -> Tensor:
    """What Bob reads: the centre of the level, in (-1, 1); gradient of the tanh alone."""
    return _through(code_centres(message_codes(message, levels), levels), torch.tanh(message))


def code_centres(codes: Tensor, levels: Tensor | int) -> Tensor:
    """The centre, in (-1, 1), of the level that each of ``codes`` ``[..., width]`` names."""
    return (codes + 0.5) * 2 / levels - 1


@dataclass(frozen=True)
class Grid:
    """p-bit integers q in 0..2^p - 1 that stand for ``offset + scale * q``, a scale for each column.

    An offset costs no message bits: with integer weights the sum of offsets is a function of the sum of weights.
    """

    offset: Tensor
    scale: Tensor
    bits: int

    @classmethod
    def spanning(cls, values: Tensor, bits: int) -> Grid:
        """The grid from the least to the greatest value of each column; ``values`` ``[..., rows, columns]``."""
        low, high = values.detach().amin(-2, keepdim=True), values.detach().amax(-2, keepdim=True)
        scale = (high - low) / (2**bits - 1)
        return cls(low, _positive(scale), bits)

    @classmethod
    def from_zero(cls, values: Tensor, bits: int) -> Grid:
        """The grid from zero to the greatest value of each column, for weights."""
        high = values.detach().amax(-2, keepdim=True)
        return cls(torch.zeros_like(high), _positive(high / (2**bits - 1)), bits)

    def codes(self, values: Tensor) -> Tensor:
        """Integers (kept in the float type, with straight-through gradient), same shape as ``values``."""
        return round_through((values - self.offset) / self.scale).clamp(0, 2**self.bits - 1)

    def decode(self, codes: Tensor) -> Tensor:
        return self.offset + self.scale * codes


def _positive(scale: Tensor) -> Tensor:
    """A column that holds one number needs no scale: all its codes are 0 whatever the scale is."""
    return torch.where(scale > 0, scale, torch.ones_like(scale))
