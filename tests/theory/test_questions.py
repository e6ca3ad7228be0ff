"""The questions of `parrots solve`: what each asks, by oracles that disagree where the questions do."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from theory.digraphs import FAMILIES, edge_slots
from theory.errors import InputError
from theory.oracles import DISTANCE_AT_MOST_2, LENGTH_2_PATH
from theory.questions import QUESTIONS, check_star
from theory.reductions import to_digraphs

GRAPHS = {
    "two edges": [(0, 1), (1, 3)],
    "one edge": [(0, 3), (0, 1)],
    "three edges": [(0, 1), (1, 2), (2, 3)],
    "backwards": [(3, 0), (3, 1), (1, 0)],
}
ANSWERS = {
    "length-2-path": {"two edges"},
    "distance-at-most-2": {"two edges", "one edge"},
    "reachable-in-two": {"two edges", "one edge"},
    "connected": {"two edges", "one edge", "three edges"},
    "triangle": {"two edges"},
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_oracles_on_small_graphs(name: str) -> None:
    for label, edges in GRAPHS.items():
        graph = nx.DiGraph(edges)
        graph.add_nodes_from(range(4))
        assert QUESTIONS[name].oracle(graph, 0, 3) == (label in ANSWERS[name]), label
        assert set(graph.edges) == set(edges)  # the closing edge is not left behind


def test_the_two_libraries_agree_on_distance() -> None:
    for make in FAMILIES.values():
        edges = edge_slots(make(np.random.default_rng(0), 30, 8), np.random.default_rng(0))
        graphs = to_digraphs(edges, 8)
        for oracle, names in (
            (LENGTH_2_PATH, ["length-2-path"]),
            (DISTANCE_AT_MOST_2, ["distance-at-most-2", "reachable-in-two"]),
        ):
            by_scipy = oracle.scipy(edges, 8, 0, 7).tolist()
            assert [oracle.networkx(graph, 0, 7) for graph in graphs] == by_scipy
            for name in names:
                assert [QUESTIONS[name].oracle(graph, 0, 7) for graph in graphs] == by_scipy


@pytest.mark.parametrize("name", QUESTIONS)
def test_on_star_instances_a_model_s_answer_is_the_question_s(name: str) -> None:
    question = QUESTIONS[name]
    edges = edge_slots(FAMILIES["star"](np.random.default_rng(0), 60, 7), np.random.default_rng(0))
    model = (DISTANCE_AT_MOST_2 if question.direct else LENGTH_2_PATH).scipy(edges, 7, 0, 6)
    assert [question.oracle(graph, 0, 6) for graph in to_digraphs(edges, 7)] == model.tolist()
    assert 0 < model.sum() < len(model)


@pytest.mark.parametrize("name", ["connected", "triangle"])
def test_graphs_that_the_reductions_do_not_cover_are_refused(name: str) -> None:
    question = QUESTIONS[name]
    check_star(question, np.array([[0, 1], [1, 3], [0, 3], [3, 0]]), 0, 3)
    check_star(question, np.zeros((0, 2), dtype=np.int64), 0, 3)
    for edge in ([1, 2], [1, 0], [3, 1]):
        with pytest.raises(InputError, match=r"1 of 2 edges .* star instances only"):
            check_star(question, np.array([[0, 1], edge]), 0, 3)


def test_the_others_take_any_graph() -> None:
    for name in ("length-2-path", "distance-at-most-2", "reachable-in-two"):
        check_star(QUESTIONS[name], np.array([[1, 2]]), 0, 3)


@pytest.mark.parametrize("oracle", [LENGTH_2_PATH, DISTANCE_AT_MOST_2])
def test_ends_that_do_not_exist_are_refused(oracle: object) -> None:
    graph, edges = nx.DiGraph([(0, 1)]), np.array([[[0, 1]]])
    for source, target in ((0, 0), (0, 5), (5, 0)):
        with pytest.raises(InputError):
            oracle.networkx(graph, source, target)
        with pytest.raises(InputError):
            oracle.scipy(edges, 2, source, target)
