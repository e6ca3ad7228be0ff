"""Brings tokens to the experts they chose, sorted by expert, and the experts' outputs back.

Both ways are gathers, forward and backward: a choice has one row, and the inverse of the sorting order says which.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from parrots.grouped import members_first


@dataclass(frozen=True)
class Dispatch:
    """Row r is choice ``order_R[r]`` of ``T top_k``, of token ``order_R[r] // top_k``; rows are sorted by expert."""

    order_R: Tensor
    places_Tk: Tensor
    """In which row each choice is."""
    ends_K: Tensor
    """One past each expert's last row, int32."""

    def rows(self, x_TD: Tensor) -> Tensor:
        """``[T, width] -> [R, width]``, a token once for each of its choices."""
        rows_RD: Tensor = _Rows.apply(x_TD, self.order_R, self.places_Tk)
        return rows_RD

    def combine(self, outputs_RD: Tensor, gates_Tk: Tensor) -> Tensor:
        """``[R, width] -> [T, width]``: each token's outputs times their gates, added."""
        sums_TD: Tensor = _Combine.apply(outputs_RD, gates_Tk.to(outputs_RD.dtype), self.order_R, self.places_Tk)
        return sums_TD


def dispatch(experts_Tk: Tensor, experts: int) -> Dispatch:
    """The plan for choices ``[T, top_k]`` of ``experts`` experts."""
    flat = experts_Tk.flatten()
    order = flat.argsort(stable=True)
    places = torch.zeros_like(order).scatter(0, order, torch.arange(order.shape[0], device=order.device))
    counts = torch.zeros(experts, dtype=torch.int32, device=flat.device)
    counts = counts.scatter_add(0, flat, torch.ones_like(flat, dtype=torch.int32))
    return Dispatch(order, places.view_as(experts_Tk), counts.cumsum(0, dtype=torch.int32))


class _Rows(torch.autograd.Function):
    @staticmethod
    def forward(x_TD: Tensor, order_R: Tensor, places_Tk: Tensor) -> Tensor:
        return x_TD.index_select(0, order_R // places_Tk.shape[1])

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.save_for_backward(inputs[2])

    @staticmethod
    def backward(ctx: Any, gradient_RD: Tensor) -> tuple[Tensor, None, None]:
        (places_Tk,) = ctx.saved_tensors
        return _sums(gradient_RD, places_Tk, None), None, None

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *inputs: Tensor) -> tuple[Tensor, int]:
        x, order, places = members_first(info, in_dims, inputs)
        rows = _Rows.apply(x.flatten(0, 1), *_fold(order, places))
        return rows.unflatten(0, (info.batch_size, -1)), 0


class _Combine(torch.autograd.Function):
    @staticmethod
    def forward(outputs_RD: Tensor, gates_Tk: Tensor, order_R: Tensor, places_Tk: Tensor) -> Tensor:
        return _sums(outputs_RD, places_Tk, gates_Tk)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, gradient_TD: Tensor) -> tuple[Tensor, Tensor, None, None]:
        outputs_RD, gates_Tk, order_R, places_Tk = ctx.saved_tensors
        gradient_RD = gradient_TD.index_select(0, order_R // places_Tk.shape[1])
        d_gates_R = _dot(gradient_RD, outputs_RD)
        gates_R = gates_Tk.flatten().index_select(0, order_R)
        d_gates_Tk = d_gates_R.index_select(0, places_Tk.flatten()).view_as(gates_Tk)
        return gradient_RD.mul_(gates_R[:, None]), d_gates_Tk, None, None

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *inputs: Tensor) -> tuple[Tensor, int]:
        outputs, gates, order, places = members_first(info, in_dims, inputs)
        sums = _Combine.apply(outputs.flatten(0, 1), gates.flatten(0, 1), *_fold(order, places))
        return sums.unflatten(0, (info.batch_size, -1)), 0


def _fold(order_ER: Tensor, places_ETk: Tensor) -> tuple[Tensor, Tensor]:
    """The plans of all members as one: choices and rows of a member come after those of the members before it."""
    E, R = order_ER.shape
    starts = R * torch.arange(E, device=order_ER.device)
    return (order_ER + starts[:, None]).flatten(), (places_ETk + starts[:, None, None]).flatten(0, 1)


def _sums(rows_RD: Tensor, places_Tk: Tensor, weights_Tk: Tensor | None) -> Tensor:
    """``[T, D]``: each token's rows, times its weights if there are any, added."""
    if torch.compiler.is_compiling():  # which makes one loop of it
        taken_TkD = rows_RD.index_select(0, places_Tk.flatten()).unflatten(0, places_Tk.shape)
        return (taken_TkD if weights_Tk is None else taken_TkD * weights_Tk.unsqueeze(-1)).sum(1)
    return embedding_bag(places_Tk, rows_RD, per_sample_weights=weights_Tk, mode="sum")


def _dot(a_RD: Tensor, b_RD: Tensor) -> Tensor:
    """``[R]``: the dot product of each pair of rows."""
    if torch.compiler.is_compiling():
        return (a_RD * b_RD).sum(-1)
    return torch.bmm(a_RD.unsqueeze(1), b_RD.unsqueeze(2)).flatten()
