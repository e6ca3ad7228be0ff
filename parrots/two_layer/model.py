"""Token-by-token execution: the two-layer model in ordinary code."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from parrots.embedding import check_edges, rows_of_edges
from parrots.model import Parameters
from parrots.module import NamedParameters
from parrots.two_layer.config import TwoLayerConfig
from parrots.two_layer.table import SCORE_SPAN, answer, met_alone, score_span, two_layer_logits
from theory.errors import InputError


class TwoLayerModel(NamedParameters):
    """The model token by token, the definition that the table execution is held against."""

    def __init__(self, config: TwoLayerConfig, parameters: Parameters) -> None:
        super().__init__(config.shapes(), parameters)
        self.config = config

    def forward(self, edges: Tensor) -> Tensor:
        """``edges`` ``[batch, 2r, 2]`` integers in any order, (-1, -1) for an empty slot -> logits ``[batch]``.

        Raises :class:`theory.errors.InputError` for edges that the model cannot hold.
        """
        weights = self.weights()
        tokens, visible = self._tokens(edges)
        tokens = tokens + self._attend(tokens, tokens, visible, 1)
        query = tokens[:, -1:]
        state = query + self._attend(query, tokens, visible, 2)
        return answer(state.squeeze(1), weights)

    def forward_table(self, present: Tensor) -> Tensor:
        """Table execution: ``present`` ``[batch, 2r]`` 0/1 floats -> logits ``[batch]``.

        Raises :class:`theory.errors.InputError` for weights whose scores exceed :data:`SCORE_SPAN`.
        """
        stacked = {name: value.unsqueeze(0) for name, value in self.named_parameters()}
        span = score_span(stacked, self.config).item()
        if not span <= SCORE_SPAN:
            raise InputError(
                f"layer-1 scores reach {span:.3g} above the query token's, the table execution allows {SCORE_SPAN:g}: "
                "run this model token by token."
            )
        return two_layer_logits(present[None], stacked, self.config)[0]

    def _tokens(self, edges: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens ``[batch, N, m]``, the query last, and which are visible ``[batch, N]``."""
        check_edges(edges, self.config.edge_reader)
        weights = self.weights()
        present = (edges != -1).all(-1)
        rows = rows_of_edges(edges.clamp(min=0), self.config.edge_reader).squeeze(-1)
        if bool((present & (rows == 2 * self.config.intermediates)).any()):
            raise InputError("an edge that is neither (s, i) nor (i, d) is on no length-2 path: give the others only.")
        slots = weights["edges"][rows.masked_fill(~present, 0)]
        query = weights["query"].expand(len(edges), 1, -1)
        return torch.cat((slots, query), 1), torch.cat((present, present.new_ones(len(edges), 1)), 1)

    def _attend(self, queries: Tensor, tokens: Tensor, visible: Tensor, layer: int) -> Tensor:
        """Attention output ``[batch, queries, m]`` of ``queries`` ``[batch, queries, m]`` over the visible tokens."""
        weights, heads = self.weights(), self.config.heads

        def split(x: Tensor, kind: str) -> Tensor:
            return (x @ weights[f"{kind}_{layer}"]).unflatten(-1, (heads, -1)).transpose(1, 2)

        query, key, value = split(queries, "w_query"), split(tokens, "w_key"), split(tokens, "w_value")
        scores = query @ key.mT * self.config.head_width**-0.5
        seen = visible[:, None, None]
        if layer == 1 and not self.config.edges_meet:
            seen = seen & met_alone(tokens.shape[1], tokens.device)
        attention = scores.masked_fill(~seen, -math.inf).softmax(-1)
        return (attention @ value).transpose(1, 2).flatten(2) @ weights[f"w_out_{layer}"]
