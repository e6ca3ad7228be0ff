"""Table execution: the N tokens of a graph are never built.

An edge token is one of 2r fixed vectors, so the layer-1 weights before masking are one table ``T = exp(score)``
``[N, N]`` for all graphs, and with ``p`` ``[N]`` a graph's 0/1 row of visible tokens

    layer-1 output of token i  =  x_i + sum_j T_ij p_j v_j / sum_j T_ij p_j.

Layer 2 needs this only inside a product with one vector a graph (the query's key-space vector, for the scores) and
inside a sum over i (for the mean).  So a batch costs one product ``[batch, N] @ [N, N]`` a head of layer 1, for the
sums of weights, and two a pair of heads.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from parrots.model import Parameters
from parrots.two_layer.config import TwoLayerConfig

SCORE_SPAN = 80.0
"""The table execution is exact while no layer-1 score exceeds its row's score for the query token by more than this.

The query token is visible in every graph.  With scores centred so that its weight is at least ``exp(-SPAN / 2)`` and
any other at most ``exp(SPAN / 2)``, no sum of weights is zero and its square, which the gradient needs, is a normal
float32.  Scores beyond the span count as the span.
"""


def two_layer_logits(present: Tensor, parameters: Parameters, config: TwoLayerConfig) -> Tensor:
    """Table execution of an ensemble: ``present`` ``[E, batch, 2r]`` 0/1 (edges (s, i), then (i, d)) -> ``[E, batch]``.

    ``parameters`` as :meth:`TwoLayerConfig.shapes` names them, with a leading ``E``.  Shapes below: ``i``, ``j`` are
    tokens, ``g`` a head of layer 2, ``h`` one of layer 1; ``p`` ``[E, 1, batch, N]``.
    """
    p = torch.cat((present, present.new_ones(*present.shape[:2], 1)), -1).unsqueeze(1)
    x = _all_tokens(parameters)
    _, _, value, out = _maps(parameters, config, 1)
    gaps = _scores_above_query(parameters, config).clamp(max=SCORE_SPAN)
    table = (gaps - gaps.detach().amax(-1, keepdim=True) / 2).exp()  # [E, h, i, j]
    moved = x @ value @ out  # [E, h, j, m], what head h adds for full attention to token j
    inverse = (p @ table.mT).reciprocal()  # [E, h, batch, i]
    asked = ((p * table[..., -1:, :]) @ moved) * inverse[..., -1:]
    state = parameters["query"].unsqueeze(-2) + asked.sum(1)  # [E, batch, m]

    query, key, value, out = _maps(parameters, config, 2)
    probe = (state.unsqueeze(1) @ query) @ key.mT * config.head_width**-0.5  # [E, g, batch, m]
    p, table, inverse, moved = (part.unsqueeze(1) for part in (p, table, inverse, moved))
    relayed = ((p * (probe.unsqueeze(2) @ moved.mT)) @ table.mT) * inverse  # [E, g, h, batch, i]
    scores = probe @ x.mT + relayed.sum(2)
    weights = scores.masked_fill(p.squeeze(1) == 0, -math.inf).softmax(-1)  # [E, g, batch, i]
    relayed = (((weights.unsqueeze(2) * inverse) @ table) * p) @ moved
    mean = weights @ x + relayed.sum(2)  # [E, g, batch, m]
    return answer(state + (mean @ value @ out).sum(1), parameters)


def score_span(parameters: Parameters, config: TwoLayerConfig) -> Tensor:
    """How far layer-1 scores exceed their row's score for the query token, the most in each member ``[E]``."""
    return _scores_above_query(parameters, config).amax((-3, -2, -1))


def _scores_above_query(parameters: Parameters, config: TwoLayerConfig) -> Tensor:
    """Layer-1 scores of all tokens (rows) for all tokens, minus the row's for the query token: ``[E, H, N, N]``."""
    query, key, _, _ = _maps(parameters, config, 1)
    x = _all_tokens(parameters)
    scores = (x @ query) @ (x @ key).mT * config.head_width**-0.5
    gaps = scores - scores[..., -1:]
    return gaps if config.edges_meet else gaps.masked_fill(~met_alone(config.tokens, gaps.device), -math.inf)


def met_alone(tokens: int, device: torch.device) -> Tensor:
    """Who sees whom in layer 1 where edges do not meet, ``[N, N]``: a token itself and the query, the query all."""
    seen = torch.eye(tokens, dtype=torch.bool, device=device)
    seen[-1] = seen[:, -1] = True
    return seen


def _all_tokens(parameters: Parameters) -> Tensor:
    """The 2r possible edge tokens and the query, ``[E, 1, N, m]``."""
    return torch.cat((parameters["edges"], parameters["query"].unsqueeze(-2)), -2).unsqueeze(1)


def _maps(parameters: Parameters, config: TwoLayerConfig, layer: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Query, key, value maps ``[E, H, m, m / H]`` and output maps ``[E, H, m / H, m]`` of a layer, head by head."""
    heads, d = config.heads, config.head_width
    query, key, value = (
        parameters[f"{kind}_{layer}"].unflatten(-1, (heads, d)).movedim(-2, -3)
        for kind in ("w_query", "w_key", "w_value")
    )
    return query, key, value, parameters[f"w_out_{layer}"].unflatten(-2, (heads, d))


def answer(state: Tensor, parameters: Parameters) -> Tensor:
    """MLP with residual, then read-out: ``state`` ``[..., batch, m]`` -> logits ``[..., batch]``."""
    hidden = (state @ parameters["inner"] + parameters["inner_bias"].unsqueeze(-2)).relu()
    state = state + hidden @ parameters["outer"] + parameters["outer_bias"].unsqueeze(-2)
    return (state @ parameters["readout"].unsqueeze(-1)).squeeze(-1)
