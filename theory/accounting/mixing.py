"""FLOPs of models with cross-token routing: of ordinary attention, and of the table executions of stacked models."""

from __future__ import annotations

from typing import Protocol


class MixingShape(Protocol):
    """What is counted; :class:`parrots.mixing.MixingConfig` is one."""

    @property
    def tokens(self) -> int: ...
    @property
    def width(self) -> int: ...
    @property
    def heads(self) -> int: ...
    @property
    def hidden(self) -> int: ...
    @property
    def routing(self) -> str: ...
    @property
    def experts(self) -> int: ...
    @property
    def capacity(self) -> int | None: ...
    @property
    def soft_slots(self) -> int: ...


def mixing_attention_flops(shape: MixingShape) -> int:
    """Of attention and its four maps on all tokens of one graph."""
    N, m = shape.tokens, shape.width
    return 4 * N * N * m + 8 * N * m * m


def mixing_table_flops(shape: MixingShape) -> int:
    """Of each graph in the table execution (:mod:`parrots.mixing.stacked`), beside the tables, made once for all.

    Attention at the query; of every expert or slot the products with all tokens; of every slot its mean of tokens; the
    block on the query or on the slots, and the read-out.
    """
    N, m, H = shape.tokens, shape.width, shape.heads
    pairs, read = 2 * H * N * N, 2 * H * N * m
    at_query = pairs + read + 2 * m
    if shape.routing == "soft":
        S = shape.soft_slots
        return at_query + S * (2 * pairs + read + 2 * N * m) + S * _expert(shape)
    router = 2 * m if shape.routing == "token-choice" and shape.capacity is None else pairs
    return at_query + shape.experts * (router + _expert(shape))


def slots_table_flops(shape: MixingShape) -> int:
    """Of each graph without attention (:mod:`parrots.mixing.slots`), beside the table and the query's own share."""
    return shape.soft_slots * (2 * shape.tokens * (shape.width + 1) + _expert(shape))


def _expert(shape: MixingShape) -> int:
    """Of one row in one expert, the read-out folded into its second matrix."""
    return 2 * shape.hidden * (shape.width + 1)
