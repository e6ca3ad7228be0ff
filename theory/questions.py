"""What can be asked of two vertices of a graph, and which hand-built model answers it.

A model answers length-2 path, or, built so that the edge from source to target counts as well, distance at most 2.  On
star instances connectivity and triangles come to the same (section 3.2 of Mixture of Parrots, `own-star-reductions`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import networkx as nx
import numpy as np

from theory.encoding import EdgeArray
from theory.errors import InputError
from theory.oracles import distance_at_most_2_networkx, length_2_path_networkx
from theory.reductions import has_directed_3_cycle, is_connected

Answer = Callable[["nx.DiGraph[Any]", Hashable, Hashable], bool]


@dataclass(frozen=True)
class Question:
    """One question: what it ``asks``, in words with places for the ends; its ``oracle``, by networkx.

    ``direct``: the edge from source to target counts as a path; ``star_only``: the answer is a model's only on star
    instances, where every edge leaves the source or enters the target (the edge from target to source may be there).
    """

    name: str
    asks: str
    oracle: Answer
    direct: bool
    star_only: bool = False


def _distance_at_most_2(graph: nx.DiGraph[Any], source: Hashable, target: Hashable) -> bool:
    return bool(nx.has_path(graph, source, target) and nx.shortest_path_length(graph, source, target) <= 2)


def _closes_triangle(graph: nx.DiGraph[Any], source: Hashable, target: Hashable) -> bool:
    closed = graph.copy()
    closed.add_edge(target, source)
    return has_directed_3_cycle(closed)


QUESTIONS = {
    question.name: question
    for question in (
        Question(
            "length-2-path",
            "length-2 path from {source} to {target}",
            length_2_path_networkx,
            direct=False,
        ),
        Question(
            "distance-at-most-2",
            "path of at most two edges from {source} to {target}",
            _distance_at_most_2,
            direct=True,
        ),
        Question(
            "reachable-in-two",
            "walk of one or two edges from {source} to {target}",
            distance_at_most_2_networkx,
            direct=True,
        ),
        Question(
            "connected",
            "path from {source} to {target}",
            is_connected,
            direct=True,
            star_only=True,
        ),
        Question(
            "triangle",
            "directed 3-cycle once ({target}, {source}) is an edge",
            _closes_triangle,
            direct=False,
            star_only=True,
        ),
    )
}


def check_star(question: Question, edges: EdgeArray, source: int, target: int) -> None:
    """Refuse a graph, ``edges`` ``[edges, 2]``, that the reduction behind ``question`` does not cover.

    Raises :class:`~theory.errors.InputError` naming an edge that neither leaves the source nor enters the target.
    """
    if not question.star_only:
        return
    allowed = (edges[:, 0] == source) | (edges[:, 1] == target) | (edges == np.array([target, source])).all(axis=1)
    outside = int((~allowed).sum())
    if outside:
        raise InputError(
            f"{outside} of {len(edges)} edges neither leave the source nor enter the target: `{question.name}` reduces "
            "to length-2 path on star instances only; give such a graph, or ask length-2-path or distance-at-most-2."
        )
