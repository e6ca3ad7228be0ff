"""Predicting with some of a Soft MoE's experts: the subset that the combine weights choose, and others.

Chung et al. (2025): for one input ``s_j = sum over tokens (and the expert's slots) of C_ts``; the k experts of largest
``s_j`` are kept.  A dropped expert's output is zero, and C is *not* renormalised.  The read-out is linear, so an expert
adds a fixed vector to the model's outputs (:class:`Parts`), and a subset's outputs are a sum of such vectors.

Subsets are masks ``[..., n]`` (true: kept), or ``order`` ``[..., steps]``, experts in the order in which they are
taken: the first k of it are the subset of size k.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import chain, combinations
from math import comb
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from parrots.soft_moe.config import SoftMoeConfig
from parrots.soft_moe.layer import Mixed, mix
from theory.errors import InputError

SUBSETS_AT_ONCE = 512
MOST_SUBSETS = 2**20


class Parts(NamedTuple):
    """What every expert adds to the outputs for every input, and the weight that it has."""

    weights: Tensor
    """``[batch, n]``, s_j; sums to T over the experts."""
    outputs: Tensor
    """``[batch, n, outputs]``."""
    bias: Tensor
    """``[outputs]``, of the read-out: what is left without any expert."""


def parts(x: Tensor, parameters: Mapping[str, Tensor], config: SoftMoeConfig) -> Parts:
    """For ``x`` ``[batch, T, width]``."""
    mixed = mix(x, parameters, config)
    readout = parameters["readout"].unflatten(0, (config.tokens, config.width))
    by_expert = (config.experts, config.slots)
    outputs = torch.einsum(
        "btns,bnsd,tdo->bno",
        mixed.combine.unflatten(-1, by_expert),
        mixed.outputs.unflatten(1, by_expert),
        readout,
    )
    return Parts(expert_weights(mixed, config), outputs, parameters["readout_bias"])


def expert_weights(mixed: Mixed, config: SoftMoeConfig) -> Tensor:
    """``[batch, n]``: s_j, the combine weights of an expert summed over tokens and over its slots."""
    return mixed.combine.sum(1).unflatten(-1, (config.experts, config.slots)).sum(-1)


def by_weight(weights: Tensor) -> Tensor:
    """``weights`` ``[..., n]`` -> order ``[..., n]``, the largest first; of equal ones the first."""
    return weights.sort(dim=-1, descending=True, stable=True).indices


def at_random(batch: int, experts: int, generator: torch.Generator) -> Tensor:
    """Order ``[batch, experts]``, uniform and drawn for every input apart, on the device of ``generator``."""
    return torch.rand(batch, experts, generator=generator, device=generator.device).argsort(-1)


def keep_first(order: Tensor, k: int, experts: int) -> Tensor:
    """The mask ``[..., experts]`` of the first ``k`` of ``order`` ``[..., steps]``."""
    mask = torch.zeros(*order.shape[:-1], experts, dtype=torch.bool, device=order.device)
    return mask.scatter(-1, order[..., :k], True)


def masked_outputs(found: Parts, mask: Tensor) -> Tensor:
    """``[batch, outputs]`` of the experts in ``mask`` ``[batch or 1, n]`` alone."""
    return found.bias + (found.outputs * mask.unsqueeze(-1)).sum(1)


def nested_outputs(found: Parts, order: Tensor) -> Tensor:
    """``[batch, steps, outputs]``: at place k - 1 those of the first k experts of ``order`` ``[batch, steps]``."""
    index = order.unsqueeze(-1).expand(-1, -1, found.outputs.shape[-1])
    return found.bias + found.outputs.gather(1, index).cumsum(1)


def greedy(found: Parts, labels: Tensor, steps: int) -> Tensor:
    """Order ``[batch, steps]`` for each input apart, by an oracle that sees its label.

    Each step takes the expert with which the label ``[batch]`` gets the largest log-likelihood.
    """
    return _greedy(found, labels, steps, lambda likelihood: likelihood)


def greedy_for_all(found: Parts, labels: Tensor, steps: int) -> Tensor:
    """Order ``[steps]``, one for all inputs: each step takes the expert with the largest mean log-likelihood."""
    return _greedy(found, labels, steps, lambda likelihood: likelihood.mean(0, keepdim=True).expand_as(likelihood))[0]


def every_subset(experts: int, k: int) -> Tensor:
    """Masks ``[C(experts, k), experts]``, all of them once.

    Raises :class:`theory.errors.InputError` for more than :data:`MOST_SUBSETS`.
    """
    count = comb(experts, k)
    if count > MOST_SUBSETS:
        raise InputError(
            f"{count:,} subsets of {k} of {experts} experts: at most {MOST_SUBSETS:,}; give fewer experts."
        )
    members = np.fromiter(chain.from_iterable(combinations(range(experts), k)), np.int64, count * k)
    return keep_first(torch.from_numpy(members).view(count, k), k, experts)


def reachable(found: Parts, masks: Tensor) -> Tensor:
    """``[batch, outputs]``: whether some subset of ``masks`` ``[M, n]`` predicts that label for that input.

    At an input's label this is the most that any choice of such a subset can reach, the label known.
    """
    labels = torch.arange(len(found.bias), device=found.bias.device)
    seen = torch.zeros(len(found.outputs), len(labels), dtype=torch.bool, device=labels.device)
    for predicted in _predictions(found, masks):
        seen |= (predicted.unsqueeze(-1) == labels).any(1)
    return seen


def right_for_all(found: Parts, labels: Tensor, masks: Tensor) -> Tensor:
    """``[M]``: for how many inputs each subset of ``masks`` ``[M, n]`` predicts the label ``[batch]``."""
    return torch.cat([(predicted == labels[:, None]).sum(0) for predicted in _predictions(found, masks)])


def _predictions(found: Parts, masks: Tensor) -> Iterator[Tensor]:
    """``[batch, some of M]`` at a time."""
    for some in masks.to(found.outputs.device).split(SUBSETS_AT_ONCE):
        outputs = found.bias + some.to(found.outputs.dtype) @ found.outputs  # [batch, some, outputs]
        yield outputs.argmax(-1)


def _greedy(found: Parts, labels: Tensor, steps: int, judge: Callable[[Tensor], Tensor]) -> Tensor:
    """``judge`` turns log-likelihoods ``[batch, n]``, by the expert taken next, into scores of the same shape."""
    batch, experts, _ = found.outputs.shape
    rows = torch.arange(batch, device=labels.device)
    label = labels.view(-1, 1, 1).expand(-1, experts, 1)
    now, taken = found.bias.expand(batch, -1), torch.zeros(batch, experts, dtype=torch.bool, device=labels.device)
    order = []
    for _ in range(steps):
        outputs = now.unsqueeze(1) + found.outputs
        likelihood = outputs.gather(-1, label).squeeze(-1) - outputs.logsumexp(-1)
        best = judge(likelihood).masked_fill(taken, -torch.inf).argmax(1)
        now, taken[rows, best] = outputs[rows, best], True
        order.append(best)
    return torch.stack(order, 1)
