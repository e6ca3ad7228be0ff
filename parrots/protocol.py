"""The two-party protocol on this package's own one-layer models, with the model's own arithmetic in Bob's hands."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from parrots.attention import (
    additive_terms,
    contributions,
    mean_of_sums,
    table_split_means,
    token_table,
    token_values,
)
from parrots.embedding import embed, rows_of_edges
from parrots.experts import BlockOutput, block
from parrots.extract import extract
from parrots.model import OneLayerModel, query_state, unrounded_message
from parrots.quantise import code_centres, message_codes
from theory.encoding import NULL, EdgeArray
from theory.errors import InputError
from theory.protocol import MessageFormat, Reading, SplitModel, SplitTable, Transcript, converse, split_edges
from theory.protocol.message import codes, integer_sums
from theory.protocol.parties import check_graph, describe_block, on_star, star_rows


def split(model: OneLayerModel) -> SplitModel:
    """``model`` cut at the sum over tokens.

    With ``value_bits`` and ``message_bits`` Bob runs the model's own code and the logit is the model's own, bit for
    bit.  A float model is executed in float64, token after token (:class:`theory.protocol.SplitTable`).
    """
    if model.config.value_bits is not None:
        return SplitIntegers(model)
    if model.config.message_bits is not None:
        return SplitCodes(model)
    return SplitTable(extract(model), others=partial(_rows_in_float64, model))


def run(model: OneLayerModel, edges: EdgeArray, vertices: int | None = None) -> Transcript:
    """The protocol on the graph ``edges`` ``[edges, 2]`` with source 0 and target V - 1.

    ``vertices`` is the number that the graph has, if it could be another than the model's.

    Raises:
        InputError: a graph that the model cannot hold.
    """
    parties, vertices = split(model), model.config.vertices if vertices is None else vertices
    check_graph(edges, vertices, parties)
    return converse(parties, edges, vertices, own_logit(model, edges))


def own_logit(model: OneLayerModel, edges: EdgeArray) -> float:
    """The logit of ``model`` for the whole graph ``edges`` ``[edges, 2]``, in its own precision.

    Token by token; with ``message_bits`` in the table form where that holds the graph, because there the two differ in
    the order in which they add Bob's floats.
    """
    config = model.config
    hers, his = split_edges(edges, config.intermediates)
    edges = np.concatenate((hers, his))
    with torch.no_grad():
        if config.message_bits is not None and on_star(edges, config.intermediates).all():
            return float(model.forward_table(_present(model, edges))[0])
        slots = np.full((1, config.edge_slots, 2), NULL, dtype=np.int64)
        slots[0, : len(edges)] = edges
        return float(model(torch.from_numpy(slots).to(next(model.parameters()).device))[0])


@dataclass(frozen=True)
class _Split:
    """What every cut of a :class:`~parrots.model.OneLayerModel` has."""

    model: OneLayerModel

    @property
    def r(self) -> int:
        return self.model.config.intermediates

    @property
    def edge_slots(self) -> int:
        return self.model.config.edge_slots

    @property
    def block(self) -> str:
        config = self.model.config
        return describe_block(config.experts, config.hidden, config.top_k)

    def _parts(self) -> tuple[Tensor, Tensor, Tensor]:
        """What the star's edges add, a null token, the query: ``[2r, C]``, ``[C]``, ``[C]``, as the table form does."""
        parameters = self.model.stacked()
        with torch.no_grad():
            parts = contributions(token_table(parameters, self.model.config), self.model.config)
        return parts.edges[0], parts.null[0], parts.query[0]

    def _rows(self, edges: EdgeArray) -> Tensor:
        """What each of ``edges`` ``[edges, 2]`` adds, less a null token, ``[edges, C]``."""
        edges_2rC, null_C, _ = self._parts()
        star = on_star(edges, self.r)
        with torch.no_grad():
            others = _rows_of_others(self.model, null_C, edges[~star])
        return torch.cat((edges_2rC[star_rows(edges[star], self.r)], others))


@dataclass(frozen=True)
class SplitIntegers(_Split):
    """A model with ``value_bits``: the message is integer sums, added without error."""

    @property
    def message(self) -> MessageFormat:
        config = self.model.config
        assert config.value_bits is not None
        return integer_sums(self.r, config.heads, config.value_bits, config.width, config.attention == "uniform")

    @property
    def contributions(self) -> NDArray[np.int64]:
        return np.asarray(self._parts()[0][: self.r].long().numpy(force=True))

    def alice(self, edges: EdgeArray) -> list[int]:
        _, null_C, _ = self._parts()
        return self._to_message(self.r * null_C + self._rows(edges).sum(0))

    def bob(self, heard: Sequence[int] | Sequence[float], edges: EdgeArray) -> Reading:
        _, null_C, query_C = self._parts()
        own_C = (self.edge_slots - self.r) * null_C + self._rows(edges).sum(0) + query_C
        H = len(heard) - self.model.config.width
        sums_C = own_C + torch.tensor([*heard[H:], *heard[:H]], dtype=own_C.dtype, device=own_C.device)
        return _reading(self._to_message(sums_C), block_of_sums(self.model, sums_C[None]))

    def _to_message(self, sums_C: Tensor) -> list[int]:
        D = self.model.config.width
        return _integers(torch.cat((sums_C[D:], sums_C[:D])))


@dataclass(frozen=True)
class SplitCodes(_Split):
    """A model with ``message_bits``: the message is a code a coordinate, as the model itself rounds it."""

    @property
    def message(self) -> MessageFormat:
        return codes(self.model.config.width, self._levels)

    @property
    def contributions(self) -> None:
        return None

    def alice(self, edges: EdgeArray) -> list[int]:
        parameters, config = self.model.stacked(), self.model.config
        with torch.no_grad():
            alice, _ = table_split_means(_present(self.model, edges)[None], token_table(parameters, config), config)
            sent = message_codes(unrounded_message(alice, parameters, config), self._levels)
        return _integers(sent[0, 0])

    def bob(self, heard: Sequence[int] | Sequence[float], edges: EdgeArray) -> Reading:
        parameters, config = self.model.stacked(), self.model.config
        with torch.no_grad():
            _, bob = table_split_means(_present(self.model, edges)[None], token_table(parameters, config), config)
            bob += self._rows(edges[~on_star(edges, self.r)]).sum(0) / config.tokens
            centres = code_centres(torch.tensor(heard, dtype=bob.dtype, device=bob.device), self._levels)
            state = centres + query_state(bob, parameters, config)
            return _reading(state[0, 0].tolist(), block(state, parameters, config))

    @property
    def _levels(self) -> int:
        assert self.model.config.message_bits is not None
        return int(2**self.model.config.message_bits)


def block_of_sums(model: OneLayerModel, sums_BC: Tensor) -> BlockOutput:
    """The end of a model's table form from the sums over all tokens ``[batch, C]``: logits ``[1, batch]``.

    The columns are those of :class:`~parrots.attention.Contributions`, in float64 with ``value_bits``.
    """
    parameters, config = model.stacked(), model.config
    with torch.no_grad():
        grid = token_table(parameters, config).grid
        means = mean_of_sums(sums_BC[None], grid, config).to(parameters["query"].dtype)
        return block(query_state(means, parameters, config), parameters, config)


def _integers(numbers: Tensor) -> list[int]:
    """Whole numbers that a float tensor ``[count]`` holds."""
    if not bool(torch.isfinite(numbers).all()):
        raise InputError("the model's weights overflow before they are rounded: give one with smaller weights.")
    return [int(number) for number in numbers.tolist()]


def _present(model: OneLayerModel, edges: EdgeArray) -> Tensor:
    """The star's edges among ``edges`` ``[edges, 2]`` as the table form takes them, 0/1 ``[1, 2r]``."""
    r = model.config.intermediates
    present = next(model.parameters()).new_zeros(1, 2 * r)
    present[0, star_rows(edges[on_star(edges, r)], r)] = 1
    return present


def _reading(sums: Sequence[int] | Sequence[float], output: BlockOutput) -> Reading:
    logit = output.logits.item()
    if output.routing is None:
        return Reading(tuple(sums), logit)
    routing = output.routing
    return Reading(tuple(sums), logit, tuple(routing.experts[0, 0].tolist()), tuple(routing.gates[0, 0].tolist()))


def _rows_of_others(model: OneLayerModel, null_C: Tensor, edges: EdgeArray) -> Tensor:
    """What edges that no length-2 path can use add, less a null token, ``[edges, C]``."""
    parameters, config = model.weights(), model.config
    tokens = embed(parameters["edges"], rows_of_edges(torch.from_numpy(edges).to(null_C.device), config))
    values, weights, _ = token_values(tokens, parameters, config)
    return additive_terms(values, weights, config) - null_C


def _rows_in_float64(model: OneLayerModel, edges: EdgeArray) -> NDArray[np.float64]:
    double = deepcopy(model).double()
    with torch.no_grad():
        null_C = contributions(token_table(double.weights(), double.config), double.config).null
        return np.asarray(_rows_of_others(double, null_C, edges).numpy(force=True))
