"""Graphs as tokens: two vertices an edge, or one token an edge."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
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
    """Tokens of undirected graphs on ``labels`` vertices: :data:`WORDS`, the vertices, and for "edges" their pairs."""

    labels: int
    encoding: Encoding

    @property
    def per_edge(self) -> int:
        """Tokens of an edge slot."""
        return 2 if self.encoding == "vertices" else 1

    @property
    def first_vertex(self) -> int:
        return len(WORDS)

    @cached_property
    def vocabulary(self) -> tuple[str, ...]:
        vertices = tuple(map(str, range(self.labels)))
        if self.encoding == "vertices":
            return (*WORDS, *vertices)
        return (*WORDS, *vertices, *(f"{a}-{b}" for a in range(self.labels) for b in range(a + 1, self.labels)))

    @property
    def pairs(self) -> PairCodes:
        return pair_codes(self.labels)

    @cached_property
    def _tokens_of_codes(self) -> TokenArray:
        """``[codes, per_edge]``."""
        if self.encoding == "vertices":
            tokens = np.stack((self.pairs.tail, self.pairs.head), axis=1) + self.first_vertex
        else:
            small, large = np.minimum(self.pairs.tail, self.pairs.head), np.maximum(self.pairs.tail, self.pairs.head)
            before = small * (2 * self.labels - small - 1) // 2  # pairs with a smaller first vertex
            tokens = (before + large - small - 1 + self.first_vertex + self.labels)[:, None]
        return tokens.astype(np.int32)

    def write_edges(self, codes: Ints) -> TokenArray:
        """Tokens ``[B, M * per_edge]`` of edges ``[B, M]``, given by their codes in :attr:`pairs`."""
        if self.encoding == "edges":
            return self._tokens_of_codes[:, 0].take(codes)
        both = self._tokens_of_codes.view(np.int64)[:, 0].take(codes)  # two tokens at a time
        return both.view(np.int32).reshape(len(codes), 2 * codes.shape[1])

    def read_edges(self, tokens: Ints) -> tuple[Ints, Ints]:
        """Both ends ``[B, M]`` of the edges in ``[B, M * per_edge]`` tokens; :data:`ABSENT` for a slot without one."""
        if self.encoding == "vertices":
            ends = self.read_vertices(tokens.reshape(len(tokens), -1, 2))
            return ends[:, :, 0], ends[:, :, 1]
        first = self.first_vertex + self.labels
        inside = tokens >= first
        small, large = np.triu_indices(self.labels, 1)
        pair = np.where(inside, tokens - first, 0)
        return np.where(inside, small[pair], ABSENT), np.where(inside, large[pair], ABSENT)

    def read_vertices(self, tokens: Ints) -> Ints:
        """Vertices of tokens of any shape; :data:`ABSENT` for any other token."""
        vertex = tokens - self.first_vertex
        return np.where((vertex >= 0) & (vertex < self.labels), vertex, ABSENT)
