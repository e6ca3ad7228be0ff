"""Expert choice (Zhou et al. 2022): each expert takes the tokens that score highest for it."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from parrots.mixing.config import MixingConfig
from parrots.mixing.experts import gated_sum
from parrots.mixing.routers.routing import Routing, routing


def expert_choice(
    states: Tensor, present: Tensor, parameters: Mapping[str, Tensor], config: MixingConfig
) -> tuple[Tensor, Routing]:
    """``states`` ``[batch, N, width]`` -> the query's output ``[batch, width]``, 0 where no expert took it.

    A token's score is the softmax of its router logits over the experts; it is also its gate.
    """
    assert config.capacity is not None
    scores = (states @ parameters["router"] + parameters["router_bias"]).softmax(-1)
    taken = favourites(scores.masked_fill(~present.unsqueeze(-1), -1.0), config.capacity)
    chosen = routing(taken, present, scores)
    return gated_sum(states[:, -1], scores[:, -1], chosen.taken[:, -1], parameters), chosen


def favourites(scores: Tensor, capacity: int) -> Tensor:
    """The ``capacity`` highest of each column of ``scores`` ``[batch, N, K]``, boolean; the earlier wins a tie."""
    best = scores.detach().sort(dim=1, descending=True, stable=True).indices[:, :capacity]
    return torch.zeros_like(scores, dtype=torch.bool).scatter_(1, best, True)
