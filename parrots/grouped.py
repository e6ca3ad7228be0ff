"""Matrix products whose rows belong to different groups (experts), each product as one call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, library
from torch.nn.functional import pad

_grouped_mm = getattr(torch.nn.functional, "grouped_mm", None)
"""None before torch 2.10."""


def grouped_linear(rows: Tensor, weight: Tensor, bias: Tensor, groups: Tensor) -> Tensor:
    """``rows[t] @ weight[groups[t]] + bias[groups[t]]``.

    ``rows`` ``[T, in]``; ``weight`` ``[G, in, out]``; ``bias`` ``[G, out]``; ``groups`` ``[T]``, sorted integers.
    float64, which the grouped kernel does not take, and torch without that kernel run group by group.
    """
    if not _has_kernel(rows):
        counts = torch.bincount(groups, minlength=weight.shape[0]).tolist()
        parts = zip(rows.split(counts), weight.unbind(0), bias.unbind(0), strict=True)
        return torch.cat([torch.addmm(b, x, w) for x, w, b in parts])
    ends = torch.searchsorted(groups, torch.arange(weight.shape[0], device=groups.device), right=True).to(torch.int32)
    if rows.shape[1] > weight.shape[2]:
        return _kernel_product(rows, weight, ends) + bias.index_select(0, groups)
    # Few inputs, many outputs: the bias is cheaper as one more row of the weight.
    return _kernel_product(pad(rows, (0, 1), value=1.0), torch.cat((weight, bias.unsqueeze(1)), 1), ends)


def grouped_product(rows: Tensor, weight: Tensor, ends: Tensor) -> Tensor:
    """Row t times the weight of its group: ``[R, in] -> [R, out]``, with gradients.

    ``weight`` ``[G, in, out]``; rows are sorted by group, ``ends`` ``[G]`` int32 is one past each group's last row and
    ends with R.  Maps over stacked members (``torch.func.vmap``) as one product with members times groups; gradients
    are taken outside of the mapping.
    """
    product: Tensor = _GroupedProduct.apply(rows, weight, ends)
    return product


def product(rows: Tensor, weight: Tensor, ends: Tensor) -> Tensor:
    """:func:`grouped_product` without gradients, for functions that write out their own."""
    if torch.compiler.is_compiling():  # which has no rule for the kernel in float32
        compiled: Tensor = _opaque_product(rows, weight, ends)
        return compiled
    if _has_kernel(rows):
        return _kernel_product(rows, weight, ends)
    result = rows.new_empty(rows.shape[0], weight.shape[2])
    for group, part in _parts(ends):
        torch.mm(rows[part], weight[group], out=result[part])
    return result


def outer(rows: Tensor, gradients: Tensor, ends: Tensor) -> Tensor:
    """``rows_g^T @ gradients_g`` of each group: ``[R, in], [R, out] -> [G, in, out]``, 0 for a group without rows."""
    if torch.compiler.is_compiling():
        compiled: Tensor = _opaque_outer(rows, gradients, ends)
        return compiled
    if _has_kernel(rows):
        return _kernel_outer(rows, gradients, ends)
    result = rows.new_zeros(ends.shape[0], rows.shape[1], gradients.shape[1])
    for group, part in _parts(ends):
        torch.mm(rows[part].T, gradients[part], out=result[group])
    return result


def _has_kernel(rows: Tensor) -> bool:
    if _grouped_mm is None or rows.dtype not in (torch.float32, torch.bfloat16, torch.float16):
        return False
    if not rows.shape[0]:  # which the kernel refuses at some sizes
        return False
    return not rows.is_cuda or torch.cuda.get_device_capability(rows.device) >= (8, 0)


def _parts(ends: Tensor) -> Iterator[tuple[int, slice]]:
    """Each group that has rows, and which."""
    start = 0
    for group, end in enumerate(ends.tolist()):
        if start < end:
            yield group, slice(start, end)
        start = end


def _kernel_product(rows: Tensor, weight: Tensor, ends: Tensor) -> Tensor:
    """Both inner sizes padded: the kernel wants strides in multiples of 16 bytes."""
    assert _grouped_mm is not None
    outputs = weight.shape[2]
    result: Tensor = _grouped_mm(_padded(rows, 1), _padded(weight, 2), offs=ends)
    return result if result.shape[1] == outputs else result[:, :outputs]


def _kernel_outer(rows: Tensor, gradients: Tensor, ends: Tensor) -> Tensor:
    assert _grouped_mm is not None
    inputs, outputs = rows.shape[1], gradients.shape[1]
    result: Tensor = _grouped_mm(_padded(rows, 1).mT, _padded(gradients, 1), offs=ends)
    return result if result.shape[1:] == (inputs, outputs) else result[:, :inputs, :outputs]


def _padded(x: Tensor, dimensions: int) -> Tensor:
    """``x`` with zeros after its last ``dimensions``, so that each is a multiple of 16 bytes."""
    step = 16 // x.element_size()
    missing = [-size % step for size in x.shape[: -dimensions - 1 : -1]]
    if not any(missing):
        return x
    return pad(x, [after for size in missing for after in (0, size)])


class _GroupedProduct(torch.autograd.Function):
    """Differentiable by itself so that it can have a rule for mapping."""

    @staticmethod
    def forward(rows: Tensor, weight: Tensor, ends: Tensor) -> Tensor:
        return product(rows, weight, ends)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        rows, weight, ends = ctx.saved_tensors
        gradient = gradient.contiguous()  # the kernel takes no expanded one
        wants_rows, wants_weight, _ = ctx.needs_input_grad
        return (
            product(gradient, weight.mT, ends) if wants_rows else None,
            outer(rows, gradient, ends) if wants_weight else None,
            None,
        )

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *inputs: Tensor) -> tuple[Tensor, int]:
        E, (rows, weight, ends) = info.batch_size, members_first(info, in_dims, inputs)
        folded = (rows.flatten(0, 1), weight.flatten(0, 1), fold_ends(ends, rows.shape[1]))
        return grouped_product(*folded).unflatten(0, (E, -1)), 0


def members_first(info: Any, in_dims: tuple[int | None, ...], inputs: tuple[Tensor, ...]) -> list[Tensor]:
    """The inputs of a rule for mapping, each ``[E, ...]``."""
    return [
        x.unsqueeze(0).expand(info.batch_size, *x.shape) if dim is None else x.movedim(dim, 0)
        for x, dim in zip(inputs, in_dims, strict=True)
    ]


def fold_ends(ends_EG: Tensor, rows: int) -> Tensor:
    """``ends`` ``[E G]`` of members of ``rows`` rows each, one after the other."""
    starts = rows * torch.arange(ends_EG.shape[0], dtype=ends_EG.dtype, device=ends_EG.device)
    return (ends_EG + starts[:, None]).flatten()


@library.custom_op("parrots::grouped_product", mutates_args=())
def _opaque_product(rows: Tensor, weight: Tensor, ends: Tensor) -> Tensor:
    return product(rows, weight, ends).contiguous()


@_opaque_product.register_fake
def _(rows: Tensor, weight: Tensor, ends: Tensor) -> Tensor:
    return rows.new_empty(rows.shape[0], weight.shape[2])


@library.custom_op("parrots::grouped_outer", mutates_args=())
def _opaque_outer(rows: Tensor, gradients: Tensor, ends: Tensor) -> Tensor:
    return outer(rows, gradients, ends).contiguous()


@_opaque_outer.register_fake
def _(rows: Tensor, gradients: Tensor, ends: Tensor) -> Tensor:
    return rows.new_empty(ends.shape[0], rows.shape[1], gradients.shape[1])
