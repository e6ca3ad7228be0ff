"""Adam for stacked models: one matrix of weights, a row a model, each row with its own learning rate."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor


class RowAdam:
    """AdamW on the rows of ``flat`` ``[E, parameters]``, gradients clipped row by row (torch: one rate a tensor).

    ``factors`` ``[parameters]`` multiply a row's learning rate.  Weight decay is ``decay`` where ``decayed``
    ``[parameters]`` is 1, and none where it is 0.
    """

    def __init__(
        self,
        flat: Tensor,
        betas: tuple[float, float],
        clip: float,
        factors: Tensor | None = None,
        decay: float = 0.0,
        decayed: Tensor | None = None,
    ) -> None:
        self.flat, self.betas, self.clip, self.factors = flat, betas, clip, factors
        self.decay, self.decayed = decay, decayed
        self.mean, self.square = torch.zeros_like(flat), torch.zeros_like(flat)
        self.count = 0

    def step(self, gradient: Tensor, rates: Tensor) -> None:
        """One update with ``gradient`` ``[E, parameters]``, clipped in place, and learning ``rates`` ``[E]``."""
        gradient *= self.clip / gradient.norm(dim=1, keepdim=True).clamp(min=self.clip)
        self.count += 1
        first, second = self.betas
        if self.decay and self.decayed is not None:
            self.flat.mul_(1 - self.decay * rates[:, None] * self.decayed)
        self.mean.lerp_(gradient, 1 - first)
        self.square.mul_(second).addcmul_(gradient, gradient, value=1 - second)
        correction = math.sqrt(1 - second**self.count)
        root = self.square.sqrt().add_(1e-8 * correction)
        update = root.reciprocal_().mul_(self.mean)
        if self.factors is not None:
            update.mul_(self.factors)
        scale = -rates * correction / (1 - first**self.count)
        self.flat.add_(update.mul_(scale[:, None]))

    def keep(self, rows: Sequence[int]) -> None:
        """Drop all rows but these."""
        self.flat, self.mean, self.square = (x[list(rows)].contiguous() for x in (self.flat, self.mean, self.square))
