"""Graphs as tokens: two vertices an edge, or one token an edge."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numba import njit
from numpy.typing import NDArray

from experiments.tasks.graphs.draw import PairCodes, pair_codes
from experiments.tasks.graphs.search import Ints

Encoding = Literal["vertices", "edges"]
TokenArray = NDArray[np.int32]
ABSENT = -1
"""Vertex of an edge that is not there, and of a token that is no vertex."""
END, QUERY, NO_EDGE = 1, 2, 3
WORDS = ("<pad>", "<end>", "?", "_")
"""Texts of the tokens before the vertices; the last one fills an edge slot without an edge."""


@dataclass(frozen=True)
class GraphText:
    """Tokens of graphs on ``labels`` vertices: ``words``, the vertices, and for the encoding "edges" their pairs."""

    labels: int
    encoding: Encoding
    words: tuple[str, ...] = WORDS
    """Begins with :data:`WORDS`."""
    directed: bool = False
    """Whether the two directions of an edge are different tokens; two vertices always stand in the edge's direction."""

    @property
    def per_edge(self) -> int:
        """Tokens of an edge slot."""
        return 2 if self.encoding == "vertices" else 1

    @property
    def first_vertex(self) -> int:
        return len(self.words)

    @cached_property
    def vocabulary(self) -> tuple[str, ...]:
        vertices = tuple(map(str, range(self.labels)))
        if self.encoding == "vertices":
            return (*self.words, *vertices)
        mark, ends = ">" if self.directed else "-", self._ends_of_pairs
        return (*self.words, *vertices, *(f"{a}{mark}{b}" for a, b in zip(*map(np.ndarray.tolist, ends), strict=True)))

    @property
    def pairs(self) -> PairCodes:
        return pair_codes(self.labels)

    @cached_property
    def _ends_of_pairs(self) -> tuple[Ints, Ints]:
        """Both ends of the pairs that have a token, in the order of the tokens."""
        if self.directed:
            return self.pairs.tail, self.pairs.head
        small, large = np.triu_indices(self.labels, 1)
        return small, large

    @cached_property
    def _tokens_of_codes(self) -> TokenArray:
        """``[codes, per_edge]``."""
        if self.encoding == "vertices":
            tokens = np.stack((self.pairs.tail, self.pairs.head), axis=1) + self.first_vertex
        else:
            number = np.empty((self.labels, self.labels), dtype=np.int64)
            number[self._ends_of_pairs] = np.arange(len(self._ends_of_pairs[0]))
            if not self.directed:
                number[self._ends_of_pairs[::-1]] = np.arange(len(self._ends_of_pairs[0]))
            tokens = number[self.pairs.tail, self.pairs.head][:, None] + self.first_vertex + self.labels
        return tokens.astype(np.int32)

    def write_edges(self, codes: Ints, rows: Ints, tokens: TokenArray) -> None:
        """Write into ``tokens [R, M * per_edge]`` the edges of graphs ``rows [R]``, out of ``codes [B, M]`` in

        :attr:`pairs`.
        """
        _write(self._tokens_of_codes, codes, rows, tokens)

    def read_edges(self, tokens: Ints) -> tuple[Ints, Ints]:
        """Both ends ``[B, M]`` of the edges in ``[B, M * per_edge]`` tokens; :data:`ABSENT` for a slot without one."""
        if self.encoding == "vertices":
            ends = self.read_vertices(tokens.reshape(len(tokens), -1, 2))
            return ends[:, :, 0], ends[:, :, 1]
        first = self.first_vertex + self.labels
        inside = tokens >= first
        pair = np.where(inside, tokens - first, 0)
        tail, head = (np.where(inside, end[pair], ABSENT) for end in self._ends_of_pairs)
        return tail, head

    def read_vertices(self, tokens: Ints) -> Ints:
        """Vertices of tokens of any shape; :data:`ABSENT` for any other token."""
        vertex = tokens - self.first_vertex
        return np.where((vertex >= 0) & (vertex < self.labels), vertex, ABSENT)


@njit(cache=True, nogil=True)
def _write(words: TokenArray, codes: Ints, rows: Ints, tokens: TokenArray) -> None:
    per_edge = words.shape[1]
    for place in range(len(rows)):
        edges, written = codes[rows[place]], tokens[place]
        for part in range(per_edge):
            for slot in range(len(edges)):
                written[slot * per_edge + part] = words[np.uint64(edges[slot]), part]  # unsigned: no test for the sign
