"""Alice and Bob: two objects that share a model, which is public, and one message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from theory.encoding import NULL, EdgeArray, check_edges
from theory.errors import InputError
from theory.protocol.message import MessageFormat


@dataclass(frozen=True)
class Reading:
    """What Bob reads once he has the message."""

    sums: tuple[int, ...] | tuple[float, ...]
    """The query's whole additive state in the order of the message: Alice's numbers and his own, added; for a model
    whose message is codes, the state before the block."""
    logit: float
    experts: tuple[int, ...] = ()
    """Experts that the router chose for the query; empty for a dense or a foreign block."""
    gates: tuple[float, ...] = ()

    @property
    def answer(self) -> bool:
        """Yes iff the logit is at least 0."""
        return self.logit >= 0


class SplitModel(Protocol):
    """A one-layer model cut at the sum over tokens.  It holds no graph: both parties have it before one is drawn."""

    @property
    def r(self) -> int:
        """Intermediates; Alice owns as many slots."""

    @property
    def edge_slots(self) -> int: ...

    @property
    def message(self) -> MessageFormat: ...

    @property
    def block(self) -> str:
        """What acts on the query's state, in words."""

    @property
    def contributions(self) -> NDArray[np.int64] | None:
        """What each of Alice's edges adds to the message, less a null token, ``[r, numbers]``; None unless integers."""

    def alice(self, edges: EdgeArray) -> Sequence[int] | Sequence[float]:
        """The numbers of the message, from her edges ``[edges, 2]`` and the null tokens of her other slots."""

    def bob(self, heard: Sequence[int] | Sequence[float], edges: EdgeArray) -> Reading:
        """The end of the computation, from the numbers of the message and the edges ``[edges, 2]`` of all other slots.

        Alice counts null tokens in her slots without an edge, whoever fills them; where Bob holds more edges than he
        has slots, he takes back as many null tokens as that.
        """


def describe_block(experts: int, hidden: int, top_k: int) -> str:
    """A block of this package in words: ``experts`` of ``hidden`` units, of which a token uses ``top_k``."""
    if experts == 1:
        return f"a dense block of {hidden} hidden units"
    return f"{experts} experts of {hidden} hidden units, of which it uses {top_k}"


@dataclass(frozen=True)
class Alice:
    """Holds the edges (s, i) from the source to an intermediate, ``[edges, 2]``."""

    model: SplitModel
    edges: EdgeArray

    def speak(self) -> bytes:
        """Her message, of ``model.message.bits`` bits."""
        return self.model.message.pack(self.model.alice(self.edges))


@dataclass(frozen=True)
class Bob:
    """Holds all other edges, ``[edges, 2]``."""

    model: SplitModel
    edges: EdgeArray

    def answer(self, message: bytes) -> Reading:
        """Finish the model alone.

        Raises:
            InputError: bytes that are no message of this model.
        """
        return self.model.bob(self.model.message.unpack(message), self.edges)


def split_edges(edges: EdgeArray, r: int) -> tuple[EdgeArray, EdgeArray]:
    """Alice's and Bob's edges of one graph ``[edges, 2]`` on the vertices 0..r+1, each ``[edges, 2]`` and sorted.

    Alice's are the edges (0, i) to an intermediate; the edge (0, r + 1) cannot be on a length-2 path and is Bob's.
    """
    kept = edges[edges[:, 0] != NULL]
    kept = kept[np.lexsort((kept[:, 1], kept[:, 0]))]
    hers = (kept[:, 0] == 0) & (kept[:, 1] >= 1) & (kept[:, 1] <= r)
    return kept[hers], kept[~hers]


def on_star(edges: EdgeArray, r: int) -> NDArray[np.bool_]:
    """Which of ``edges`` ``[edges, 2]`` go from the source to an intermediate or from one to the target."""
    tail, head = edges[:, 0], edges[:, 1]
    return np.asarray(((tail == 0) & (head >= 1) & (head <= r)) | ((head == r + 1) & (tail >= 1) & (tail <= r)))


def star_rows(edges: EdgeArray, r: int) -> NDArray[np.int64]:
    """Rows of the star's ``edges`` ``[edges, 2]`` in a table of r edges (0, i), then r edges (i, r + 1)."""
    return np.asarray(np.where(edges[:, 0] == 0, edges[:, 1] - 1, r + edges[:, 0] - 1))


def check_graph(edges: EdgeArray, vertices: int, model: SplitModel) -> None:
    """Refuse a graph that the model cannot hold: ``edges`` ``[edges, 2]`` on ``vertices`` vertices.

    Raises:
        InputError: another number of vertices, more edges than slots, or an edge that is no pair of vertices.
    """
    if vertices != model.r + 2:
        raise InputError(
            f"the graph has {vertices} vertices and the model is for {model.r + 2}: give a graph of {model.r + 2} "
            f"vertices, or a model for {vertices}."
        )
    check_edges(edges[None], vertices)
    if len(edges) > model.edge_slots:
        raise InputError(
            f"the graph has {len(edges)} edges and the model {model.edge_slots} slots: give a sparser graph (only "
            "edges from the source and to the target matter), or a model with more slots."
        )
