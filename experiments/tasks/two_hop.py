"""A path of two edges as text: the edges at a source and a target are listed, the vertex between is to be named."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from experiments.tasks.graphs.draw import pair_codes, random_order, uniform_graphs
from experiments.tasks.graphs.search import Ints
from experiments.tasks.graphs.text import QUERY, WORDS, Encoding, GraphText
from experiments.tasks.numbered import UInts, mixed
from experiments.tasks.streams import BlockStream, split_numbers
from experiments.tasks.task import SPLITS, Examples, Split, TaskSettings, check_request, check_written, means
from theory.errors import InputError
from theory.instances import distinct_keys, key_owner

NONE, YES, NO = range(len(WORDS), len(WORDS) + 3)
ANSWERS = ("none", "yes", "no")
MOST_VERTICES = 1024


@dataclass(frozen=True)
class LengthTwoPath(TaskSettings):
    """``edges ? source target`` and then the vertex on a path of two edges, or ``none`` ("two-hop").

    The question of Def. 3.1 of "Mixture of Parrots", asked so that a decoder learns it: ``degree`` edges leave the
    source, ``degree`` enter the target, and their other ends share one vertex at most, the answer; ``others`` edges lie
    between other vertices.  All of these are uniformly random, listed in random order, and say nothing by their number.
    With ``answer="yes-no"`` the question is the theorem's, whether there is a path; decoders learn that badly, from one
    bit an example: in our trials they stayed a little above a guess for long, so it is the midpoint that is asked for.

    Source and target are the first and the last vertex, as in the theorem, or ("random") any two, by random names of
    all vertices.  A graph, by its labelled edges, is in one split only.
    """

    name: ClassVar[str] = "two-hop"

    vertices: int = 24
    """Source and target included."""
    degree: int = 6
    """Edges at the source, and at the target."""
    others: int = 0
    """Edges that touch neither."""
    answer: Literal["midpoint", "yes-no"] = "midpoint"
    absent: float = 0.2
    """Share of questions without a path."""
    ends: Literal["fixed", "random"] = "fixed"
    encoding: Encoding = "edges"
    """One token an edge ("edges"), which one layer needs, or its two vertices."""
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        between = self.vertices - 2
        if not 4 <= self.vertices <= MOST_VERTICES:
            raise InputError(f"vertices {self.vertices}: give from 4 to {MOST_VERTICES}, source and target included.")
        if not 1 <= self.degree <= between // 2:
            raise InputError(
                f"degree {self.degree}: source and target need {self.degree} neighbours each that may all differ, and "
                f"there are {between} other vertices; give 1 to {between // 2}, or more vertices."
            )
        if not 0 <= self.others <= between * (between - 1) // 2:
            most = between * (between - 1) // 2
            raise InputError(f"others {self.others}: {between} vertices have 0 to {most} edges; give as many.")
        if not 0 <= self.absent <= 1:
            raise InputError(f"absent {self.absent}: it is a share of the questions; give a number from 0 to 1.")

    @property
    def edge_count(self) -> int:
        return 2 * self.degree + self.others

    @property
    def vocabulary(self) -> tuple[str, ...]:
        return self.text.vocabulary

    @property
    def prompt(self) -> int:
        return self.edge_count * self.text.per_edge + 3

    @property
    def length(self) -> int:
        return self.prompt + 1

    @cached_property
    def text(self) -> GraphText:
        return GraphText(self.vertices, self.encoding, (*WORDS, *ANSWERS), directed=True)

    def size(self, split: Split) -> int | None:
        return None

    def examples(self, split: Split, first: int, count: int) -> Examples:
        """Sequences ``[count, length]``.

        Raises:
            InputError: for another split or a negative number, and where a split holds no graph at all.
        """
        check_request(self, split, first, count)
        return Examples(torch.from_numpy(self._stream.rows(split, first, count)), self.prompt)

    def grade(self, examples: Examples, written: Tensor) -> dict[str, Tensor]:
        """``correct``: the answer is right; ``decided``: whether there is a path is right.  ``[batch]`` each."""
        check_written(examples, written)
        absent = torch.tensor([NONE, NO])
        said, right = written[:, 0], examples.answer[:, 0]
        names_one = (said == YES) | (
            self._is_vertex(said) if self.answer == "midpoint" else torch.zeros_like(said).bool()
        )
        decided = torch.where(torch.isin(right, absent), torch.isin(said, absent), names_one)
        return {"correct": (said == right).float(), "decided": decided.float()}

    def baselines(self, examples: Examples) -> dict[str, dict[str, float]]:
        """Shortcuts: the answer that is right most often, a random neighbour of the source, and the vertex with most

        edges (which is the answer where there are no ``others``); as yes or no: the first, and whether a vertex beside
        the two ends has two edges.
        """
        said = {"most frequent answer": examples.answer.mode(0).values.expand(len(examples.tokens), 1)}
        tail, head = self.text.read_edges(examples.tokens[:, : self.prompt - 3].numpy())
        source, target = self.text.read_vertices(examples.tokens[:, self.prompt - 2 : self.prompt].numpy()).T
        rows = np.arange(len(tail))[:, None]
        degree = np.zeros((len(tail), self.vertices), dtype=np.int64)
        np.add.at(degree, (rows, tail), 1)
        np.add.at(degree, (rows, head), 1)
        degree[rows, np.stack((source, target), axis=1)] = 0
        if self.answer == "yes-no":
            said["a vertex with two edges"] = self._column(np.where(degree.max(axis=1) >= 2, YES, NO))
        else:
            chance = np.random.default_rng(self.seed % 2**64).random(tail.shape)
            leaves = np.where(tail == source[:, None], chance, -1).argmax(axis=1)
            said["neighbour of the source"] = self._column(head[rows[:, 0], leaves] + self.text.first_vertex)
            said["most edges"] = self._column(degree.argmax(axis=1) + self.text.first_vertex)
        return {name: means(self.grade(examples, answer)) for name, answer in said.items()}

    def show(self, tokens: Tensor) -> str:
        """As in ``Edges: 0>7 3>23 ...  From 0 to 23 by way of: 7``."""
        row = tokens[None].numpy()
        tail, head = self.text.read_edges(row[:, : self.prompt - 3])
        edges = [f"{a}>{b}" for a, b in zip(tail[0], head[0], strict=True)]
        source, target, answer = (self.vocabulary[token] for token in row[0, self.prompt - 2 :])
        asks = "by way of" if self.answer == "midpoint" else "in two steps"
        return f"Edges: {' '.join(edges)}  From {source} to {target} {asks}: {answer}"

    @cached_property
    def _stream(self) -> BlockStream:
        return BlockStream(self.seed, self._candidates, self.length)

    @cached_property
    def _pair_hashes(self) -> UInts:
        return mixed(np.arange(pair_codes(self.vertices).count, dtype=np.uint64))

    def _candidates(self, rng: np.random.Generator, count: int, split: Split) -> NDArray[np.int32]:
        """Those of ``count`` random graphs that belong to ``split``, as sequences."""
        between = self.vertices - 2
        order = key_owner(np.sort(distinct_keys(rng, count, between), axis=1), between) + 1
        absent = rng.random(count) < self.absent
        # The neighbours of the target begin with the last one of the source, or after it.
        at_target = np.take_along_axis(order, np.arange(self.degree - 1, 2 * self.degree - 1) + absent[:, None], axis=1)
        tail, head = np.zeros((2, count, self.edge_count), dtype=np.int64)
        head[:, : self.degree] = order[:, : self.degree]
        tail[:, self.degree : 2 * self.degree], head[:, self.degree : 2 * self.degree] = at_target, self.vertices - 1
        if self.others:
            codes, _ = uniform_graphs(rng, count, between, self.others)
            tail[:, 2 * self.degree :], head[:, 2 * self.degree :] = (
                end[codes] + 1 for end in (pair_codes(between).tail, pair_codes(between).head)
            )
        names = np.broadcast_to(np.arange(self.vertices), (count, self.vertices))
        if self.ends == "random":
            names = random_order(rng, count, self.vertices)
        tail, head = (np.take_along_axis(names, end, axis=1) for end in (tail, head))
        codes = np.take_along_axis(self.text.pairs.of(tail, head), random_order(rng, count, self.edge_count), axis=1)
        tokens = np.empty((count, self.length), dtype=np.int32)
        self.text.write_edges(codes, np.arange(count), tokens[:, : self.prompt - 3])
        tokens[:, self.prompt - 3] = QUERY
        tokens[:, self.prompt - 2 : self.prompt] = names[:, [0, -1]] + self.text.first_vertex
        midpoint = names[np.arange(count), order[:, self.degree - 1]] + self.text.first_vertex
        found, not_found = (midpoint, NONE) if self.answer == "midpoint" else (YES, NO)
        tokens[:, self.prompt] = np.where(absent, not_found, found)
        mine = split_numbers(self._pair_hashes.take(codes).sum(axis=1)) == SPLITS.index(split)
        return tokens[mine]

    def _is_vertex(self, tokens: Tensor) -> Tensor:
        return (tokens >= self.text.first_vertex) & (tokens < self.text.first_vertex + self.vertices)

    @staticmethod
    def _column(tokens: Ints) -> Tensor:
        return torch.from_numpy(tokens.astype(np.int64))[:, None]
