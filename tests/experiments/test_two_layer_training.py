"""Training of two-layer models: members do not disturb each other, and a small size is learnt."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from experiments.engine import Member, Recipe
from experiments.two_layer_training import curriculum, logarithmic_width, members, train_two_layer
from parrots.two_layer import TwoLayerConfig, initial_parameters
from theory.encoding import encode_star
from theory.errors import InputError
from theory.instances import planted, size_baseline


def test_a_member_of_an_ensemble_learns_as_it_does_alone() -> None:
    recipe = Recipe(steps=50, batch=32, check_every=50, validation=64, chunk=10)
    together = dict(train_two_layer(members(10, seeds=[3, 4, 5]), recipe))
    ((_, alone),) = train_two_layer(members(10, seeds=[4]), recipe)
    assert together[1].member == alone.member
    start = initial_parameters(alone.member.config, seed=4)
    for name, value in alone.model.weights().items():
        torch.testing.assert_close(together[1].model.weights()[name], value, rtol=1e-3, atol=1e-4)
        assert not torch.allclose(start[name], value, atol=1e-2), f"{name} did not move"
    assert together[1].validation == alone.validation


def test_it_learns_a_small_size() -> None:
    """r = 4: right on new planted graphs, where the sizes of the sets alone reach ``size_baseline``."""
    r = 4
    recipe = Recipe(steps=400, batch=128, check_every=50, validation=1024)
    trained = [model for _, model in train_two_layer(members(r + 2, seeds=[0, 1, 2]), recipe)]
    fresh = planted(np.random.default_rng(99), 4096, r)
    edges = torch.from_numpy(encode_star(fresh, 2 * r, np.random.default_rng(98)))
    right = [float(((one.model(edges) >= 0).numpy() == fresh.intersects_B).mean()) for one in trained]
    assert sorted(right)[1] > 0.99 > float(size_baseline(r)) + 0.2, right


def test_the_curriculum_ends_at_the_planted_law() -> None:
    rng = np.random.default_rng(0)
    sizes = [curriculum(rng, 2000, 30, progress).bob_BR.sum(1) for progress in (0.0, 0.25, 0.5, 1.0)]
    assert [set(size.tolist()) for size in sizes] == [{1}, {5}, {10}, {10}]
    same = [
        law(np.random.default_rng(7)) for law in (lambda g: curriculum(g, 99, 30, 0.6), lambda g: planted(g, 99, 30))
    ]
    assert (same[0].alice_BR == same[1].alice_BR).all() and (same[0].bob_BR == same[1].bob_BR).all()


@pytest.mark.parametrize(("vertices", "bits"), [(3, 2), (4, 2), (5, 3), (16, 4), (17, 5), (34, 6), (66, 7)])
def test_logarithmic_width(vertices: int, bits: int) -> None:
    assert logarithmic_width(vertices) == 2 * bits + 4


def test_mixed_shapes_are_refused() -> None:
    mixed = [*members(8, [0]), Member(TwoLayerConfig(8, width=6, hidden=5), 0, 1e-2)]
    with pytest.raises(InputError, match="2 shapes"):
        list(train_two_layer(mixed))
    with pytest.raises(InputError, match="0 shapes"):
        list(train_two_layer([]))
