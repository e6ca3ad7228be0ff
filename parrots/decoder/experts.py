"""K SwiGLU experts, each on its own rows."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from parrots.grouped import grouped_product


class Experts(nn.Module):
    """``expert_k(x) = (silu(x G_k) * (x U_k)) W_k``; ``gate_up`` is ``[G_k, U_k]`` ``[K, width, 2 hidden]``."""

    def __init__(self, experts: int, width: int, hidden: int) -> None:
        super().__init__()
        self.gate_up = nn.Parameter(torch.empty(experts, width, 2 * hidden))
        self.down = nn.Parameter(torch.empty(experts, hidden, width))

    def forward(self, rows_RD: Tensor, ends_K: Tensor) -> Tensor:
        """Rows ``[R, width]`` sorted by expert, ``ends_K`` one past each expert's last row."""
        gate_RF, up_RF = grouped_product(rows_RD, self.gate_up, ends_K).chunk(2, -1)
        return grouped_product(silu(gate_RF) * up_RF, self.down, ends_K)
