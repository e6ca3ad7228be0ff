"""Attention read at the query token, in its two executions of the same weights.

Token by token: keys and values of every token, a softmax, a weighted mean.  Table: with a fixed query every possible
token has one weight and one value per head, so the numerators and denominators of all graphs of a batch are 0/1
matrices times a table.  Both functions take parameters with any leading dimensions (one model, or an ensemble ``E``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from parrots.config import OneLayerConfig
from parrots.embedding import embed, star_rows
from parrots.quantise import Grid

Parameters = Mapping[str, Tensor]


@dataclass(frozen=True)
class TokenTable:
    """Every token that a star graph can hold, ``T = 2r + 2`` rows: r edges (s, i), r edges (i, d), null, query.

    ``values`` ``[..., T, width]``; ``weights`` ``[..., T, heads]``, or None for uniform attention.  With ``value_bits``
    both hold integers as float64, so that their sums are exact, and the grids say which number an integer stands for.
    """

    values: Tensor
    weights: Tensor | None
    grid: Grid | None
    weight_grid: Grid | None


def token_table(parameters: Parameters, config: OneLayerConfig) -> TokenTable:
    alice, bob = star_rows(config, parameters["edges"].device)
    rows = torch.cat((alice, bob))
    tokens = torch.cat(
        (embed(parameters["edges"], rows), parameters["null"].unsqueeze(-2), parameters["query"].unsqueeze(-2)), -2
    )
    values, weights = tokens @ parameters["w_value"], attention_weights(tokens, parameters, config)
    if config.value_bits is None:
        return TokenTable(values, weights, None, None)
    value_grid = Grid.spanning(values, config.value_bits)
    if weights is None:
        return TokenTable(value_grid.codes(values).double(), None, value_grid, None)
    weight_grid = Grid.from_zero(weights, config.value_bits)
    return TokenTable(value_grid.codes(values).double(), weight_grid.codes(weights).double(), value_grid, weight_grid)


def attention_weights(tokens: Tensor, parameters: Parameters, config: OneLayerConfig) -> Tensor | None:
    """Unnormalised softmax weights ``[..., tokens, heads]`` at the query, or None for uniform attention.

    No maximum is subtracted: a weight depends on its own token alone, as the lower bounds require.  The usual factor
    ``head_width ** -0.5`` is left to the weights.
    """
    if config.attention == "uniform":
        return None
    query = parameters["query"].unsqueeze(-2) @ parameters["w_query"]
    products = (tokens @ parameters["w_key"]) * query
    return products.unflatten(-1, (config.heads, config.head_width)).sum(-1).exp()


@dataclass(frozen=True)
class Contributions:
    """What each edge adds to the query's additive state: an edge's row minus the null token's row.

    ``edges`` ``[..., 2r, C]``: r edges (s, i), which are Alice's, then r edges (i, d), which are Bob's; ``null``
    ``[..., C]`` one null token; ``query`` ``[..., C]`` the query's own.  The columns are ``D`` numerators, then, under
    softmax attention, ``H`` denominators.
    """

    edges: Tensor
    null: Tensor
    query: Tensor


def contributions(table: TokenTable, config: OneLayerConfig) -> Contributions:
    columns = additive_terms(table.values, table.weights, config)
    edges, null, query = columns.split((2 * config.intermediates, 1, 1), dim=-2)
    return Contributions(edges - null, null.squeeze(-2), query.squeeze(-2))


def additive_terms(values: Tensor, weights: Tensor | None, config: OneLayerConfig) -> Tensor:
    """What each token adds to the query's state, ``[..., tokens, C]``: weight times value, then the weights."""
    if weights is None:
        return values
    weighted = values.unflatten(-1, (config.heads, config.head_width)) * weights.unsqueeze(-1)
    return torch.cat((weighted.flatten(-2), weights), -1)


def table_means(present: Tensor, table: TokenTable, config: OneLayerConfig) -> Tensor:
    """Heads' outputs ``[..., batch, D]`` for 0/1 ``present`` ``[..., batch, 2r]`` (edges (s, i), then edges (i, d))."""
    parts = contributions(table, config)
    base = config.edge_slots * parts.null + parts.query
    sums = present.to(parts.edges.dtype) @ parts.edges + base.unsqueeze(-2)
    return mean_of_sums(sums, table.grid, config).to(present.dtype)


def table_split_means(present: Tensor, table: TokenTable, config: OneLayerConfig) -> tuple[Tensor, Tensor]:
    """Alice's and Bob's parts of :func:`table_means` under uniform attention, each ``[..., batch, D]``.

    Alice owns r slots, so her part counts ``r - |A|`` null tokens; the query's own term and all other slots are Bob's.
    """
    parts = contributions(table, config)
    r = config.intermediates
    alice = present[..., :r] @ parts.edges[..., :r, :] + (r * parts.null).unsqueeze(-2)
    rest = ((config.edge_slots - r) * parts.null + parts.query).unsqueeze(-2)
    bob = present[..., r:] @ parts.edges[..., r:, :] + rest
    return alice / config.tokens, bob / config.tokens


def mean_of_sums(sums: Tensor, grid: Grid | None, config: OneLayerConfig) -> Tensor:
    """Heads' outputs ``[..., batch, D]`` from the sums ``[..., batch, C]`` of numerators and denominators."""
    D = config.width
    if config.attention == "uniform":
        mean = sums / config.tokens
    else:
        numerators = sums[..., :D].unflatten(-1, (config.heads, config.head_width))
        mean = (numerators / sums[..., D:].unsqueeze(-1)).flatten(-2)
    return mean if grid is None else grid.decode(mean)


def token_values(
    tokens: Tensor, parameters: Parameters, config: OneLayerConfig
) -> tuple[Tensor, Tensor | None, Grid | None]:
    """Values ``[..., tokens, D]`` and weights ``[..., tokens, H]`` of any ``tokens`` ``[..., tokens, width]``.

    With ``value_bits`` both are integers, and the grid says which number the integer of a value stands for.
    """
    weights = attention_weights(tokens, parameters, config)
    values = tokens @ parameters["w_value"]
    if config.value_bits is None:
        return values, weights, None
    # The scale is fixed by the weights of the model, not by the tokens at hand.  It is that of an ensemble of one: a
    # batched product may round otherwise than a plain one, and both executions must have the same grid.
    table = token_table({name: value.unsqueeze(0) for name, value in parameters.items()}, config)
    assert table.grid is not None
    grid = Grid(table.grid.offset[0], table.grid.scale[0], config.value_bits)
    if weights is not None and table.weight_grid is not None:
        weights = table.weight_grid.codes(weights).double().reshape(weights.shape)
    return grid.codes(values).double(), weights, grid


def token_means(tokens: Tensor, parameters: Parameters, config: OneLayerConfig) -> Tensor:
    """Heads' outputs at the query, token by token: ``tokens`` ``[batch, N, width]``, query last -> ``[batch, D]``."""
    values, weights, grid = token_values(tokens, parameters, config)
    if grid is not None:  # integers: their sums do not depend on the order
        return mean_of_sums(additive_terms(values, weights, config).sum(-2), grid, config).to(tokens.dtype)
    if weights is None:
        return values.mean(-2)
    weighted = values.unflatten(-1, (config.heads, config.head_width)) * weights.unsqueeze(-1)
    return (weighted.sum(-3) / weights.sum(-2).unsqueeze(-1)).flatten(-2)
