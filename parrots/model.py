"""The one-layer model: one set of weights, two executions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from parrots.attention import table_means, table_split_means, token_means, token_table
from parrots.config import OneLayerConfig
from parrots.embedding import check_edges, embed, rows_of_edges
from parrots.experts import BlockOutput, block
from parrots.module import NamedParameters
from parrots.quantise import quantise_message
from theory.errors import InputError

Parameters = Mapping[str, Tensor]


def table_output(
    present: Tensor, parameters: Parameters, config: OneLayerConfig, levels: Tensor | int | None = None
) -> BlockOutput:
    """Table execution of an ensemble: 0/1 ``present`` ``[E, batch, 2r]`` (edges (s, i), then (i, d)) -> ``[E, batch]``.

    ``parameters`` as :meth:`OneLayerConfig.shapes` names them, with a leading ``E``.  ``levels`` overrides
    ``2^message_bits`` where members differ in it, ``[E, 1, 1]`` or ``[E, 1, width]``.
    """
    table = token_table(parameters, config)
    if config.message_bits is None:
        means = table_means(present, table, config)
        return block(query_state(means, parameters, config), parameters, config)
    alice, bob = table_split_means(present, table, config)
    levels = 2**config.message_bits if levels is None else levels
    return block(_split_state(alice, bob, levels, parameters, config), parameters, config)


def query_state(means: Tensor, parameters: Parameters, config: OneLayerConfig) -> Tensor:
    """State of the query before the block, ``[E, batch, width]``: residual plus N times the heads through ``w_out``.

    The fixed gain N undoes the averaging over N tokens; a scale is harmless to every bound.
    """
    return torch.baddbmm(parameters["query"].unsqueeze(-2), means, config.tokens * parameters["w_out"])


def _split_state(
    alice: Tensor, bob: Tensor, levels: Tensor | int, parameters: Parameters, config: OneLayerConfig
) -> Tensor:
    message = quantise_message(unrounded_message(alice, parameters, config), levels)
    return message + query_state(bob, parameters, config)


def unrounded_message(alice: Tensor, parameters: Parameters, config: OneLayerConfig) -> Tensor:
    """Alice's part of the query's state, ``[E, batch, width]``, from her part of the heads' outputs."""
    return alice @ (config.tokens * parameters["w_out"])


class OneLayerModel(NamedParameters):
    """Edge tokens, H-head attention read at the query, a dense or routed block, a read-out (`OneLayerConfig`)."""

    def __init__(self, config: OneLayerConfig, parameters: Parameters) -> None:
        super().__init__(config.shapes(), parameters)
        self.config = config

    def stacked(self) -> dict[str, Tensor]:
        """The parameters as those of an ensemble of one."""
        return {name: value.unsqueeze(0) for name, value in self.named_parameters()}

    def forward(self, edges: Tensor) -> Tensor:
        """Token by token: ``edges`` ``[batch, slots, 2]`` integers, (-1, -1) for a null token -> logits ``[batch]``.

        Raises :class:`theory.errors.InputError` for edges that the model cannot hold.
        """
        check_edges(edges, self.config)
        weights = self.weights()
        tokens = self.embed(edges)
        if self.config.message_bits is None:
            means = token_means(tokens, weights, self.config)
            return block(query_state(means[None], self.stacked(), self.config), self.stacked(), self.config).logits[0]
        alice, bob = self._split_token_means(tokens, edges)
        levels = 2**self.config.message_bits
        state = _split_state(alice[None], bob[None], levels, self.stacked(), self.config)
        return block(state, self.stacked(), self.config).logits[0]

    def forward_table(self, present: Tensor) -> Tensor:
        """Table form: 0/1 ``present`` ``[batch, 2r]`` (edges (s, i), then edges (i, d)) -> logits ``[batch]``."""
        return table_output(present[None], self.stacked(), self.config).logits[0]

    def embed(self, edges: Tensor) -> Tensor:
        """Tokens ``[batch, N, width]`` of ``edges`` ``[batch, slots, 2]``, the query last."""
        null = (edges == -1).all(-1)
        rows = rows_of_edges(edges.clamp(min=0), self.config)
        weights = self.weights()
        tokens = embed(weights["edges"], rows.flatten(0, 1)).unflatten(0, edges.shape[:2])
        tokens = torch.where(null[..., None], weights["null"], tokens)
        query = weights["query"].expand(len(edges), 1, -1)
        return torch.cat((tokens, query), 1)

    def _split_token_means(self, tokens: Tensor, edges: Tensor) -> tuple[Tensor, Tensor]:
        """Alice's tokens are the edges at the source and as many null tokens as fill her r slots."""
        config, weights = self.config, self.weights()
        hers = (edges[..., 0] == 0) & (edges[..., 1] >= 1) & (edges[..., 1] < config.vertices - 1)
        nulls = (config.intermediates - hers.sum(-1, keepdim=True)) * weights["null"]
        alice = (tokens[:, :-1] * hers[..., None]).sum(-2) + nulls
        bob = tokens.sum(-2) - alice
        return alice @ weights["w_value"] / config.tokens, bob @ weights["w_value"] / config.tokens


def with_value_bits(model: OneLayerModel, bits: int) -> OneLayerModel:
    """The same weights with p-bit attention weights and values, on the scale that they fix.

    Raises:
        InputError: a model that rounds already, or bits that no such model has.
    """
    config = model.config
    if config.value_bits is not None or config.message_bits is not None:
        what = "rounded messages" if config.value_bits is None else f"{config.value_bits}-bit weights and values"
        raise InputError(f"the model has {what} already: leave the bits out.")
    return OneLayerModel(replace(config, value_bits=bits), model.weights())
