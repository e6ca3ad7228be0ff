"""The block after attention: a dense MLP, or K experts of which each token uses ``top_k``.

An expert is a residual MLP, ``x + W2 relu(W1 x + b1) + b2``; the block's output is the gate-weighted sum of the chosen
experts (one expert, gate 1: the dense block).  The answer reads one direction ``u`` of that output, so only
``<u, x>`` and ``W2 u`` are needed of it: both executions fold ``u`` into the second matrix, which is exact.

All functions take a leading ensemble dimension ``E``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from parrots.config import OneLayerConfig
from parrots.grouped import grouped_linear
from parrots.routing import Routing, route


@dataclass(frozen=True)
class BlockOutput:
    """``logits`` ``[E, batch]``; ``routing`` is None for the dense block."""

    logits: Tensor
    routing: Routing | None


def block(x: Tensor, parameters: Mapping[str, Tensor], config: OneLayerConfig) -> BlockOutput:
    """Answer logits from the query's state ``x`` ``[E, batch, width]``."""
    readout = parameters["readout"].unsqueeze(-1)
    skip = (x @ readout).squeeze(-1)
    folded = (parameters["outer"] @ readout.unsqueeze(-3)).squeeze(-1)
    constant = (parameters["outer_bias"] @ readout).squeeze(-1)
    if config.experts == 1:
        hidden = torch.baddbmm(parameters["inner_bias"], x, parameters["inner"].squeeze(-3)).relu_()
        return BlockOutput(skip + (hidden @ folded.mT).squeeze(-1) + constant, None)
    routing = route(torch.baddbmm(parameters["router_bias"].unsqueeze(-2), x, parameters["router"]), config.top_k)
    experts = chosen_experts(x, routing, parameters["inner"], parameters["inner_bias"], folded, constant)
    return BlockOutput((routing.gates * (skip.unsqueeze(-1) + experts)).sum(-1), routing)


def unequal_experts(experts: Sequence[Sequence[Tensor]]) -> dict[str, Tensor]:
    """Experts of different sizes as those of one model: the missing units of the smaller ones are zero.

    Each is ``inner`` ``[width, units]``, ``inner_bias`` ``[units]``, ``outer`` ``[units, width]``, ``outer_bias``
    ``[width]``; the result is named as :meth:`OneLayerConfig.shapes` names them, with F the largest number of units.
    A zero unit puts out relu(0) = 0, so every expert computes what it did.
    """
    F = max(inner.shape[1] for inner, _, _, _ in experts)
    return {
        "inner": torch.stack([pad(inner, (0, F - inner.shape[1])) for inner, _, _, _ in experts]),
        "inner_bias": torch.stack([pad(bias, (0, F - len(bias))) for _, bias, _, _ in experts]),
        "outer": torch.stack([pad(outer, (0, 0, 0, F - len(outer))) for _, _, outer, _ in experts]),
        "outer_bias": torch.stack([bias for _, _, _, bias in experts]),
    }


def chosen_experts(
    x: Tensor, routing: Routing, inner: Tensor, inner_bias: Tensor, folded: Tensor, constant: Tensor
) -> Tensor:
    """``<u, W2 relu(W1 x + b1) + b2>`` of the chosen experts only, ``[E, batch, top_k]``.

    Members times experts are the groups of one grouped product; a token is computed ``top_k`` times, not K times.
    """
    E, batch, top_k = routing.experts.shape
    K, m, F = inner.shape[-3:]
    groups = (routing.experts + K * torch.arange(E, device=x.device).view(-1, 1, 1)).reshape(-1)
    ordered, order = groups.sort(stable=True)
    tokens = x.reshape(-1, m)
    picked = tokens.index_select(0, order if top_k == 1 else order // top_k)
    hidden = grouped_linear(picked, inner.reshape(-1, m, F), inner_bias.reshape(-1, F), ordered).relu_()
    answers = grouped_linear(hidden, folded.reshape(-1, F, 1), constant.reshape(-1, 1), ordered)
    unsorted = torch.empty_like(order)
    unsorted[order] = torch.arange(order.numel(), device=x.device)
    return answers.squeeze(-1).index_select(0, unsorted).view(E, batch, top_k)
