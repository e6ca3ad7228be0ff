"""The attention-free Soft MoE construction: each slot collects the edges of a group of vertices."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

import torch

from parrots.constructions.mixed import MixedDesign, model_of, most_slots, precision_of, sign_codes
from parrots.mixing import MixingConfig, MixingModel
from theory.bounds.message import ceil_log2
from theory.bounds.soft_moe import THRESHOLD, group_size, soft_moe_beta, soft_moe_width


@dataclass(frozen=True)
class SoftMoe(MixedDesign):
    """Answer length-2 path without attention, S slots and width ``ceil(r/S) + ceil(log2 S) + 1`` (`own-soft-moe`).

    *Residual coordinates.*  ``place`` ``[0, ceil(r/S))``: one-hot place of a vertex in its group; ``code``, the next
    ``k = ceil(log2 S)``: the signs of its group; ``sink``: 1 at the query.  Vertex i belongs to group ``(i-1) mod S``,
    at place ``floor((i-1) / S)``.  The edges (s, i) and (i, d) both hold place and code of i; other edges and null
    tokens are 0.  The ``answer`` is place 0 of the query, which is 0 before the block.

    *Dispatch.*  Slot g's vector is ``beta`` times (code of g; k at the sink).  An edge has the logit ``beta (k - 2j)``
    if its group's code differs from g's in j places, the query's ``beta k``, any other token's 0.  So slot g holds, in
    units of the weight w of an edge of its own group: 1 in ``sink``, and in every place the count (0, 1 or 2) of the
    group's vertex there, plus what other groups leak.  If no vertex has both edges, at most one token of each of the
    ``binom(k, j)`` groups at distance j leaks into a place: ``X = (1 + e^(-2 beta))^k - 1`` at most.

    *Experts.*  Each has a ReLU a place, ``relu(place - 3/2 sink)``.  Without a path all are 0 if ``1 + X < 3/2``; with
    one, the vertex's unit in its group's slot is at least ``w/2``, and ``w >= 1/N`` since no token weighs more than w.

    *Combine.*  The query's logits are ``beta k`` for every slot: it reads the mean of the S outputs.  They are scaled
    by the first power of two from ``4 N S`` on, so that the answer is 0 or at least 2, and the logit subtracts 1/2 (the
    read-out of ``sink``, which is 1).

    *Exact range.*  ``(1 + e^(-2 beta))^k < 3/2``, so ``beta = Theta(log log S)`` whatever N is.  It is sharp if S is a
    power of two that divides r: with all edges (s, i) and no other, a place reads exactly ``1 + X``, so units fire as
    soon as X passes 1/2, and from ``X = 1/2 + 1/(8r)`` on the answer is a wrong "yes" (tested).  Logits are integers
    times beta, exact for beta a power of two; rounding changes what a slot holds by a relative error, which
    :func:`theory.bounds.soft_moe.soft_moe_is_exact` bounds.

    *Cost.*  S experts of one slot and ``ceil(r/S)`` neurons each, all with the same weights.  S = 1 is uniform
    attention with the block of `thm-3.3`.
    """

    statement: ClassVar[str] = "own-soft-moe"
    name: ClassVar[str] = "soft-moe"

    def scales(self, dtype: torch.dtype = torch.float32) -> tuple[Fraction]:
        """``beta``, the least power of two that the error bound shows to be enough in ``dtype``."""
        return (soft_moe_beta(self.config.experts, self.config.tokens, precision_of(dtype)),)

    def unchecked(self, *scales: Fraction | float, dtype: torch.dtype = torch.float32) -> MixingModel:
        """The weights for any ``beta``, right or wrong."""
        (beta,) = scales
        S, k, scale = self.config.experts, self._code, float(beta)
        places = group_size(self.config.intermediates, S)
        sink, answer = places + k, 0
        codes = sign_codes(S, k)
        i = torch.arange(self.config.intermediates)
        vertices = torch.zeros(len(i), self.width, dtype=torch.float64)
        vertices[i, i // S] = 1
        vertices[:, places:sink] = codes[i % S]
        query = torch.zeros(self.width, dtype=torch.float64)
        query[sink] = 1
        slot_vectors = torch.zeros(self.width, S, dtype=torch.float64)
        slot_vectors[places:sink] = scale * codes.mT
        slot_vectors[sink] = scale * k
        inner = torch.zeros(S, self.width, places, dtype=torch.float64)
        inner[:, :places] = torch.eye(places, dtype=torch.float64)
        inner[:, sink] = -float(THRESHOLD)
        outer = torch.zeros(S, places, self.width, dtype=torch.float64)
        outer[:, :, answer] = 2.0 ** ceil_log2(4 * self.config.tokens * S)
        readout = torch.zeros(self.width, dtype=torch.float64)
        readout[answer], readout[sink] = 1, -0.5
        parameters = {
            "edges": torch.cat((vertices, vertices, torch.zeros(1, self.width, dtype=torch.float64))),
            "query": query,
            "slot_vectors": slot_vectors,
            "inner": inner,
            "outer": outer,
            "readout": readout,
        }
        return model_of(self.config, parameters, dtype)

    @property
    def _code(self) -> int:
        """k = ceil(log2 S)."""
        return ceil_log2(self.config.experts)


def soft_moe(vertices: int, experts: int | None = None, slots: int | None = None) -> SoftMoe:
    """The construction for V = ``vertices``; ``experts`` is S (default: the least power of two from sqrt r on).

    ``slots``: the most edges of a graph.  Raises :class:`~theory.errors.InputError` for V < 3, more experts than
    intermediate vertices, or too few slots.
    """
    edge_slots, r = most_slots(vertices, slots), vertices - 2
    S = min(r, 2 ** -(-ceil_log2(r) // 2)) if experts is None else experts
    config = MixingConfig(
        vertices=vertices,
        width=soft_moe_width(r, S),
        hidden=group_size(r, S),
        routing="soft",
        experts=S,
        attention="none",
        slots=edge_slots,
    )
    return SoftMoe(config)
