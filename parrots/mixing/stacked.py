"""Table execution of stacked models with cross-token routing: neither tokens nor their states are ever built.

An edge token is one of 2r fixed vectors, so the attention weights before masking are one table ``T = exp(score)``
``[N, N]`` for all graphs, and with ``p`` ``[N]`` a graph's 0/1 row of tokens

    state of token i  =  x_i + sum_j T_ij p_j v_j / sum_j T_ij p_j.

That is the arrangement of :func:`theory.encoding.star_edges` with absent edges masked.  A token-wise block reads the
query's state alone.  Of the other tokens a block needs products with a few vectors (the router's, the slots'), and of
their states only means (the slots), so that a batch costs products ``[B, N] @ [N, N]``.  Of the block's output the
query's alone is computed, by every expert: gates that are 0 have the gradients of the ordinary model and keep all
shapes fixed.

Shapes: ``E`` models, ``H`` heads, ``B`` graphs, ``N = 2r + 1`` tokens with the query last, ``m`` width, ``K`` experts,
``S`` slots.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from parrots.experts import BlockOutput
from parrots.mixing.config import MixingConfig
from parrots.routing import route
from parrots.two_layer.table import SCORE_SPAN

Parameters = Mapping[str, Tensor]


def stacked_output(
    present: Tensor, parameters: Parameters, config: MixingConfig, temperature: float | None = None
) -> BlockOutput:
    """Logits ``[E, B]`` for ``present`` ``[E, B, 2r]`` 0/1 floats (edges (s, i), then (i, d)).

    ``parameters`` as :meth:`MixingConfig.shapes` names them, with a leading ``E``.  ``routing`` is that of the queries
    for dropless token choice among several experts, else None.  Exact while no score exceeds its row's score for the
    query token by more than :data:`parrots.two_layer.table.SCORE_SPAN`.

    A place in an expert is a step function of the tokens' states, with gradient 0.  With a ``temperature`` it has the
    gradient of a sigmoid of its margin over the temperature (straight-through); the logits are the same.
    """
    tokens = _Tokens.of(present, parameters, config)
    state = tokens.query()
    if config.routing == "soft":
        return BlockOutput(skip_output(state, parameters) + _soft(tokens, parameters), None)
    if config.capacity is None:
        return _dropless(state, parameters, config)
    choose = _expert_choice if config.routing == "expert-choice" else _capacity
    gates, margins = choose(tokens.products(parameters["router"]), tokens, parameters, config)
    return BlockOutput(_gated(state, gates * _step(margins, temperature), parameters), None)


@dataclass(frozen=True)
class _Tokens:
    """States of all tokens of all graphs, not yet multiplied out; those of absent edges mean nothing."""

    p: Tensor
    """``[E, 1, B, N]`` 0/1: the tokens that exist."""
    x: Tensor
    """``[E, N, m]``: all tokens before attention."""
    table: Tensor
    """``[E, H, N, N]``: weight of the column's token at the row's, up to a factor a row."""
    moved: Tensor
    """``[E, H, N, m]``: what a head adds for full attention to a token."""
    inverse: Tensor
    """``[E, H, B, N]``: one over the sum of weights at each token."""

    @classmethod
    def of(cls, present: Tensor, parameters: Parameters, config: MixingConfig) -> _Tokens:
        p = torch.cat((present, present.new_ones(*present.shape[:2], 1)), -1).unsqueeze(1)
        x = torch.cat((parameters["edges"][:, : 2 * config.intermediates], parameters["query"].unsqueeze(1)), 1)

        def heads(kind: str) -> Tensor:
            return (x @ parameters[kind]).unflatten(-1, (config.heads, -1)).transpose(1, 2)

        scores = heads("w_query") @ heads("w_key").mT
        gaps = (scores - scores[..., -1:]).clamp(max=SCORE_SPAN)  # the query token is visible in every graph
        table = (gaps - gaps.detach().amax(-1, keepdim=True) / 2).exp()
        moved = heads("w_value") @ parameters["w_out"].unflatten(1, (config.heads, -1))
        return cls(p, x, table, moved, (p @ table.mT).reciprocal())

    @property
    def edges(self) -> Tensor:
        """Boolean ``[E, 1, B, 2r]``: the edges that exist."""
        return self.p[..., :-1] > 0

    def query(self) -> Tensor:
        """The query's state, ``[E, B, m]``."""
        attended = ((self.p * self.table[..., -1:, :]) @ self.moved) * self.inverse[..., -1:]
        return self.x[:, -1:] + attended.sum(1)

    def products(self, vectors: Tensor) -> Tensor:
        """States times the columns of ``vectors`` ``[E, m, C]``: ``[E, C, B, N]``."""
        values = (self.moved @ vectors.unsqueeze(1)).mT.unsqueeze(-2)  # [E, H, C, 1, N]
        sums = (self.p.unsqueeze(2) * values).flatten(2, 3) @ self.table.mT  # one product for all columns
        means = sums.unflatten(2, (vectors.shape[-1], -1)) * self.inverse.unsqueeze(2)
        return (self.x @ vectors).mT.unsqueeze(-2) + means.sum(1)

    def means(self, weights: Tensor) -> Tensor:
        """Sums of states with ``weights`` ``[E, C, B, N]``: ``[E, C, B, m]``."""
        shares = (weights.unsqueeze(1) * self.inverse.unsqueeze(2)).flatten(2, 3) @ self.table
        spread = shares.unflatten(2, weights.shape[1:3]) * self.p.unsqueeze(2)  # [E, H, C, B, N]
        moved = (spread.flatten(2, 3) @ self.moved).sum(1)
        return (weights.flatten(1, 2) @ self.x + moved).unflatten(1, weights.shape[1:3])


def _dropless(state: Tensor, parameters: Parameters, config: MixingConfig) -> BlockOutput:
    logits = torch.baddbmm(parameters["router_bias"].unsqueeze(1), state, parameters["router"])
    routing = route(logits, config.top_k)
    gates = torch.zeros_like(logits).scatter(-1, routing.experts, routing.gates)
    return BlockOutput(_gated(state, gates.mT, parameters), routing if config.experts > 1 else None)


def _expert_choice(
    products: Tensor, tokens: _Tokens, parameters: Parameters, config: MixingConfig
) -> tuple[Tensor, Tensor]:
    """The query's scores and margins ``[E, K, B]``: how far its score is above the last place's; ties go to edges."""
    assert config.capacity is not None
    scores = (products + parameters["router_bias"][..., None, None]).softmax(1)
    rivals = scores[..., :-1].masked_fill(~tokens.edges, -1.0)
    return scores[..., -1], scores[..., -1] - rivals.topk(config.capacity, -1).values[..., -1]


def _capacity(products: Tensor, tokens: _Tokens, parameters: Parameters, config: MixingConfig) -> tuple[Tensor, Tensor]:
    """The query's gates and margins ``[E, K, B]``: places left, less half a place, once the edges have been served.

    A margin's gradient is that of the sum of probabilities in place of the number of edges.
    """
    assert config.capacity is not None
    routing = route((products + parameters["router_bias"][..., None, None]).movedim(1, -1), config.top_k)
    wanted = torch.zeros_like(routing.probabilities).scatter(-1, routing.experts, 1.0)
    wanted = (wanted + routing.probabilities - routing.probabilities.detach()).movedim(-1, 1)
    gates = torch.zeros_like(routing.probabilities[..., -1, :])
    gates = gates.scatter(-1, routing.experts[..., -1, :], routing.gates[..., -1, :]).mT
    return gates, config.capacity - 0.5 - (wanted[..., :-1] * tokens.edges).sum(-1)


def _step(margins: Tensor, temperature: float | None) -> Tensor:
    """1 where the margin is positive, else 0."""
    step = (margins > 0).to(margins.dtype)
    if temperature is None:
        return step
    smooth = (margins / temperature).sigmoid()
    return step + smooth - smooth.detach()


def _soft(tokens: _Tokens, parameters: Parameters) -> Tensor:
    """What the query reads of the slots, ``[E, B]``."""
    logits = tokens.products(parameters["slot_vectors"])
    dispatch = logits.masked_fill(tokens.p == 0, -math.inf).softmax(-1)
    combine = logits[..., -1].softmax(1)
    K = parameters["inner"].shape[1]
    slots = tokens.means(dispatch).unflatten(1, (K, -1))  # [E, K, slots of one expert, B, m]
    outputs = expert_outputs(slots.flatten(2, 3), parameters).unflatten(2, slots.shape[2:4])
    return (combine * outputs.flatten(1, 2)).sum(1)


def _gated(state: Tensor, gates: Tensor, parameters: Parameters) -> Tensor:
    """``<readout, x + sum_k gate_k f_k(x)>`` ``[E, B]``, ``gates`` ``[E, K, B]``."""
    return skip_output(state, parameters) + (gates * expert_outputs(state.unsqueeze(1), parameters)).sum(1)


def skip_output(state: Tensor, parameters: Parameters) -> Tensor:
    """``<readout, x>`` ``[E, B]`` of ``state`` ``[E, B, m]``: what the residual stream gives without a block."""
    return (state @ parameters["readout"].unsqueeze(-1)).squeeze(-1)


def expert_outputs(x: Tensor, parameters: Parameters) -> Tensor:
    """``<readout, f_k(x)>`` ``[E, K, rows]`` of ``x`` ``[E, 1 or K, rows, m]``; the read-out is folded in."""
    readout = parameters["readout"][:, None, :, None]
    hidden = (x @ parameters["inner"] + parameters["inner_bias"].unsqueeze(2)).relu()
    folded = hidden @ (parameters["outer"] @ readout)
    return folded.squeeze(-1) + (parameters["outer_bias"].unsqueeze(2) @ readout).squeeze(-1)
