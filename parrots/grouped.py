"""A linear layer whose rows belong to different groups (experts), as one grouped matrix product."""

from __future__ import annotations

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
