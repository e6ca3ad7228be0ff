"""The reductions as formula and as code: distance, connectivity and 3-cycles on star graphs, against networkx."""

from __future__ import annotations

import networkx as nx
import numpy as np
import sympy
from hypothesis import given
from hypothesis import strategies as st

from theory import reductions, statements
from theory.instances import Pairs, all_pairs
from theory.statements.statement import V


@st.composite
def star_pairs(draw, most: int = 12) -> Pairs:
    r = draw(st.integers(1, most))
    row = st.lists(st.booleans(), min_size=r, max_size=r)
    return Pairs(np.array([draw(row)]), np.array([draw(row)]))


@given(star_pairs())
def test_one_answer_to_four_questions(pairs: Pairs) -> None:
    edges = reductions.disjointness_to_path(pairs)
    target = pairs.r + 1
    (graph,) = reductions.to_digraphs(edges, pairs.r + 2)
    (closed,) = reductions.to_digraphs(reductions.close_cycle(edges, 0, target), pairs.r + 2)
    answer = bool(pairs.intersects_B[0])
    assert reductions.distance_is_two(graph, 0, target) == answer
    assert reductions.is_connected(graph, 0, target) == answer
    assert (target in nx.descendants(graph, 0)) == answer
    assert reductions.has_directed_3_cycle(closed) == answer
    assert nx.is_directed_acyclic_graph(closed) != answer
    assert nx.has_path(graph.to_undirected(), 0, target) == answer


def test_off_the_star_the_questions_part() -> None:
    edges = np.array([[[0, 1], [1, 2], [2, 3]]])
    (graph,) = reductions.to_digraphs(edges, 4)
    (closed,) = reductions.to_digraphs(reductions.close_cycle(edges, 0, 3), 4)
    assert reductions.is_connected(graph, 0, 3)
    assert not reductions.distance_is_two(graph, 0, 3)
    assert not reductions.has_directed_3_cycle(closed)


def test_the_formula_on_every_star_of_four_vertices() -> None:
    relation = statements.get("own-star-reductions").formula
    pairs = all_pairs(2)
    edges = reductions.disjointness_to_path(pairs)
    graphs = reductions.to_digraphs(edges, 4)
    back = sympy.zeros(4)
    back[3, 0] = 1
    for graph, answer in zip(graphs, pairs.intersects_B, strict=True):
        adjacency = sympy.Matrix(nx.to_numpy_array(graph, nodelist=range(4), dtype=int).tolist())
        sides = [_value(side, adjacency, back) for side in _sides(relation)]
        assert sides == [bool(answer)] * len(sides)


def _sides(relation: sympy.Basic) -> list[sympy.Basic]:
    return [side for equivalence in relation.args for side in equivalence.args]


def _value(side: sympy.Basic, adjacency: sympy.Matrix, back: sympy.Matrix) -> bool:
    E, F = (sympy.MatrixSymbol(name, V, V) for name in ("E", "F"))
    at_four = side.subs(V, 4)
    filled = at_four.subs({E.subs(V, 4): adjacency, F.subs(V, 4): back}).doit()
    assert filled in (sympy.true, sympy.false)
    return bool(filled)
