"""Soft MoE with its read-out as a module, and its initial weights."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from parrots.module import NamedParameters
from parrots.soft_moe.config import SoftMoeConfig
from parrots.soft_moe.layer import Mixed, mix, predict
from theory.errors import InputError


class SoftMoe(NamedParameters):
    """A Soft MoE layer and a linear read-out of all its tokens (`SoftMoeConfig`)."""

    def __init__(self, config: SoftMoeConfig, parameters: Mapping[str, Tensor]) -> None:
        super().__init__(config.shapes(), parameters)
        self.config = config

    def forward(self, x: Tensor) -> Tensor:
        """``x`` ``[batch, T, width]`` -> ``[batch, outputs]``.

        Raises :class:`theory.errors.InputError` for another number of tokens or another width.
        """
        self._check(x)
        return predict(x, self.weights(), self.config)

    def mix(self, x: Tensor) -> Mixed:
        """What the layer makes of ``x`` ``[batch, T, width]`` before it combines; raises as :meth:`forward`."""
        self._check(x)
        return mix(x, self.weights(), self.config)

    def _check(self, x: Tensor) -> None:
        expected = (self.config.tokens, self.config.width)
        if x.dim() != 3 or tuple(x.shape[1:]) != expected:
            raise InputError(f"input of shape {tuple(x.shape)}: give [batch, {expected[0]}, {expected[1]}].")


def initial_parameters(config: SoftMoeConfig, seed: int) -> dict[str, Tensor]:
    """Random parameters, float32, fixed by ``seed``; matrices are scaled by the root of their inputs, biases are 0.

    The scale of normalised logits starts at 1, as in the official code.
    """
    generator = torch.Generator().manual_seed(seed)

    def initial(name: str, shape: tuple[int, ...]) -> Tensor:
        if name == "scale":
            return torch.ones(shape)
        if name.endswith("bias"):
            return torch.zeros(shape)
        inputs = shape[0] if len(shape) < 3 else shape[1]
        return torch.randn(*shape, generator=generator) * inputs**-0.5

    return {name: initial(name, shape) for name, shape in config.shapes().items()}
