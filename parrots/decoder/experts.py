"""K SwiGLU experts, each on its own rows."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from parrots.grouped import fold_ends, members_first, outer, product


class Experts(nn.Module):
    """``expert_k(x) = (silu(x G_k) * (x U_k)) W_k``; ``gate_up`` is ``[G_k, U_k]`` ``[K, width, 2 hidden]``."""

    def __init__(self, experts: int, width: int, hidden: int) -> None:
        super().__init__()
        self.gate_up = nn.Parameter(torch.empty(experts, width, 2 * hidden))
        self.down = nn.Parameter(torch.empty(experts, hidden, width))

    def forward(self, rows_RD: Tensor, ends_K: Tensor) -> Tensor:
        """Rows ``[R, width]`` sorted by expert, ``ends_K`` one past each expert's last row, ending with R.

        Under autocast rows and weights are cast to its type, as in a linear layer.  Maps over stacked members
        (``torch.func.vmap``) as one mixture of members times experts; gradients are taken outside of the mapping.
        """
        given: tuple[Tensor, ...] = (rows_RD, self.gate_up, self.down)
        device = rows_RD.device.type
        if torch.is_autocast_enabled(device):
            given = tuple(x.to(torch.get_autocast_dtype(device)) for x in given)
        outputs_RD: Tensor = _SwiGLU.apply(*given, ends_K)[0]
        return outputs_RD


class _SwiGLU(torch.autograd.Function):
    """Both products and what is between them, so that the gradient of gate and up is written in one place."""

    @staticmethod
    def forward(rows: Tensor, gate_up: Tensor, down: Tensor, ends: Tensor) -> tuple[Tensor, ...]:
        """Outputs ``[R, width]``, then what the backward pass needs: gate and up, silu of the gate, their product."""
        both = product(rows, gate_up, ends)
        gate, up = both.chunk(2, -1)
        gated = silu(gate)
        inner = gated * up
        return product(inner, down, ends), both, gated, inner

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> None:
        kept = output[1:]
        ctx.mark_non_differentiable(*kept)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*inputs, *kept)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor | None, *_: None) -> tuple[Tensor | None, ...]:
        if gradient is None:
            return None, None, None, None
        rows, gate_up, down, ends, both, gated, inner = ctx.saved_tensors
        gradient = gradient.contiguous()  # the kernel takes no expanded one
        d_down = outer(inner, gradient, ends)
        d_both = _through_gate(product(gradient, down.mT, ends), both, gated)
        d_gate_up = outer(rows, d_both, ends)
        d_rows = product(d_both, gate_up.mT, ends) if ctx.needs_input_grad[0] else None
        return d_rows, d_gate_up, d_down, None

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *inputs: Tensor) -> tuple[tuple[Tensor, ...], Any]:
        rows, gate_up, down, ends = members_first(info, in_dims, inputs)
        folded = (rows.flatten(0, 1), gate_up.flatten(0, 1), down.flatten(0, 1), fold_ends(ends, rows.shape[1]))
        outputs = _SwiGLU.apply(*folded)
        return tuple(x.unflatten(0, (info.batch_size, -1)) for x in outputs), (0,) * len(outputs)


def _through_gate(d_inner: Tensor, both: Tensor, gated: Tensor) -> Tensor:
    """The gradient of gate and up, side by side as they are, from that of ``silu(gate) * up``."""
    gate, up = both.chunk(2, -1)
    if torch.compiler.is_compiling():  # which makes one loop of it
        return torch.cat((torch.ops.aten.silu_backward(d_inner * up, gate), d_inner * gated), -1)
    d_both = torch.empty_like(both)
    d_gate, d_up = d_both.chunk(2, -1)
    torch.mul(d_inner, gated, out=d_up)
    torch.ops.aten.silu_backward.grad_input(d_inner.mul_(up), gate, grad_input=d_gate)
    return d_both
