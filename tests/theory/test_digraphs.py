"""The families of random digraphs: what each promises, and edge slots that hold the same graphs."""

from __future__ import annotations

import numpy as np
import pytest
from digraph_batches import every_digraph, graph_families

from theory.digraphs import DENSE, FAMILIES, MOST_EDGES, edge_slots, families
from theory.encoding import NULL, check_edges
from theory.oracles import length_2_paths_scipy

each = pytest.mark.parametrize("name", FAMILIES)


def drawn(name: str, batch: int = 60, V: int = 12) -> np.ndarray:
    return FAMILIES[name](np.random.default_rng(0), batch, V)


@each
@pytest.mark.parametrize("V", [3, 4, 12])
def test_graphs_are_simple_and_differ(name: str, V: int) -> None:
    graphs = drawn(name, 40, V)
    assert graphs.shape == (40, V, V) and graphs.dtype == np.bool_
    assert not graphs[:, np.arange(V), np.arange(V)].any()
    assert len({graph.tobytes() for graph in graphs}) > 1


@each
def test_the_same_seed_gives_the_same_graphs_and_another_others(name: str) -> None:
    again, other = drawn(name), FAMILIES[name](np.random.default_rng(1), 60, 12)
    assert (drawn(name) == again).all() and not (drawn(name) == other).all()


def test_stars_have_edges_at_the_ends_alone() -> None:
    graphs = drawn("star")
    assert graphs[:, 0].any() and graphs[:, :, -1].any()
    graphs[:, 0], graphs[:, :, -1] = False, False
    assert not graphs.any()


def test_preferential_attachment_grows_hubs() -> None:
    """3 (V - 3) + 3 edges, none both ways; the largest degree is far above a random graph's."""
    V = 60
    graphs = drawn("preferential attachment", 30, V)
    assert set(graphs.sum(axis=(1, 2))) == {3 * (V - 3) + 3}
    assert not (graphs & graphs.transpose(0, 2, 1)).any()
    largest = (graphs.sum(1) + graphs.sum(2)).max(axis=1)
    chance = FAMILIES["Erdős–Rényi"](np.random.default_rng(0), 30, V)
    dense = np.random.default_rng(0).random(chance.shape) < graphs.mean()
    assert np.median(largest) > 1.5 * np.median((dense.sum(1) + dense.sum(2)).max(axis=1))


def test_nearly_complete_graphs_lack_one_edge_of_every_path() -> None:
    graphs = drawn("nearly complete", 9)
    paths = (graphs[:, 0, 1:-1] & graphs[:, 1:-1, -1]).sum(axis=1)
    assert paths.tolist() == [10, 0, 1, 0, 1, 0, 1, 0, 1]
    assert (graphs.sum(axis=(1, 2)) == 132 - 10 + paths).all()


def test_nearly_empty_graphs_start_with_the_empty_one() -> None:
    edges = drawn("nearly empty").sum(axis=(1, 2))
    assert edges[0] == 0 and edges.max() == 3


def test_near_collisions_have_partners_one_digit_away() -> None:
    graphs = drawn("near collisions", 600)
    alice, bob = graphs[:, 0, 1:-1], graphs[:, 1:-1, -1]
    exchanged = np.arange(600) % 5 == 0
    single, several = np.where(exchanged[:, None], bob, alice), np.where(exchanged[:, None], alice, bob)
    assert (single.sum(axis=1) == 1).all()
    i = single.argmax(axis=1) + 1
    for row, vertex in enumerate(i):
        others = {j for j in np.flatnonzero(several[row]) + 1 if j != vertex}
        if row % 2 == 0:
            assert others == {j for j in range(1, 11) if (int(j) ^ int(vertex)).bit_count() == 1}
        else:
            assert others == set(range(1, 11)) - {vertex}
        assert several[row, vertex - 1] == (row % 3 == 0)


def test_slots_hold_the_same_graphs_in_any_order() -> None:
    graphs = drawn("Erdős–Rényi", 20)
    edges = edge_slots(graphs, np.random.default_rng(3))
    check_edges(edges, 12)
    back = np.zeros_like(graphs)
    for row, slots in enumerate(edges):
        kept = slots[slots[:, 0] != NULL]
        back[row, kept[:, 0], kept[:, 1]] = True
        assert kept.tolist() != sorted(kept.tolist())
    assert (back == graphs).all()
    assert edge_slots(graphs[:0], np.random.default_rng(0)).shape == (0, 1, 2)


def test_every_digraph_is_there_once() -> None:
    edges = every_digraph(3)
    check_edges(edges, 3)
    assert edges.shape == (64, 6, 2) and len({graph.tobytes() for graph in edges}) == 64
    assert not ((edges[:, :, 0] == edges[:, :, 1]) & (edges[:, :, 0] != NULL)).any()


@pytest.mark.parametrize(("V", "graphs"), [(3, 100), (12, 1000), (66, 300)])
def test_there_are_at_least_as_many_as_asked_for(V: int, graphs: int) -> None:
    parts = families(np.random.default_rng(0), V, graphs)
    assert tuple(parts) == tuple(FAMILIES)
    assert graphs <= sum(map(len, parts.values())) < graphs + len(FAMILIES)
    assert all(len(parts[name]) <= max(6, MOST_EDGES // V**2) for name in DENSE)
    whole = graph_families(np.random.default_rng(0), V, graphs)
    assert len(whole) == sum(map(len, parts.values()))
    answers = np.concatenate([length_2_paths_scipy(part, V, 0, V - 1) for part in parts.values()])
    assert (length_2_paths_scipy(whole, V, 0, V - 1) == answers).all()
    assert 0.1 < answers.mean() < 0.7
