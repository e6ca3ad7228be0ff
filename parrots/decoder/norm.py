"""RMSNorm with its gradient written out: on a CPU torch composes both of many passes over the tokens."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class RMSNorm(nn.RMSNorm):
    """``w * x / sqrt(mean(x^2) + eps)`` (Zhang and Sennrich 2019): torch's module, faster in training on a CPU."""

    eps: float

    def __init__(self, width: int, eps: float) -> None:
        super().__init__(width, eps=eps)
        self.fused = True
        """Whether its own gradient is used; an ensemble, for which torch's is the faster, does not."""

    def forward(self, x: Tensor) -> Tensor:
        """``[..., width] -> [..., width]``."""
        if not self.fused or x.device.type != "cpu" or x.dtype != self.weight.dtype or torch.finfo(x.dtype).bits < 32:
            return super().forward(x)
        if torch.compiler.is_compiling() or not torch.is_grad_enabled():
            return super().forward(x)
        y: Tensor = _RMSNorm.apply(x, self.weight, self.eps)[0]
        return y


class _RMSNorm(torch.autograd.Function):
    """With ``r = 1 / sqrt(mean(x^2) + eps)``: ``d_w = sum g x r``, ``d_x = r (g w - x r^2 mean(g w x))``."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, weight: Tensor, eps: float) -> tuple[Tensor, Tensor]:
        scale = torch.rsqrt(torch.linalg.vecdot(x, x).unsqueeze(-1) / x.shape[-1] + eps)
        return x * scale * weight, scale

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        x, weight, _ = inputs
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(x, weight, output[1])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, _: Tensor) -> tuple[Tensor, Tensor, None]:
        x, weight, scale = ctx.saved_tensors
        along = (gradient * x).mul_(scale)
        d_weight = along.flatten(0, -2).sum(0)
        mean = (along @ weight).unsqueeze(-1) * (scale.square() / x.shape[-1])
        return (gradient * weight).mul_(scale).sub_(x * mean), d_weight, None
