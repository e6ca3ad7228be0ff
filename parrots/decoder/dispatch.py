"""Brings tokens to the experts they chose, sorted by expert, and the experts' outputs back."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Dispatch:
    """Row r is choice ``order_R[r]`` of ``T top_k``, of token ``order_R[r] // top_k``; rows are sorted by expert."""

    order_R: Tensor
    inverse_R: Tensor
    """Where in the rows each choice went."""
    ends_K: Tensor
    """One past each expert's last row, int32."""
    top_k: int

    def rows(self, x_TD: Tensor) -> Tensor:
        """``[T, width] -> [R, width]``, a token once for each of its choices."""
        return x_TD.index_select(0, self.order_R // self.top_k)

    def combine(self, outputs_RD: Tensor, gates_Tk: Tensor) -> Tensor:
        """``[R, width] -> [T, width]``: each token's outputs times their gates, added."""
        outputs_TkD = outputs_RD.index_select(0, self.inverse_R).unflatten(0, (-1, self.top_k))
        return (outputs_TkD * gates_Tk.unsqueeze(-1)).sum(1)


def dispatch(experts_Tk: Tensor, experts: int) -> Dispatch:
    """The plan for choices ``[T, top_k]`` of ``experts`` experts."""
    flat = experts_Tk.flatten()
    ordered, order = flat.sort(stable=True)
    inverse = order.argsort()
    ends = torch.searchsorted(ordered, torch.arange(experts, device=flat.device), right=True, out_int32=True)
    return Dispatch(order, inverse, ends, experts_Tk.shape[-1])
