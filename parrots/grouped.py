"""A linear layer whose rows belong to different groups (experts), as one grouped matrix product."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

_grouped_mm = getattr(torch.nn.functional, "grouped_mm", None)


def grouped_linear(rows: Tensor, weight: Tensor, bias: Tensor, groups: Tensor) -> Tensor:
    """``rows[t] @ weight[groups[t]] + bias[groups[t]]``.

    ``rows`` ``[T, in]``; ``weight`` ``[G, in, out]``; ``bias`` ``[G, out]``; ``groups`` ``[T]``, sorted integers.
    float64, which the grouped kernel does not take, and torch without that kernel run group by group.
    """
    if _grouped_mm is None or rows.dtype == torch.float64:
        counts = torch.bincount(groups, minlength=weight.shape[0]).tolist()
        parts = zip(rows.split(counts), weight.unbind(0), bias.unbind(0), strict=True)
        return torch.cat([torch.addmm(b, x, w) for x, w, b in parts])
    ends = torch.searchsorted(groups, torch.arange(weight.shape[0], device=groups.device), right=True).to(torch.int32)
    if rows.shape[1] > weight.shape[2]:
        return _product(rows, weight, ends) + bias.index_select(0, groups)
    # Few inputs, many outputs: the bias is cheaper as one more row of the weight.
    return _product(pad(rows, (0, 1), value=1.0), torch.cat((weight, bias.unsqueeze(1)), 1), ends)


def _product(rows: Tensor, weight: Tensor, ends: Tensor) -> Tensor:
    """Grouped product with both inner sizes padded: the kernel wants strides in multiples of 16 bytes."""
    inputs, outputs = weight.shape[1:]
    step = 16 // weight.element_size()
    if inputs % step:
        rows = pad(rows, (0, -inputs % step))
    if inputs % step or outputs % step:
        weight = pad(weight, (0, -outputs % step, 0, -inputs % step))
    assert _grouped_mm is not None
    product: Tensor = _grouped_mm(rows, weight, offs=ends)
    return product[:, :outputs]


def grouped_product(rows: Tensor, weight: Tensor, ends: Tensor) -> Tensor:
    """Row t times the weight of its group: ``[R, in] -> [R, out]``.

    ``weight`` ``[G, in, out]``; rows are sorted by group, ``ends`` ``[G]`` int32 is one past each group's last row.
    Maps over stacked members (``torch.func.vmap``) as one product with members times groups.
    """
    if torch.compiler.is_compiling():
        return _by_group(rows, weight, ends)
    product: Tensor = _GroupedProduct.apply(rows, weight, ends)
    return product


def _by_group(rows: Tensor, weight: Tensor, ends: Tensor) -> Tensor:
    if _grouped_mm is None or rows.dtype == torch.float64:
        counts = ends.diff(prepend=ends.new_zeros(1)).tolist()
        parts = zip(rows.split(counts), weight.unbind(0), strict=True)
        return torch.cat([x @ w for x, w in parts])
    return _product(rows, weight, ends)


class _GroupedProduct(torch.autograd.Function):
    """Differentiable by itself so that it can have a rule for mapping."""

    @staticmethod
    def forward(rows: Tensor, weight: Tensor, ends: Tensor) -> Tensor:
        return _by_group(rows, weight, ends)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        rows, weight, ends = ctx.saved_tensors
        with torch.enable_grad():
            inputs = rows.detach().requires_grad_(), weight.detach().requires_grad_()
            product = _by_group(*inputs, ends)
        return *torch.autograd.grad(product, inputs, gradient.contiguous()), None

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *inputs: Tensor) -> tuple[Tensor, int]:
        E = info.batch_size
        rows, weight, ends = (
            x.unsqueeze(0).expand(E, *x.shape) if dim is None else x.movedim(dim, 0)
            for x, dim in zip(inputs, in_dims, strict=True)
        )
        R = rows.shape[1]
        starts = R * torch.arange(E, dtype=ends.dtype, device=ends.device)
        folded = (rows.flatten(0, 1), weight.flatten(0, 1), (ends + starts[:, None]).flatten())
        return grouped_product(*folded).unflatten(0, (E, R)), 0
