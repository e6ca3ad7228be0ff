"""The dense feed-forward layer."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import silu


class SwiGLU(nn.Module):
    """``(silu(x G) * (x U)) W`` (Shazeer 2020); ``gate_up`` holds G and U in one matrix."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.gate_up = nn.Linear(width, 2 * hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """``[..., width] -> [..., width]``."""
        gate, up = self.gate_up(x).chunk(2, -1)
        return self.down(silu(gate) * up)
