"""Shortest paths in random graphs: the edges are listed, two vertices are asked for, the path is to be written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from experiments.tasks.graphs.baselines import policies
from experiments.tasks.graphs.draw import pair_codes, random_below, random_order, sums, tree_graphs, uniform_graphs
from experiments.tasks.graphs.search import Ints, Words, shortest_paths, words
from experiments.tasks.graphs.text import ABSENT, END, NO_EDGE, QUERY, Encoding, GraphText
from experiments.tasks.graphs.walks import adjacency_of, is_nearer, walk, walks_of
from experiments.tasks.numbered import UInts, mixed
from experiments.tasks.streams import LARGEST_BLOCK, BlockStream, split_numbers
from experiments.tasks.task import PAD, SPLITS, Examples, Split, TaskSettings, check_request, check_written, means
from theory.errors import InputError

BLOCK_CELLS = 2**24
"""Pairs of vertices in a block: as many as make full blocks up to 64 vertices, fewer graphs where they are larger."""
ADJACENCY_WORDS = 2**22
"""Graphs are drawn as many at a time as have so many words of adjacency together."""
QUERIES = 2
"""As many random queries a graph gets; if the distance of none is allowed, the graph is no example."""
MOST_LABELS = 1024


@dataclass(frozen=True)
class ShortestPath(TaskSettings):
    """``edges ? source target`` and then ``source ... target <end>``: a shortest path to be written ("shortest-path").

    The graph is undirected, drawn uniformly from those with ``vertices`` and ``edges`` ("uniform", G(n, m)), or a
    uniformly random labelled tree with uniformly random further edges ("tree").  The query is a uniformly random pair
    with a distance in ``distances``, so always connected: the first of :data:`QUERIES` random ones that has such a
    distance, and a graph for which none has is left out.  Edges stand in random order, with random orientation, among
    ``slots - edges`` tokens ``_`` for no edge.  The reference is the shortest path whose vertices come first; any
    shortest path is correct.

    The names of the vertices are a random set out of ``labels``: with more labels than vertices a model learns them all
    and can be asked about larger graphs (:meth:`larger`).  A graph, by its labelled edges, is in one split only.
    """

    name: ClassVar[str] = "shortest-path"

    vertices: int = 50
    edges: int | None = None
    """None: 3 for every 2 vertices ("uniform"), or 2 more than the tree has."""
    family: Literal["uniform", "tree"] = "uniform"
    distances: tuple[int, ...] = (1, 8)
    """Shortest and longest distance."""
    encoding: Encoding = "vertices"
    """Two vertices for every edge, or one token ("edges"), which needs a vocabulary of all pairs."""
    labels: int | None = None
    """Names for vertices, None: as many as vertices."""
    slots: int | None = None
    """Places for edges in the prompt, None: as many as edges."""
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        pairs = self.vertices * (self.vertices - 1) // 2
        if not 2 <= self.vertices <= MOST_LABELS:
            raise InputError(f"vertices {self.vertices}: graphs have from 2 to {MOST_LABELS}; give as many.")
        fewest = self.vertices - 1 if self.family == "tree" else 1
        if not fewest <= self.edge_count <= pairs:
            raise InputError(
                f"edges {self.edge_count}: a {self.family} graph of {self.vertices} vertices has from {fewest} to "
                f"{pairs}; give as many."
            )
        if not self.vertices <= self.label_count <= MOST_LABELS:
            raise InputError(
                f"labels {self.label_count}: {self.vertices} vertices need {self.vertices} to {MOST_LABELS} different "
                "names; give as many."
            )
        if self.slot_count < self.edge_count:
            raise InputError(f"slots {self.slot_count} for {self.edge_count} edges: give {self.edge_count} or more.")
        if len(self.distances) != 2 or not 1 <= self.distances[0] <= self.distances[1]:
            raise InputError(f"distances {self.distances}: give the shortest and the longest one, both 1 or more.")
        if self.distances[0] >= self.vertices:
            raise InputError(
                f"distances {self.distances} in a graph of {self.vertices} vertices: none is longer than "
                f"{self.vertices - 1}; give a shorter one or more vertices."
            )

    @property
    def edge_count(self) -> int:
        if self.edges is not None:
            return self.edges
        pairs = self.vertices * (self.vertices - 1) // 2
        return min(pairs, self.vertices + 1 if self.family == "tree" else 3 * self.vertices // 2)

    @property
    def label_count(self) -> int:
        return self.vertices if self.labels is None else self.labels

    @property
    def slot_count(self) -> int:
        return self.edge_count if self.slots is None else self.slots

    @property
    def longest(self) -> int:
        """Steps of the longest path."""
        return self.distances[1]

    @property
    def vocabulary(self) -> tuple[str, ...]:
        return self.text.vocabulary

    @property
    def prompt(self) -> int:
        return self.slot_count * self.text.per_edge + 3

    @property
    def length(self) -> int:
        return self.prompt + self.longest + 2

    def larger(self, vertices: int, positions: int | None = None) -> ShortestPath:
        """The same task on larger or smaller graphs, for a model trained on this one.

        The vocabulary stays, and so do the edges a vertex (of a tree: the edges beyond the tree); the slots too if they
        suffice.

        Raises:
            InputError: more vertices than labels, or sequences longer than ``positions``, if given.
        """
        if vertices > self.label_count:
            raise InputError(
                f"vertices {vertices} with {self.label_count} labels: a model knows the labels it was trained with; "
                f"give at most {self.label_count} vertices, or train with labels={vertices} or more."
            )
        edges = self.edges
        if edges is not None:
            more = edges - self.vertices
            edges = vertices + more if self.family == "tree" else round(edges * vertices / self.vertices)
        other = replace(self, vertices=vertices, edges=edges, labels=self.label_count, slots=None)
        task = replace(other, slots=max(self.slot_count, other.edge_count))
        if positions is not None:
            task.check_context(positions)
        return task

    @cached_property
    def text(self) -> GraphText:
        return GraphText(self.label_count, self.encoding)

    def size(self, split: Split) -> int | None:
        return None

    def examples(self, split: Split, first: int, count: int) -> Examples:
        """Sequences ``[count, length]``.

        Raises:
            InputError: for another split or a negative number, and where a split holds no graph at all.
        """
        check_request(self, split, first, count)
        rows = self._stream.rows(split, first, count)
        return Examples(torch.from_numpy(rows), self.prompt)

    def grade(self, examples: Examples, written: Tensor) -> dict[str, Tensor]:
        """Metrics ``[batch]`` of what was written up to its first ``<end>``; without one, nothing is right.

        ``correct``: valid and as short as possible.  ``exact``: equal to the reference.  ``valid``: a walk along edges
        from the source to the target.  ``first_hop``: the second vertex is one step nearer to the target.  Of valid
        walks alone (nan for others): ``optimal``: shortest, ``length_ratio``: steps over steps of the shortest path.
        """
        check_written(examples, written)
        question = self._question(examples)
        answer_BA, written_BA = examples.answer.numpy(), written.numpy()
        ends = written_BA == END
        steps_B = np.where(ends.any(axis=1), ends.argmax(axis=1), 0) - 1
        walk_BA = self.text.read_vertices(written_BA)
        before_end = np.arange(walk_BA.shape[1]) <= steps_B[:, None] + 1
        valid = walks_of(question.adjacency, question.source, question.target, walk_BA, steps_B)
        shortest = valid & (steps_B == question.distance)
        exact = (steps_B >= 0) & ((written_BA == answer_BA) | ~before_end).all(axis=1)
        hop = is_nearer(question.adjacency, question.source, question.target, walk_BA[:, 1], question.distance)
        return {
            "correct": _floats(shortest),
            "exact": _floats(exact),
            "valid": _floats(valid),
            "first_hop": _floats(hop & (walk_BA[:, 0] == question.source)),
            "optimal": _floats(np.where(valid, shortest, np.nan)),
            "length_ratio": _floats(np.where(valid, steps_B / question.distance, np.nan)),
        }

    def baselines(self, examples: Examples) -> dict[str, dict[str, float]]:
        """Rules for the next step that search nothing (:func:`experiments.tasks.graphs.baselines.policies`), walked."""
        question, rng = self._question(examples), np.random.default_rng(self.seed % 2**64)
        result = {}
        for name, policy in policies(question.adjacency, question.target, rng).items():
            path = walk(question.adjacency, question.source, question.target, self.longest, policy)
            result[name] = means(self.grade(examples, torch.from_numpy(self._write_paths(path).astype(np.int64))))
        return result

    def show(self, tokens: Tensor) -> str:
        """As in ``Edges: 3-7 2-9 ...  From 4 to 9.  To write: 4 7 9 <end>``."""
        row = tokens[None].numpy()
        tail, head = self.text.read_edges(row[:, : self.prompt - 3])
        edges = [f"{a}-{b}" for a, b in zip(tail[0], head[0], strict=True) if a != ABSENT]
        source, target = (self.vocabulary[token] for token in row[0, self.prompt - 2 : self.prompt])
        answer = [self.vocabulary[token] for token in row[0, self.prompt :] if token != PAD]
        return f"Edges: {' '.join(edges)}  From {source} to {target}.  To write: {' '.join(answer)}"

    @cached_property
    def _stream(self) -> BlockStream:
        cells = self.vertices * 64 * words(self.vertices)
        block = max(16, min(LARGEST_BLOCK, BLOCK_CELLS // cells))
        return BlockStream(self.seed, self._candidates, self.length, block)

    @cached_property
    def _pair_hashes(self) -> UInts:
        pairs = pair_codes(self.label_count)
        small, large = np.minimum(pairs.tail, pairs.head), np.maximum(pairs.tail, pairs.head)
        return mixed((small * 2**32 + large).astype(np.uint64))

    def _candidates(self, rng: np.random.Generator, count: int, split: Split) -> NDArray[np.int32]:
        most = max(1, ADJACENCY_WORDS // (self.vertices * words(self.vertices)))
        chunks = [self._chunk(rng, min(most, count - first), split) for first in range(0, count, most)]
        return chunks[0] if len(chunks) == 1 else np.concatenate(chunks)

    def _chunk(self, rng: np.random.Generator, count: int, split: Split) -> NDArray[np.int32]:
        """Those of ``count`` random graphs that belong to ``split`` and have a query with an allowed distance."""
        draw = tree_graphs if self.family == "tree" else uniform_graphs
        codes, adjacency = draw(rng, count, self.vertices, self.edge_count)
        labels = self._labels(rng, count)
        codes = self._named(codes, labels)
        mine = split_numbers(sums(self._pair_hashes, codes)) == SPLITS.index(split)
        if split != "train":  # most belong to the training examples: leave them out before the search
            codes, adjacency, labels, mine = codes[mine], adjacency[mine], labels[mine], mine[mine]
        ends, distance, path = self._queries(rng, adjacency)
        kept = np.flatnonzero(mine & (distance >= self.distances[0]))
        ends, path = ends[kept], path[kept]
        if self.label_count > self.vertices:
            labels = labels[kept]
            ends = np.take_along_axis(labels, ends, axis=1)
            path = np.where(path == ABSENT, ABSENT, np.take_along_axis(labels, np.maximum(path, 0), axis=1))
        tokens = np.empty((len(kept), self.length), dtype=np.int32)
        self._write_slots(rng, codes, kept, tokens[:, : self.prompt - 3])
        tokens[:, self.prompt - 3] = QUERY
        tokens[:, self.prompt - 2 : self.prompt] = ends + self.text.first_vertex
        tokens[:, self.prompt :] = self._write_paths(path)
        return tokens

    def _queries(self, rng: np.random.Generator, adjacency: Words) -> tuple[Ints, Ints, Ints]:
        """A random query ``[B, 2]`` for each graph, drawn again where its distance is not allowed, at most

        :data:`QUERIES` times; distances ``[B]`` and paths as
        :func:`~experiments.tasks.graphs.search.shortest_paths` gives them.
        """
        pairs = pair_codes(self.vertices)
        query = random_below(rng, len(adjacency), pairs.count)
        distance, path = shortest_paths(adjacency, pairs.tail[query], pairs.head[query], self.longest)
        for _ in range(QUERIES - 1):
            left = np.flatnonzero(distance < self.distances[0])
            if not len(left):
                break
            query[left] = random_below(rng, len(left), pairs.count)
            source, target = pairs.tail[query[left]], pairs.head[query[left]]
            distance[left], path[left] = shortest_paths(adjacency[left], source, target, self.longest)
        return np.stack((pairs.tail[query], pairs.head[query]), axis=1), distance, path

    def _labels(self, rng: np.random.Generator, count: int) -> Ints:
        """A random set of names for each graph, ``[B, V]`` in rising order; empty rows where all names are used.

        Rising order keeps the reference path the first one, and loses nothing: the vertices of the graphs are
        exchangeable.
        """
        if self.label_count == self.vertices:
            return np.empty((count, 0), dtype=np.int64)
        return np.sort(random_order(rng, count, self.label_count)[:, : self.vertices], axis=1)

    def _named(self, codes: Ints, labels: Ints) -> Ints:
        """Codes of pairs of labels for codes of pairs of vertices ``[B, M]``."""
        if self.label_count == self.vertices:
            return codes
        pairs = pair_codes(self.vertices)
        tail, head = (np.take_along_axis(labels, end[codes], axis=1) for end in (pairs.tail, pairs.head))
        return self.text.pairs.of(tail, head)

    def _write_slots(self, rng: np.random.Generator, codes: Ints, rows: Ints, tokens: NDArray[np.int32]) -> None:
        """Write the edges of ``rows [R]`` into ``tokens``, with those for no edge at random places among them."""
        if self.slot_count == self.edge_count:
            self.text.write_edges(codes, rows, tokens)
            return
        batch, per_edge = len(rows), self.text.per_edge
        edges = np.empty((batch, self.edge_count * per_edge), dtype=np.int32)
        self.text.write_edges(codes, rows, edges)
        places = np.sort(random_order(rng, batch, self.slot_count)[:, : self.edge_count], axis=1)
        slots = np.full((batch, self.slot_count, per_edge), NO_EDGE, dtype=np.int32)
        slots[np.arange(batch)[:, None], places] = edges.reshape(batch, self.edge_count, per_edge)
        tokens[:] = slots.reshape(batch, self.slot_count * per_edge)

    def _write_paths(self, path: Ints) -> NDArray[np.int32]:
        """Tokens ``[B, longest + 2]`` of paths ``[B, longest + 1]``: vertices, the end, padding."""
        tokens = np.full((len(path), self.longest + 2), PAD, dtype=np.int32)
        tokens[:, :-1] = np.where(path == ABSENT, PAD, path + self.text.first_vertex)
        tokens[np.arange(len(path)), (path != ABSENT).sum(axis=1)] = END
        return tokens

    def _question(self, examples: Examples) -> _Question:
        tokens = examples.tokens[:, : self.prompt].numpy()
        adjacency = adjacency_of(*self.text.read_edges(tokens[:, :-3]), self.label_count)
        source, target = self.text.read_vertices(tokens[:, -2:]).T
        return _Question(adjacency, source, target, (examples.answer != PAD).sum(1).numpy() - 2)


@dataclass(frozen=True)
class _Question:
    """Graphs in labels ``[B, labels, W]``, what is asked, and the distance, ``[B]`` each."""

    adjacency: Words
    source: Ints
    target: Ints
    distance: Ints


def _floats(values: NDArray[Any]) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))
