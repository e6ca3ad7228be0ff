"""What the study `soft-moe` is made of: equal totals, targets and their inputs, stacked training, ascent, pairs."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch

from experiments.engine import Recipe, stream
from experiments.studies.soft_moe.arms import Arm, Budget
from experiments.studies.soft_moe.pairs import on_witnesses
from experiments.studies.soft_moe.search import ascend
from experiments.studies.soft_moe.targets import PARTS, TARGETS, inputs, tensor_of_inputs
from experiments.studies.soft_moe.training import Member, outputs, train
from parrots.flat import pack, unpack
from parrots.soft_moe import SoftMoe, SoftMoeConfig, initial_parameters
from theory.errors import InputError

CPU = torch.device("cpu")
RADIUS = 4.0


@pytest.mark.parametrize("logits", ["plain", "normalised"])
@pytest.mark.parametrize(("kind", "size"), [("experts", 1), ("experts", 16), ("slots", 16), ("perceptron", 1)])
def test_totals_are_as_equal_as_whole_units_allow(kind, size: int, logits) -> None:
    budget = Budget(tokens=4, width=4, hidden=127, logits=logits)
    arm = budget.arm(kind, size)
    assert arm.parameters <= budget.parameters < dataclasses.replace(arm, hidden=arm.hidden + 1).parameters
    assert arm.parameters == sum(value.numel() for value in arm.initial(seed=0).values())
    assert arm.parameters > 0.97 * budget.parameters


def test_a_model_that_does_not_fit_the_budget_is_refused() -> None:
    with pytest.raises(InputError, match="8 of them, with one hidden unit each take"):
        Budget(tokens=2, width=2, hidden=5, logits="plain").arm("experts", 8)


def test_targets_are_convex_and_at_most_the_radius() -> None:
    x, y = (tensor_of_inputs(np.random.default_rng(seed), 500, 3, 2, RADIUS).double() for seed in (0, 1))
    for target in TARGETS.values():
        ends = (target.function(x, RADIUS) + target.function(y, RADIUS)) / 2
        assert (target.function((x + y) / 2, RADIUS) <= ends + 1e-12).all()
        assert (target.function(x, RADIUS).abs() <= RADIUS).all()


def test_the_law_holds_lines_rays_and_every_size() -> None:
    x = inputs(np.random.default_rng(0), 4000, 3, 2, RADIUS).astype(float)
    ranks = {name: np.linalg.matrix_rank(x[part], tol=1e-5) for name, part in PARTS.items()}
    assert (ranks["tokens on a line"] == 1).all()
    assert (ranks["tokens on a ray"] == 1).all()
    assert (ranks["tokens anywhere"] == 2).mean() > 0.99
    cosines = (x[:, 0] * x[:, 1]).sum(1)
    assert (cosines[PARTS["tokens on a ray"]] > 0).all()
    assert 0.4 < (cosines[PARTS["tokens on a line"]] > 0).mean() < 0.6
    sizes = np.linalg.norm(x, axis=(1, 2)) / RADIUS
    assert np.allclose(np.quantile(sizes, [0.1, 0.5, 0.9]), [0.1, 0.5, 0.9], atol=0.03)
    assert sum(len(x[part]) for part in PARTS.values()) == len(x)


def test_training_learns_and_members_do_not_touch_each_other() -> None:
    arm = Budget(tokens=2, width=2, hidden=31, logits="plain").arm("experts", 4)
    members = [Member("frobenius", 0, 0.1), Member("token", 0, 0.1), Member("frobenius", 1, 0.3)]
    recipe = Recipe(steps=60, batch=64)
    together = train(arm, members, recipe, RADIUS, CPU)
    others = train(arm, [members[2], members[0]], recipe, RADIUS, CPU)
    assert torch.equal(together[[2, 0]], others)
    x = tensor_of_inputs(stream("test", 0), 1000, 2, 2, RADIUS)
    error = outputs(arm, together[:1], x[None])[0] - x.square().sum((1, 2)).sqrt()
    assert error.square().mean().sqrt() < 0.5 * x.square().sum((1, 2)).sqrt().std()


def test_rows_are_models() -> None:
    arm = Arm("slots", tokens=3, width=2, experts=1, slots=5, hidden=4, logits="normalised")
    parameters = [arm.initial(seed) for seed in (0, 1)]
    x = tensor_of_inputs(np.random.default_rng(0), 7, 3, 2, RADIUS)
    flat = pack(parameters, arm.shapes)
    for row, one, given in zip(outputs(arm, flat, torch.stack((x, 2 * x))), parameters, (x, 2 * x), strict=True):
        assert torch.allclose(row, SoftMoe(arm.config, one)(given)[:, 0], atol=1e-6)
    assert all(torch.equal(value, parameters[1][name]) for name, value in unpack(flat[1], arm.shapes).items())


def test_ascent_climbs_to_the_sphere_where_the_error_is_largest() -> None:
    """A model that says 0 is off by the Frobenius norm, so by R on the whole sphere, and nowhere by more."""
    arm = Budget(tokens=2, width=2, hidden=7, logits="plain").arm("perceptron", 1)
    flat = torch.zeros(2, arm.parameters)
    starts = tensor_of_inputs(np.random.default_rng(0), 3, 2, 2, RADIUS / 2).expand(2, -1, -1, -1)
    worst = ascend(arm, flat, ["frobenius", "quadratic"], starts, RADIUS, 40)
    assert torch.allclose(worst.square().sum((1, 2)).sqrt(), torch.full((2,), RADIUS), atol=1e-4)


def test_pairs_fill_the_ball_and_cost_half_of_it() -> None:
    """One slot of the first axis does not see the second: (R/√2)(v, -v) and 0."""
    config = SoftMoeConfig(tokens=2, width=2, experts=1, hidden=3, logits="plain")
    parameters = initial_parameters(config, seed=0) | {"slot_vectors": torch.tensor([[1.0], [0.0]])}
    found = {one["statement"]: one for one in on_witnesses(SoftMoe(config, parameters), "frobenius", RADIUS)}
    assert set(found) == {"chung-one-expert", "own-soft-orthogonal", "own-soft-few-slots"}
    for one in found.values():
        assert one["line"] == pytest.approx(0.5, abs=1e-6)
        assert one["gap"] < 1e-9
        assert one["error"] >= one["line"] - 1e-9
    token = {one["statement"]: one for one in on_witnesses(SoftMoe(config, parameters), "token", RADIUS)}
    assert token["own-soft-orthogonal"]["line"] == pytest.approx(0.5 / math.sqrt(2), abs=1e-6)


def test_normalised_logits_are_confused_by_collinear_tokens_with_any_number_of_slots() -> None:
    config = SoftMoeConfig(tokens=4, width=2, experts=9, hidden=3, logits="normalised")
    (found,) = on_witnesses(SoftMoe(config, initial_parameters(config, seed=0)), "frobenius", RADIUS)
    assert found["statement"] == "own-soft-collinear"
    assert found["line"] == pytest.approx((1 - 1 / 2) / 2, rel=0.02)  # norms R and about R/√T
    plain = dataclasses.replace(config, logits="plain")
    (none,) = on_witnesses(SoftMoe(plain, initial_parameters(plain, seed=0)), "frobenius", RADIUS)
    assert none == {"statement": "own-soft-many-slots"}
