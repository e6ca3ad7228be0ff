"""Soft MoE (Puigcerver et al. 2024): slots are softmax means of tokens, the output a softmax mean of slots' outputs."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from parrots.mixing.config import MixingConfig
from parrots.mixing.routers.routing import Routing, routing
from parrots.soft_moe.layer import slot_outputs


def soft(
    states: Tensor, present: Tensor, parameters: Mapping[str, Tensor], config: MixingConfig
) -> tuple[Tensor, Routing]:
    """``states`` ``[batch, N, width]`` -> the query's output ``[batch, width]``.

    Plain logits ``states @ slot_vectors``; dispatch: a softmax over the tokens for every slot; combine: a softmax over
    the slots for the query.
    """
    logits = states @ parameters["slot_vectors"]
    dispatch = logits.masked_fill(~present.unsqueeze(-1), -math.inf).softmax(1)
    combine = logits[:, -1].softmax(-1)
    outputs = slot_outputs(dispatch.mT @ states, parameters)
    everywhere = torch.ones_like(logits, dtype=torch.bool)
    return (combine.unsqueeze(1) @ outputs).squeeze(1), routing(everywhere, present, dispatch)
