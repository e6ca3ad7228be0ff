"""Experts that run on buffers of a fixed size: for routers that fix how many tokens an expert takes."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import silu

from parrots.decoder.experts import Experts


class BufferedExperts(Experts):
    """The same experts; ``rows`` may also come as one buffer of C rows an expert."""

    def in_buffers(self, rows_KCD: Tensor) -> Tensor:
        """``[K, C, width] -> [K, C, width]``, row by row the expert's output."""
        gate_KCF, up_KCF = torch.bmm(rows_KCD, self.gate_up).chunk(2, -1)
        return torch.bmm(silu(gate_KCF) * up_KCF, self.down)


def gathered(x_TD: Tensor, tokens_KC: Tensor) -> Tensor:
    """The states of the tokens in the buffers, ``[K, C, width]``."""
    return x_TD.index_select(0, tokens_KC.flatten()).unflatten(0, tokens_KC.shape)


def room(share: float, tokens: int, experts: int) -> int:
    """C, tokens that an expert takes: ``share * tokens / experts`` rounded up, at least 1, at most all."""
    return min(tokens, max(1, math.ceil(share * tokens / experts)))
