"""The laws of the study: labels against networkx, densities as stated, and every kind of pair in `everything`."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from experiments.studies.laws import LAWS
from theory.instances import default_overlap_size


def draw(name: str, batch: int, r: int):
    return LAWS[name].draw(np.random.default_rng(5), batch, r)


@pytest.mark.parametrize("r", [1, 2, 5, 9])
@pytest.mark.parametrize("name", LAWS)
def test_labels_agree_with_networkx(name, r):
    pairs = draw(name, 200, r)
    assert len(pairs) == 200
    for alice, bob, label in zip(pairs.alice_BR, pairs.bob_BR, pairs.intersects_B, strict=True):
        star = nx.DiGraph([(0, i + 1) for i in np.flatnonzero(alice)] + [(i + 1, r + 1) for i in np.flatnonzero(bob)])
        star.add_nodes_from((0, r + 1))
        assert nx.has_path(star, 0, r + 1) == label


def test_densities_are_those_that_initial_weights_are_centred_for():
    """Up to what a law's name needs: INDEX has one edge of Bob's, so 1/2 is Alice's half."""
    r, batch = 24, 20_000
    for name in ("planted", "everything"):
        pairs = draw(name, batch, r)
        share = np.concatenate((pairs.alice_BR, pairs.bob_BR), axis=1).mean()
        assert share == pytest.approx(LAWS[name].density, abs=0.03), name
    assert draw("index", batch, r).alice_BR.mean() == pytest.approx(LAWS["index"].density, abs=0.01)


def test_planted_and_index_are_balanced_and_of_their_sizes():
    planted, index = draw("planted", 20_000, 12), draw("index", 20_000, 12)
    assert (planted.bob_BR.sum(1) == default_overlap_size(12)).all()
    assert ((planted.alice_BR & planted.bob_BR).sum(1) <= 1).all()
    assert (index.bob_BR.sum(1) == 1).all()
    for pairs in (planted, index):
        assert pairs.intersects_B.mean() == pytest.approx(0.5, abs=0.02)


def test_everything_has_all_kinds_of_pairs():
    """Disjoint pairs that cover everything, a single shared element beside full sets, and dense overlaps."""
    pairs = draw("everything", 20_000, 8)
    both, either = pairs.alice_BR & pairs.bob_BR, pairs.alice_BR | pairs.bob_BR
    disjoint_and_full = ~both.any(1) & either.all(1)
    single_and_full = (both.sum(1) == 1) & either.all(1)
    dense = both.sum(1) >= 3
    for kind in (disjoint_and_full, single_and_full, dense):
        assert kind.mean() > 0.01
    assert pairs.intersects_B.mean() == pytest.approx(0.5 * 0.5 + 0.25 * 0.5 + 0.25 * (1 - 0.75**8), abs=0.04)
    assert {(int(a), int(b)) for a, b in zip(pairs.alice_BR.sum(1), pairs.bob_BR.sum(1), strict=True)} >= {
        (0, 8), (8, 0), (8, 1), (1, 8), (0, 0)
    }  # fmt: skip
