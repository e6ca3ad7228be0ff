"""Table execution of Soft MoE without attention: nothing but the slots depends on the graph.

A slot is a softmax mean of fixed vectors, the 2r edges and the query, so with ``p`` ``[N]`` a graph's 0/1 row of tokens

    slot s  =  sum_j p_j w_js x_j / sum_j p_j w_js,        w_js = exp <x_j, slot vector s>,

and one product of ``p`` with a table ``[N, S (m + 1)]`` gives all slots of a graph.  Absent edges are masked.

Shapes: ``E`` models, ``B`` graphs, ``N = 2r + 1`` tokens with the query last, ``m`` width, ``K`` experts, ``S`` slots.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from parrots.experts import BlockOutput
from parrots.mixing.config import MixingConfig
from parrots.mixing.ensemble import STAR_EDGES, OneShape
from parrots.mixing.stacked import Parameters, expert_outputs, skip_output
from parrots.two_layer.table import SCORE_SPAN


def slots_output(present: Tensor, parameters: Parameters, config: MixingConfig) -> Tensor:
    """Logits ``[E, B]`` for ``present`` ``[E, B, 2r]`` 0/1 floats (edges (s, i), then (i, d)).

    ``parameters`` as :meth:`MixingConfig.shapes` names them, with a leading ``E``.  Exact while no token's logit
    exceeds the query's in the same slot by more than :data:`parrots.two_layer.table.SCORE_SPAN`.
    """
    x = torch.cat((parameters["edges"][:, : 2 * config.intermediates], parameters["query"].unsqueeze(1)), 1)
    logits = x @ parameters["slot_vectors"]
    gaps = (logits - logits[:, -1:]).clamp(max=SCORE_SPAN)  # the query token is in every graph
    weights = (gaps - gaps.detach().amax(1, keepdim=True) / 2).exp()
    with_one = torch.cat((x, x.new_ones(*x.shape[:2], 1)), -1)
    table = weights.unsqueeze(-1) * with_one.unsqueeze(2)  # [E, N, S, m + 1]
    tokens_EBN = torch.cat((present, present.new_ones(*present.shape[:2], 1)), -1)
    sums = (tokens_EBN @ table.flatten(2)).unflatten(-1, table.shape[2:])
    slots = sums[..., :-1] / sums[..., -1:]
    by_expert = slots.unflatten(2, (config.experts, -1)).transpose(1, 2)  # [E, K, B, slots of one expert, m]
    outputs = expert_outputs(by_expert.flatten(2, 3), parameters).unflatten(2, by_expert.shape[2:4])
    combine = logits[:, -1:].softmax(-1)
    return skip_output(x[:, -1:], parameters) + (combine * outputs.transpose(1, 2).flatten(2)).sum(-1)


@dataclass(frozen=True)
class SlotsEnsemble(OneShape):
    """Soft MoE models without attention, of one shape, in the rows of ``flat`` ``[E, parameters]``.

    Raises :class:`theory.errors.InputError` for a shape that :func:`slots_output` does not cover: it needs soft routing
    of star edges in fixed slots without attention, absent ones masked, no learned tokens before them.
    """

    def __post_init__(self) -> None:
        self.check("stacked models of slots alone", routing="soft", attention="none", **STAR_EDGES)

    def output(self, present: Tensor, flat: Tensor) -> BlockOutput:
        """Logits of all members: ``present`` ``[E or 1, batch, 2r]`` 0/1 floats."""
        return BlockOutput(slots_output(present.expand(len(flat), -1, -1), self.unpack(flat), self.config), None)
