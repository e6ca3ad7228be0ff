"""Token choice with capacity: each token picks experts, and an expert that is full takes no more."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from parrots.mixing.config import MixingConfig
from parrots.mixing.experts import gated_sum
from parrots.mixing.routers.routing import Routing, routing
from parrots.routing import route


def token_choice(
    states: Tensor, present: Tensor, parameters: Mapping[str, Tensor], config: MixingConfig
) -> tuple[Tensor, Routing]:
    """``states`` ``[batch, N, width]`` -> the query's output ``[batch, width]``, 0 where all its experts are full.

    Gates as in :func:`parrots.routing.route`; those of dropped choices are not given to the others.
    """
    choice = route(states @ parameters["router"] + parameters["router_bias"], config.top_k)
    wanted = torch.nn.functional.one_hot(choice.experts, config.experts).bool() & present[..., None, None]
    kept = wanted if config.capacity is None else wanted & (queue(wanted, config.priority) < config.capacity)
    gates = (choice.gates[:, -1, :, None] * kept[:, -1]).sum(1)
    taken = kept.any(2)
    return gated_sum(states[:, -1], gates, taken[:, -1], parameters), routing(taken, present, choice.probabilities)


def queue(wanted: Tensor, priority: str) -> Tensor:
    """How many come before it at the same expert: boolean ``wanted`` ``[batch, N, top_k, K]`` -> integers, same shape.

    Earlier tokens come first, in the order of their choices (``token``), or all first choices before all second ones
    (``choice``).
    """
    ordered = wanted if priority == "token" else wanted.transpose(1, 2)
    before = (ordered.flatten(1, 2).cumsum(1) - ordered.flatten(1, 2).long()).view(ordered.shape)
    return before if priority == "token" else before.transpose(1, 2)
