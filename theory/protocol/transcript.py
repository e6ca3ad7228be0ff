"""A run of the protocol: who held what, what was sent, and what the answer is compared with."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from theory.bounds import entropy_bits
from theory.encoding import EdgeArray
from theory.oracles import length_2_path_networkx
from theory.protocol.message import MessageFormat
from theory.protocol.parties import Alice, Bob, Reading, SplitModel, check_graph, split_edges
from theory.protocol.table import SplitTable
from theory.reductions import to_digraphs

Edges = tuple[tuple[int, int], ...]

MAX_ENTROPY_COLUMNS = 160
"""Columns up to which the entropy of Alice's message is bounded: its determinant takes their cube in long numbers."""


@dataclass(frozen=True)
class Transcript:
    """One graph, source 0 and target r + 1, through Alice and Bob."""

    r: int
    edge_slots: int
    block: str
    alice_edges: Edges
    bob_edges: Edges
    format: MessageFormat
    numbers: tuple[int, ...] | tuple[float, ...]
    """What Alice sends, in the order of ``format``."""
    message: bytes
    """The same as Bob got it."""
    reading: Reading
    own_logit: float
    """The model's own, from the whole graph at once."""
    oracle: bool
    """networkx: is there a length-2 path?"""
    entropy: Fraction | None
    """Bits of information that a uniformly random set of Alice's puts into the message, at most
    (`own-entropy-bound`); None unless the message is integer sums."""
    error: float | None
    """How far Bob's logit may be from the exact one where sums are floats; None where they are exact or codes."""

    @property
    def vertices(self) -> int:
        return self.r + 2

    @property
    def bits(self) -> int:
        """Bits sent: a function of the model's sizes, not of the graph."""
        return self.format.bits

    @property
    def answer(self) -> bool:
        return self.reading.answer

    @property
    def own_answer(self) -> bool:
        return self.own_logit >= 0

    @property
    def residual(self) -> float:
        """Distance of Bob's logit from the model's own; 0 for equal ones and for two that are no numbers."""
        same = self.reading.logit == self.own_logit or all(map(math.isnan, (self.reading.logit, self.own_logit)))
        return 0.0 if same else abs(self.reading.logit - self.own_logit)

    @property
    def rules_out(self) -> bool:
        """Fewer bits than r, by count or by entropy: the model errs on some graph, whatever its block does."""
        return self.bits < self.r or (self.entropy is not None and self.entropy < self.r)


def converse(model: SplitModel, edges: EdgeArray, vertices: int, own_logit: float) -> Transcript:
    """Run the protocol on the graph ``edges`` ``[edges, 2]`` with source 0 and target ``vertices - 1``.

    ``own_logit`` is the model's logit for the same graph, to be compared with.

    Raises:
        InputError: a graph that the model cannot hold.
    """
    check_graph(edges, vertices, model)
    hers, his = split_edges(edges, model.r)
    message = Alice(model, hers).speak()
    reading = Bob(model, his).answer(message)
    graph = to_digraphs(edges[None], vertices)[0]
    return Transcript(
        r=model.r,
        edge_slots=model.edge_slots,
        block=model.block,
        alice_edges=_pairs(hers),
        bob_edges=_pairs(his),
        format=model.message,
        numbers=tuple(model.message.unpack(message)),
        message=message,
        reading=reading,
        own_logit=own_logit,
        oracle=length_2_path_networkx(graph, 0, vertices - 1),
        entropy=_entropy(model),
        error=model.error(his) if isinstance(model, SplitTable) and model.bits is None else None,
    )


def _entropy(model: SplitModel) -> Fraction | None:
    rows = model.contributions
    if rows is None or rows.shape[1] > MAX_ENTROPY_COLUMNS:
        return None
    return entropy_bits(rows).high


def _pairs(edges: EdgeArray) -> Edges:
    return tuple((int(u), int(v)) for u, v in edges)
