"""The two parties' halves of a model that is a table of plain arrays (:class:`theory.table.OneLayerTable`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from theory.encoding import EdgeArray
from theory.errors import InputError
from theory.protocol.message import MessageFormat, codes, float_sums, integer_sums
from theory.protocol.parties import Reading, describe_block, on_star, star_rows
from theory.rounding import rounding
from theory.table import Array, Block, OneLayerTable, message_position

EXACT = 2**53
"""Integers up to here are exact in float64."""


@dataclass(frozen=True)
class SplitTable:
    """A table as a :class:`~theory.protocol.parties.SplitModel`, executed in float64.

    ``bits`` says that its contributions are integers: p-bit weights and values in 0..2^p - 1 and their products.  Then
    the sums are exact.  Without it the numbers are floats, added from left to right: Alice's null tokens and edges,
    then Bob's, then the query.  ``others`` gives the rows of edges that no length-2 path can use, ``[edges, 2]`` ->
    ``[edges, C]``, less a null token's; a graph that has one is refused without it.

    Raises:
        InputError: ``bits`` for a table that does not hold such integers, or whose sums pass 2^53.
    """

    table: OneLayerTable
    bits: int | None = None
    others: Callable[[EdgeArray], Array] | None = None

    def __post_init__(self) -> None:
        if self.bits is not None:
            _check_integers(self.table, self.bits)

    @property
    def r(self) -> int:
        return self.table.r

    @property
    def edge_slots(self) -> int:
        return self.table.edge_slots

    @property
    def block(self) -> str:
        block = self.table.block
        if not isinstance(block, Block):
            return "a token-wise function"
        return describe_block(block.experts, block.inner_KMF.shape[2], block.top_k)

    @property
    def contributions(self) -> NDArray[np.int64] | None:
        return None if self.bits is None else self.table.edges_2rC[: self.r].astype(np.int64)

    @property
    def message(self) -> MessageFormat:
        table = self.table
        if table.message_levels is not None:
            return codes(len(table.residual_M), table.message_levels)
        sizes = (table.heads, len(table.offset_D), table.uniform)
        if self.bits is None:
            return float_sums(*sizes)
        return integer_sums(table.r, table.heads, self.bits, len(table.offset_D), table.uniform)

    def alice(self, edges: EdgeArray) -> Sequence[int] | Sequence[float]:
        sums_C = _stream(self.r * self.table.null_C, self.rows(edges))
        if self.table.message_levels is not None:
            position_M = message_position(self.table.share(sums_C, self.r), self.table.message_levels)
            return [int(code) for code in np.clip(np.floor(position_M), 0, self.table.message_levels - 1)]
        return self._to_message(sums_C)

    def bob(self, heard: Sequence[int] | Sequence[float], edges: EdgeArray) -> Reading:
        table = self.table
        tokens_TC = np.vstack(((self.edge_slots - self.r) * table.null_C, self.rows(edges), table.query_C))
        if table.message_levels is not None:
            centres_M = (np.asarray(heard) + 0.5) * 2 / table.message_levels - 1
            own_M = table.share(_stream(np.zeros_like(table.null_C), tokens_TC), table.tokens - self.r)
            x_M = centres_M + (own_M + table.residual_M)
            return self._read(x_M, tuple(x_M.tolist()))
        sums_C = _stream(self._from_message(heard), tokens_TC)
        with np.errstate(all="ignore"):  # weights that all round to zero give 0/0, and the answer "no"
            return self._read(self._state(sums_C), tuple(self._to_message(sums_C)))

    def rows(self, edges: EdgeArray) -> Array:
        """What each of ``edges`` ``[edges, 2]`` adds, less a null token, ``[edges, C]``.

        Raises:
            InputError: an edge that no length-2 path can use, for a table without rows for such edges.
        """
        star = on_star(edges, self.r)
        rows_EC = np.empty((len(edges), len(self.table.null_C)))
        rows_EC[star] = self.table.edges_2rC[star_rows(edges[star], self.r)]
        if star.all():
            return rows_EC
        if self.others is None:
            u, v = edges[~star][0]
            raise InputError(
                f"edge ({u}, {v}) is none of the {2 * self.r} that this table holds: give only edges from the source "
                "to an intermediate vertex and from one to the target; no other can be on a length-2 path."
            )
        rows_EC[~star] = self.others(edges[~star])
        return rows_EC

    def error(self, edges: EdgeArray) -> float:
        """How far Bob's logit may be from the exact one, over all graphs made of star edges and of ``edges``.

        ``theory.rounding`` of the table with the other edges among Bob's; infinite where that has no bound.
        """
        r, extra = self.r, self.rows(edges[~on_star(edges, self.r)])
        table = self.table
        parts = (table.edges_2rC[:r], np.zeros_like(extra), table.edges_2rC[r:], extra)
        return rounding(replace(table, edges_2rC=np.vstack(parts))).logit

    def _read(self, x_M: Array, sums: tuple[int, ...] | tuple[float, ...]) -> Reading:
        block = self.table.block
        logit = float(block.logits(x_M[None])[0])
        if not isinstance(block, Block) or block.router_MK is None or block.router_bias_K is None:
            return Reading(sums, logit)
        scores_K = (block.router_MK.T @ x_M[:, None] + block.router_bias_K[:, None])[:, 0]
        chosen = np.argsort(-scores_K, kind="stable")[: block.top_k]
        powers_K = np.exp(scores_K - scores_K.max())
        total = powers_K.sum() if block.top_k == 1 else powers_K[chosen].sum()
        return Reading(sums, logit, tuple(chosen.tolist()), tuple((powers_K[chosen] / total).tolist()))

    def _state(self, sums_C: Array) -> Array:
        """The block's input ``[M]`` from the whole sums."""
        table, D = self.table, len(self.table.offset_D)
        below = table.tokens if table.uniform else np.repeat(sums_C[D:], D // table.heads)
        return np.asarray(table.residual_M + (table.offset_D + table.scale_D * sums_C[:D] / below) @ table.mix_DM)

    def _to_message(self, sums_C: Array) -> list[int] | list[float]:
        D = len(self.table.offset_D)
        ordered = np.concatenate((sums_C[D:], sums_C[:D])).tolist()
        return ordered if self.bits is None else [int(number) for number in ordered]

    def _from_message(self, numbers: Sequence[int] | Sequence[float]) -> Array:
        D = len(self.table.offset_D)
        first = np.asarray(numbers, dtype=np.float64)
        return np.concatenate((first[len(first) - D :], first[: len(first) - D]))


def _stream(start_C: Array, rows_TC: Array) -> Array:
    """``start_C`` plus the rows ``[T, C]``, one after the other: the order of the additions is that of the tokens."""
    with np.errstate(all="ignore"):  # of weights too large for float64
        return np.asarray(np.add.accumulate(np.vstack((start_C, rows_TC)), axis=0)[-1])


def _check_integers(table: OneLayerTable, bits: int) -> None:
    if table.message_levels is not None:
        raise InputError(f"bits {bits} for a table whose message is rounded already: leave bits out.")
    most, D = 2**bits - 1 if bits >= 1 else 0, len(table.offset_D)
    tokens = np.vstack((table.edges_2rC + table.null_C, table.null_C, table.query_C))
    weighted, weights = tokens[:, :D], tokens[:, D:]
    ceiling: NDArray[np.float64] | int = 1 if table.uniform else np.repeat(weights, D // table.heads, axis=1)
    fits = (tokens == np.rint(tokens)).all() and (weights >= 0).all() and (weights <= most).all()
    if not (fits and (weighted >= 0).all() and (weighted <= most * ceiling).all()):
        raise InputError(
            f"bits {bits} for a table whose weights and values are not all integers from 0 to {most}: give its own "
            "number of bits, or none for floats."
        )
    if table.tokens * most**2 >= EXACT:
        raise InputError(f"bits {bits}: sums over {table.tokens} tokens are no exact float64 integers; give fewer.")
