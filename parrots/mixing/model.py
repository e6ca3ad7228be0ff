"""The one-layer model with cross-token routing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from parrots.embedding import embed, rows_of_edges
from parrots.mixing.attention import attend
from parrots.mixing.config import MixingConfig
from parrots.mixing.routers import ROUTERS, Routing
from parrots.module import NamedParameters
from theory.encoding import check_edges
from theory.errors import InputError


@dataclass(frozen=True)
class Answer:
    """``logits`` ``[batch]``, yes iff at least 0, and the routing of all tokens that led to them."""

    logits: Tensor
    routing: Routing


class MixingModel(NamedParameters):
    """Tokens, attention of all tokens, a routed block over tokens, a read-out at the query (`MixingConfig`).

    ``logit = <readout, x + block>`` with x the query's state after attention: the block is residual, and a query that
    is dropped keeps x.  Only the query's row of the block's output is read, so only that row is computed.
    """

    def __init__(self, config: MixingConfig, parameters: Mapping[str, Tensor]) -> None:
        super().__init__(config.shapes(), parameters)
        self.config = config

    def forward(self, edges: Tensor) -> Tensor:
        """``edges`` ``[batch, slots, 2]`` integers, (-1, -1) for an absent edge -> logits ``[batch]``."""
        return self.answer(edges).logits

    def answer(self, edges: Tensor) -> Answer:
        """Logits and routing; ``edges`` as in :meth:`forward`, with as many slots as the model has or fewer.

        Raises :class:`theory.errors.InputError` for edges that the model cannot hold.
        """
        self._check(edges)
        weights = self.weights()
        states, present = self.states(edges)
        mixed, routing = ROUTERS[self.config.routing](states, present, weights, self.config)
        return Answer((states[:, -1] + mixed) @ weights["readout"], routing)

    def states(self, edges: Tensor) -> tuple[Tensor, Tensor]:
        """States after attention ``[batch, N, width]`` and which tokens exist ``[batch, N]``."""
        tokens, present = self.tokens(edges)
        absent = present if self.config.nulls == "masked" else None
        return attend(tokens, absent, self.weights(), self.config), present

    def tokens(self, edges: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens ``[batch, N, width]``, prefix first and query last, and which of them exist ``[batch, N]``."""
        config, weights, batch = self.config, self.weights(), len(edges)
        null = (edges == -1).all(-1)
        rows = rows_of_edges(edges.clamp(min=0), config.edge_reader)
        slots = embed(weights["edges"], rows.flatten(0, 1)).unflatten(0, edges.shape[:2])
        if config.nulls == "token":
            slots = torch.where(null.unsqueeze(-1), weights["null"], slots)
        parts = [slots, weights["query"].expand(batch, 1, -1)]
        if config.prefix:
            parts.insert(0, weights["prefix"].expand(batch, -1, -1))
        tokens = torch.cat(parts, 1)
        present = torch.ones(tokens.shape[:2], dtype=torch.bool, device=edges.device)
        if config.nulls == "masked":
            present[:, config.prefix : -1] = ~null
        return tokens, present

    def _check(self, edges: Tensor) -> None:
        check_edges(edges.numpy(force=True), self.config.vertices)
        if edges.shape[1] > self.config.edge_slots:
            raise InputError(
                f"{edges.shape[1]} edge slots given, the model has {self.config.edge_slots}: "
                "give graphs of fewer edges or build the model for more."
            )
