"""Lemma D.2 in both directions, its consequences, the star encoding, and two oracles that must agree."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from theory import oracles, reductions
from theory.encoding import decode_star, encode_star, star_edges
from theory.errors import InputError
from theory.instances import Pairs, all_pairs, uniform

R = 3
EVERY = all_pairs(R)


def random_digraph(data: st.DataObject, most: int = 8) -> tuple[nx.DiGraph, int, int]:
    """A digraph, loops allowed, with two of its vertices."""
    vertices = data.draw(st.integers(3, most))
    ends = st.tuples(st.integers(0, vertices - 1), st.integers(0, vertices - 1))
    graph = nx.DiGraph()
    graph.add_nodes_from(range(vertices))
    graph.add_edges_from(data.draw(st.sets(ends)))
    source, target = data.draw(st.permutations(range(vertices)))[:2]
    return graph, source, target


def test_the_sets_intersect_iff_there_is_a_path() -> None:
    graphs = reductions.to_digraphs(reductions.disjointness_to_path(EVERY), R + 2)
    assert [oracles.length_2_path_networkx(graph, 0, R + 1) for graph in graphs] == EVERY.intersects_B.tolist()


def test_back_and_forth_is_the_identity() -> None:
    graphs = reductions.to_digraphs(reductions.disjointness_to_path(EVERY), R + 2)
    for row, graph in enumerate(graphs):
        back = reductions.path_to_disjointness(graph, 0, R + 1)
        assert back.intermediates == (1, 2, 3)
        assert (back.pairs.alice_BR[0] == EVERY.alice_BR[row]).all()
        assert (back.pairs.bob_BR[0] == EVERY.bob_BR[row]).all()


@given(st.data())
def test_any_digraph_becomes_sets_that_intersect_iff_it_has_a_path(data: st.DataObject) -> None:
    graph, source, target = random_digraph(data)
    instance = reductions.path_to_disjointness(graph, source, target)
    assert instance.pairs.intersects_B[0] == oracles.length_2_path_networkx(graph, source, target)
    assert set(instance.intermediates) == set(graph) - {source, target}


def test_distance_connectivity_and_cycle_inherit_the_answer() -> None:
    edges = reductions.disjointness_to_path(EVERY)
    opened = reductions.to_digraphs(edges, R + 2)
    closed = reductions.to_digraphs(reductions.close_cycle(edges, 0, R + 1), R + 2)
    for intersects, graph, cycle in zip(EVERY.intersects_B, opened, closed, strict=True):
        assert reductions.distance_is_two(graph, 0, R + 1) == intersects
        assert reductions.is_connected(graph, 0, R + 1) == intersects
        assert reductions.has_directed_3_cycle(cycle) == intersects
        assert nx.is_directed_acyclic_graph(cycle) != intersects  # so it is *the* cycle problem, of any length


@given(st.data())
def test_two_oracles_agree_on_any_digraph(data: st.DataObject) -> None:
    graph, source, target = random_digraph(data)
    edges = np.array([*graph.edges(), (-1, -1)], dtype=np.int64)[None]
    by_scipy = oracles.length_2_paths_scipy(edges, len(graph), source, target)
    assert by_scipy.tolist() == [oracles.length_2_path_networkx(graph, source, target)]


def test_oracles_know_the_traps() -> None:
    direct = np.array([[[0, 3], [0, 0], [3, 3]]])  # the edge (s, d) and loops are no path
    longer = np.array([[[0, 1], [1, 2], [2, 3]]])
    back = np.array([[[1, 0], [3, 1], [-1, -1]]])  # the wrong way round
    both = np.array([[[0, 3], [0, 2], [2, 3]]])
    edges = np.concatenate([direct, longer, back, both])
    expected = [False, False, False, True]
    assert oracles.length_2_paths_scipy(edges, 4, 0, 3).tolist() == expected
    assert [oracles.length_2_path_networkx(graph, 0, 3) for graph in reductions.to_digraphs(edges, 4)] == expected


@given(st.integers(1, 9), st.integers(0, 30), st.integers(0, 12), st.integers(0, 2**32))
def test_encoding_then_decoding_is_the_identity(r: int, batch: int, spare: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    pairs = uniform(rng, batch, r)
    edges = encode_star(pairs, 2 * r + spare, rng)
    assert edges.shape == (batch, 2 * r + spare, 2)
    back = decode_star(edges, r)
    assert np.array_equal(back.alice_BR, pairs.alice_BR) and np.array_equal(back.bob_BR, pairs.bob_BR)
    assert ((edges >= 0).all(axis=2).sum(axis=1) == pairs.alice_BR.sum(axis=1) + pairs.bob_BR.sum(axis=1)).all()


def test_every_order_of_slots_is_equally_likely() -> None:
    one = Pairs(np.ones((24_000, 1), bool), np.ones((24_000, 1), bool))
    edges = encode_star(one, 4, np.random.default_rng(3))
    alice = (edges == [0, 1]).all(axis=2).argmax(axis=1)
    bob = (edges == [1, 2]).all(axis=2).argmax(axis=1)
    counts = np.bincount(4 * alice + bob, minlength=16).reshape(4, 4)
    assert (np.diag(counts) == 0).all()
    assert chisquare(counts[~np.eye(4, dtype=bool)]).pvalue > 1e-3


def test_decoding_ignores_every_other_edge() -> None:
    edges = np.array([[[0, 2], [2, 1], [0, 4], [4, 1], [1, 0], [1, 4], [3, 3], [-1, -1], [0, 0], [4, 4]]])
    pairs = decode_star(edges, 3)
    assert pairs.alice_BR.tolist() == [[False, True, False]]
    assert pairs.bob_BR.tolist() == [[True, False, False]]


def test_fixed_slots_belong_to_alice_and_then_to_bob() -> None:
    pairs = Pairs(np.array([[True, False]]), np.array([[False, True]]))
    assert star_edges(pairs).tolist() == [[[0, 1], [-1, -1], [-1, -1], [2, 3]]]


def test_too_few_slots_are_refused_and_enough_are_taken() -> None:
    full = Pairs(np.ones((1, 3), bool), np.ones((1, 3), bool))
    with pytest.raises(InputError, match=r"5 edge slots \(6 tokens.*6 edges; give at least 6"):
        encode_star(full, 5, np.random.default_rng(0))
    assert encode_star(full, 6, np.random.default_rng(0)).shape == (1, 6, 2)


@pytest.mark.parametrize(
    ("edges", "says"),
    [
        (np.zeros((2, 3)), "shape (2, 3)"),
        (np.zeros((1, 2, 2)), "float64"),
        (np.array([[[0, 9]]]), "edge (0, 9)"),
        (np.array([[[0, -1]]]), "edge (0, -1)"),
        (np.array([[[0, 1], [-1, -1], [0, 1]]]), "edge (0, 1) twice"),
    ],
)
def test_a_bad_edge_array_is_refused(edges: np.ndarray, says: str) -> None:
    for call in (lambda: decode_star(edges, 3), lambda: oracles.length_2_paths_scipy(edges, 5, 0, 4)):
        with pytest.raises(InputError) as refused:
            call()
        assert says in str(refused.value) and "\n" not in str(refused.value)


def test_source_and_target_must_be_two_vertices_of_the_graph() -> None:
    graph = nx.path_graph(4, create_using=nx.DiGraph)
    edges = np.array([list(graph.edges())])
    for source, target, says in ((1, 1, "both 1"), (9, 1, "source 9"), (1, 9, "target 9")):
        for call in (
            lambda s, t: oracles.length_2_path_networkx(graph, s, t),
            lambda s, t: reductions.path_to_disjointness(graph, s, t),
            lambda s, t: oracles.length_2_paths_scipy(edges, 4, s, t),
        ):
            with pytest.raises(InputError, match=says):
                call(source, target)
    with pytest.raises(InputError, match="2 vertices"):
        reductions.path_to_disjointness(nx.path_graph(2, create_using=nx.DiGraph), 0, 1)
