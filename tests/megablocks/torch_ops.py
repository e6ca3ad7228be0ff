"""The compiled parts of MegaBlocks and grouped_gemm in torch, so that the rest of it runs on a CPU.

Seven operations of ``megablocks_ops`` and the grouped product ``gmm``; the Triton kernels run in Triton's interpreter.
"""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import torch
import triton
from torch import Tensor


def install() -> None:
    """Puts both modules where ``import`` finds them; before megablocks is imported."""
    ops = ModuleType("megablocks_ops")
    for function in (
        exclusive_cumsum,
        inclusive_cumsum,
        histogram,
        indices,
        replicate_forward,
        replicate_backward,
        sort,
    ):
        setattr(ops, function.__name__, function)
    gemm = ModuleType("grouped_gemm")
    gemm.ops = gemm.backend = SimpleNamespace(gmm=gmm)  # type: ignore[attr-defined]
    sys.modules |= {"megablocks_ops": ops, "grouped_gemm": gemm}
    # Triton would time a kernel's configurations on a GPU to choose one: leave it the first.
    tuned = triton.autotune
    triton.autotune = lambda configs, **options: tuned(configs[:1], **options)


def inclusive_cumsum(x: Tensor, dimension: int, out: Tensor) -> None:
    out.copy_(x.cumsum(dimension))


def exclusive_cumsum(x: Tensor, dimension: int, out: Tensor) -> None:
    out.copy_(x.cumsum(dimension) - x)


def histogram(x: Tensor, bins: int) -> Tensor:
    return torch.bincount(x.long(), minlength=bins).int()


def indices(padded_bins: Tensor, block_size: int, block_rows: int, block_columns: int, out: Tensor) -> None:
    """Columns of the blocks of each block row: those of the expert that the row belongs to."""
    starts = torch.arange(block_rows) * block_size
    expert = torch.searchsorted(padded_bins.long(), starts, right=True)
    out.copy_((expert[:, None] * block_columns + torch.arange(block_columns)).flatten())


def replicate_forward(x: Tensor, bins: Tensor, out: Tensor) -> None:
    out.copy_(x[:, torch.searchsorted(bins.long(), torch.arange(out.shape[1]), right=True)])


def replicate_backward(gradient: Tensor, bins: Tensor, out: Tensor) -> None:
    group = torch.searchsorted(bins.long(), torch.arange(gradient.shape[1]), right=True)
    out.zero_().index_add_(1, group, gradient)


def sort(x: Tensor, end_bit: int, x_out: Tensor, order_out: Tensor) -> None:
    """By the lowest ``end_bit`` bits."""
    order = (x.long() & ((1 << end_bit) - 1)).argsort(stable=True)
    x_out.copy_(x[order])
    order_out.copy_(order)


def gmm(a: Tensor, b: Tensor, batch_sizes: Tensor, trans_a: bool = False, trans_b: bool = False) -> Tensor:
    assert not trans_a
    parts = zip(a.split(batch_sizes.tolist()), b, strict=True)
    return torch.cat([rows @ (weight.T if trans_b else weight) for rows, weight in parts])
