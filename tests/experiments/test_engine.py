"""The training loop: streams, schedule, learning, stopping, and members that go out of range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from one_layer_cases import present_of

from experiments.engine import (
    DIVERGED,
    STREAMS,
    Data,
    Member,
    Recipe,
    Trained,
    accuracy,
    one_layer_training,
    schedule,
    stream,
    to_present,
    train,
)
from parrots.config import OneLayerConfig
from parrots.constructions import build
from parrots.ensemble import EnsembleLayout
from parrots.model import OneLayerModel
from theory.instances import Pairs, all_pairs, planted, size_baseline

R = 4
CONFIG = OneLayerConfig(vertices=R + 2, width=6, hidden=24, attention="uniform")
RECIPE = Recipe(steps=600, batch=64, check_every=50, validation=1024, target=1.01)
SHORT = replace(RECIPE, steps=20, check_every=10, chunk=10)

One = Trained[OneLayerConfig, OneLayerModel]


def law(rng: np.random.Generator, batch: int, _: float) -> Pairs:
    return planted(rng, batch, R)


def run(*members: Member[OneLayerConfig], recipe: Recipe = RECIPE) -> list[One]:
    found = dict(train(members, law, recipe))
    assert sorted(found) == list(range(len(members)))
    return [found[index] for index in range(len(members))]


def test_streams_of_one_seed_are_disjoint_and_reproducible() -> None:
    drawn = {(name, seed): stream(name, seed).integers(0, 2**63, 1000) for name in STREAMS for seed in (0, 1, 7)}
    assert len(np.unique(np.concatenate(list(drawn.values())))) == 9 * 1000
    for (name, seed), numbers in drawn.items():
        assert np.array_equal(stream(name, seed).integers(0, 2**63, 1000), numbers)


def test_training_never_sees_validation_graphs() -> None:
    """At r = 40 two graphs drawn independently are never the same."""

    def large(rng: np.random.Generator, batch: int, _: float) -> Pairs:
        return planted(rng, batch, 40)

    data = Data([3, 4], large, SHORT, torch.device("cpu"))
    steps = list(data.chunk(0, 10, [3, 4, 3]))
    assert steps[0].present.shape == (3, 64, 80) and steps[0].labels.shape == (3, 64)
    train_rows = torch.cat([graphs.present[:2].flatten(0, 1) for graphs in steps])
    test_rows = to_present(large(stream("test", 3), 500, 0.0))
    every = torch.cat((train_rows, data.validation([3, 4]).present.flatten(0, 1), test_rows))
    assert len(every.unique(dim=0)) == len(every)
    assert all(torch.equal(graphs.present[0], graphs.present[2]) for graphs in steps)


def test_dropped_members_do_not_shift_the_graphs_of_others() -> None:
    whole, fewer = (Data([3, 4], law, SHORT, torch.device("cpu")) for _ in range(2))
    list(whole.chunk(0, 5, [3, 4])), list(fewer.chunk(0, 5, [3, 4]))
    for both, one in zip(whole.chunk(5, 5, [3, 4]), fewer.chunk(5, 5, [4]), strict=True):
        assert torch.equal(both.present[1], one.present[0]) and torch.equal(both.labels[1], one.labels[0])


def test_graphs_and_answers() -> None:
    pairs = all_pairs(2)
    assert torch.equal(to_present(pairs), present_of(pairs))
    held_out = Data([0], law, SHORT, torch.device("cpu")).validation([0])
    alice, bob = held_out.present[0].bool().split(R, 1)
    assert torch.equal((alice & bob).any(1), held_out.labels[0].bool())
    assert 0.4 < held_out.labels.mean() < 0.6


def test_the_curriculum_is_told_how_far_training_is() -> None:
    told: list[float] = []

    def watching(rng: np.random.Generator, batch: int, progress: float) -> Pairs:
        told.append(progress)
        return law(rng, batch, progress)

    list(train([Member(CONFIG, 0, 1e-3)], watching, replace(SHORT, steps=40)))
    assert told == [1.0, 0.0, 0.25, 0.5, 0.75]  # the validation graphs first


def test_the_schedule_warms_up_and_falls_to_zero() -> None:
    recipe = Recipe(steps=1000, batch=1, warmup=0.1)
    rates = np.array([schedule(step, recipe) for step in range(1000)])
    assert np.allclose(np.diff(rates[:100]), 0.01) and rates[0] == 0.01
    assert rates.max() == rates[99] == rates[100] == 1.0
    assert (np.diff(rates[100:]) < 0).all() and 0 < rates[-1] < 1e-5
    assert rates[550] == pytest.approx(0.5)
    assert schedule(0, Recipe(steps=1, batch=1)) == 1.0


def test_a_tiny_problem_is_learned() -> None:
    """Above what the sizes of the sets tell, on graphs that neither training nor validation used."""
    for experts, top_k in ((1, 1), (4, 2)):
        (one,) = run(Member(replace(CONFIG, experts=experts, top_k=top_k), 0, 1e-2))
        assert one.validation > 0.99 > size_baseline(R) + 0.2
        pairs = law(stream("test", 0), 4000, 0.0)
        with torch.no_grad():
            right = (one.model.forward_table(present_of(pairs)) >= 0).numpy() == pairs.intersects_B
        assert right.mean() > 0.99
        assert one.stopped == "used its budget of steps" and one.steps == 600 and one.seconds > 0


def test_the_same_call_gives_the_same_bits() -> None:
    members = [Member(CONFIG, 0, 1e-2), Member(replace(CONFIG, width=3), 1, 3e-3)]
    for first, again in zip(run(*members, recipe=SHORT), run(*members, recipe=SHORT), strict=True):
        assert first.validation == again.validation
        assert all(torch.equal(a, b) for a, b in zip(first.model.parameters(), again.model.parameters(), strict=True))
    one, other = run(Member(CONFIG, 0, 1e-2), Member(CONFIG, 1, 1e-2), recipe=SHORT)
    assert not torch.equal(one.model.inner, other.model.inner)


def test_a_member_stops_after_two_good_checks_in_a_row() -> None:
    (one,) = run(Member(CONFIG, 0, 2e-2), recipe=replace(RECIPE, steps=3000, target=0.99))
    assert one.stopped == "reached 99.00% of the validation graphs at two checks in a row"
    assert one.steps < 3000 and one.validation >= 0.99
    (before,) = run(Member(CONFIG, 0, 2e-2), recipe=replace(RECIPE, steps=3000, target=0.99, check_every=one.steps))
    assert before.steps == 2 * one.steps  # one check is not enough


def test_accuracy_counts_right_answers_in_parts() -> None:
    model = build("dense", vertices=5).model
    broken = {name: value.detach().clone() for name, value in model.named_parameters()}
    broken["outer_bias"][0, 4] = 1.0  # always yes
    lost = {name: torch.full_like(value, float("nan")) for name, value in broken.items()}
    layout = EnsembleLayout((model.config,) * 3)
    flat = layout.pack([model.weights(), broken, lost])
    pairs = all_pairs(3)
    labels = torch.from_numpy(pairs.intersects_B).float()[None]
    for batch in (7, 64, 1000):
        share = accuracy(present_of(pairs)[None], labels, layout, flat, batch)
        assert share.tolist() == [1.0, pytest.approx(37 / 64), 0.0]  # 4^3 - 3^3 pairs intersect


@pytest.mark.parametrize(("experts", "top_k"), [(1, 1), (4, 1), (4, 2)])
def test_a_member_that_diverges_is_finished_and_harms_nobody(experts: int, top_k: int) -> None:
    config = replace(CONFIG, experts=experts, top_k=top_k)
    fine, wild = Member(config, 0, 1e-2), Member(config, 1, 1e30)
    recipe = replace(RECIPE, steps=100)
    lost, kept, absurd = run(wild, fine, replace(wild, learning_rate=float("inf")), recipe=recipe)
    for one in (lost, absurd):
        assert (one.stopped, one.steps, one.validation) == (DIVERGED, 50, 0.0)
        assert one.model.config == config
    (alone,) = run(fine, recipe=recipe)
    assert (kept.stopped, kept.steps) == ("used its budget of steps", 100)
    assert kept.validation == pytest.approx(alone.validation, abs=2 / recipe.validation)
    for a, b in zip(kept.model.parameters(), alone.model.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


def torch_adamw(member: Member[OneLayerConfig], recipe: Recipe, batches: Sequence[Pairs]) -> OneLayerModel:
    """The same steps by torch's own optimiser, without factors of the learning rate."""
    training = one_layer_training([member], recipe, density=1 / 3)
    model = training.stack.member(training.flat, 0)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1.0, betas=recipe.betas, weight_decay=0.0)
    for step, pairs in enumerate(batches):
        optimiser.param_groups[0]["lr"] = member.learning_rate * schedule(step, recipe)
        optimiser.zero_grad()
        logits, labels = model.forward_table(present_of(pairs)), torch.tensor(pairs.intersects_B).float()
        torch.nn.functional.binary_cross_entropy_with_logits(logits, labels).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
        optimiser.step()
    return model


def test_steps_are_those_of_torch_s_adamw() -> None:
    recipe = replace(SHORT, rates=(), clip=0.05)  # so that most steps are clipped
    member = Member(CONFIG, 0, 1e-2)
    batches = [law(np.random.default_rng(step), 64, 0.0) for step in range(recipe.steps)]
    expected = torch_adamw(member, recipe, batches)
    training = one_layer_training([member], recipe, density=1 / 3)
    for step, pairs in enumerate(batches):
        labels = torch.tensor(pairs.intersects_B).float()[None]
        training.step(present_of(pairs)[None], labels, torch.tensor([member.learning_rate * schedule(step, recipe)]))
    for a, b in zip(training.stack.member(training.flat, 0).parameters(), expected.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_factors_scale_the_rate_of_a_parameter() -> None:
    moved = []
    for factor in (1.0, 0.5):
        training = one_layer_training([Member(CONFIG, 0, 1e-2)], replace(SHORT, rates=(("edges", factor),)), 1 / 3)
        before = training.stack.unpack(training.flat.clone())
        pairs = law(np.random.default_rng(0), 64, 0.0)
        training.step(present_of(pairs)[None], torch.tensor(pairs.intersects_B).float()[None], torch.tensor([1e-2]))
        after = training.stack.unpack(training.flat)
        moved.append({name: (after[name] - before[name]).abs().max().item() for name in after})
    assert moved[1]["edges"] == pytest.approx(moved[0]["edges"] / 2, rel=1e-3) and moved[0]["edges"] > 1e-3
    assert moved[1]["inner"] == pytest.approx(moved[0]["inner"])
