"""An ensemble is its members: packing, padding, dropping, and 50 steps of real training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from one_layer_cases import present_of, random_model, star_graphs
from torch import Tensor

from experiments.engine import Member, Recipe, Training, one_layer_training, train
from parrots.config import OneLayerConfig
from parrots.ensemble import EnsembleLayout
from parrots.initialise import initial_parameters
from parrots.model import OneLayerModel
from theory.errors import InputError
from theory.instances import Pairs, planted

RECIPE = Recipe(steps=50, batch=32, check_every=25, validation=256, target=2.0)
BASE = OneLayerConfig(vertices=8, width=4, hidden=6, attention="uniform")


def kinds() -> dict[str, list[Member[OneLayerConfig]]]:
    """Members of one ensemble each: mixed widths, hidden units, seeds, learning rates and message bits."""
    sizes = ((6, 10), (4, 6), (8, 5), (2, 12))
    rates = (1e-2, 3e-3, 2e-2, 1e-2)

    def members(bits: Sequence[int | None] = (None,) * 4, **fields: object) -> list[Member[OneLayerConfig]]:
        return [
            Member(replace(BASE, width=m, hidden=F, message_bits=b, **fields), seed=i % 3, learning_rate=rate)
            for i, ((m, F), rate, b) in enumerate(zip(sizes, rates, bits, strict=True))
        ]

    return {
        "dense": members(),
        "softmax": members(attention="softmax"),
        "two heads": members(attention="softmax", heads=2),
        "bits": members((2, 1, 3, 8)),
        "bits, two heads": members((2, 1, 3, 8), heads=2),
        "values": members(attention="softmax", value_bits=6),
        "pair": members(embedding="pair"),
        "endpoints, 13 slots": members(embedding="endpoints", slots=13),
        "top-1": members(experts=4),
        "top-2": members(experts=4, top_k=2, attention="softmax"),
        "top-2, bits": members((2, 1, 3, 8), experts=4, top_k=2),
    }


KINDS = kinds()


def law(rng: np.random.Generator, batch: int, _: float) -> Pairs:
    return planted(rng, batch, BASE.intermediates)


def trained(members: Sequence[Member[OneLayerConfig]], recipe: Recipe = RECIPE) -> dict[int, tuple[OneLayerModel, str]]:
    return {index: (one.model, f"{one.stopped} {one.steps}") for index, one in train(members, law, recipe)}


def assert_same_weights(one: OneLayerModel, other: OneLayerModel, tolerance: float = 2e-5) -> None:
    assert one.config == other.config
    for (name, a), b in zip(one.named_parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("kind", KINDS)
def test_a_member_equals_itself_alone_after_50_steps(kind: str) -> None:
    members = KINDS[kind]
    together = trained(members)
    for index, member in enumerate(members):
        alone = trained([member])[0]
        initial = initial_parameters(member.config, member.seed)
        assert (alone[0].inner - initial["inner"]).abs().max() > 0.01
        assert_same_weights(together[index][0], alone[0])
        assert together[index][1] == alone[1]


def steps(training: Training[OneLayerModel], rows: Sequence[int], first: int, last: int) -> None:
    """Training steps ``first`` to ``last``, the same graphs for every row."""
    rates = torch.full((len(rows),), 1e-2)
    for step in range(first, last):
        pairs = law(np.random.default_rng(step), 32, 0.0)
        labels = torch.from_numpy(pairs.intersects_B).float().expand(len(rows), -1)
        training.step(present_of(pairs)[None], labels, rates)


@pytest.mark.parametrize("kind", KINDS)
def test_padding_stays_exactly_zero(kind: str) -> None:
    members = KINDS[kind]
    training = one_layer_training(members, RECIPE, density=1 / 3)
    start = training.flat.clone()
    steps(training, range(4), 0, 50)
    layout = training.stack
    own = layout.pack([{name: torch.ones(s) for name, s in m.config.shapes().items()} for m in members]).bool()
    assert own.any(1).all() and not own.all()
    for matrix in (training.flat, training.adam.mean, training.adam.square):
        assert torch.equal(matrix[~own], torch.zeros_like(matrix[~own]))
    moved, inner = layout.unpack(training.flat - start)["inner"], layout.unpack(own)["inner"]
    assert (moved[inner] != 0).float().mean() > 0.8


@pytest.mark.parametrize("kind", KINDS)
def test_dropping_members_changes_nothing_for_the_others(kind: str) -> None:
    members, kept = KINDS[kind], [3, 1]
    whole, fewer = (one_layer_training(members, RECIPE, density=1 / 3) for _ in range(2))
    for training in (whole, fewer):
        steps(training, range(4), 0, 10)
    fewer.keep(kept)
    steps(whole, range(4), 10, 30)
    steps(fewer, kept, 10, 20)
    fewer.keep([1, 0])  # a second time, back to their first order
    steps(fewer, kept, 20, 30)
    for row, index in enumerate(sorted(kept)):
        assert_same_weights(fewer.stack.member(fewer.flat, row), whole.stack.member(whole.flat, index))


def test_a_member_that_stops_early_stops_alike_alone() -> None:
    config = replace(BASE, vertices=5, width=5, hidden=16)
    members = [
        Member(config, seed=0, learning_rate=3e-2),
        Member(replace(config, width=1, hidden=1), seed=0, learning_rate=1e-3),
        Member(replace(config, width=4), seed=1, learning_rate=3e-2),
    ]
    recipe = replace(RECIPE, steps=400, batch=64, target=0.97)

    def small(rng: np.random.Generator, batch: int, _: float) -> Pairs:
        return planted(rng, batch, 3)

    together = dict(train(members, small, recipe))
    assert together[0].steps < recipe.steps == together[1].steps
    for index, member in enumerate(members):
        ((_, alone),) = train([member], small, recipe)
        assert (alone.steps, alone.stopped) == (together[index].steps, together[index].stopped)
        assert alone.validation == pytest.approx(together[index].validation, abs=2 / recipe.validation)
        assert_same_weights(alone.model, together[index].model, tolerance=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_members_come_out_as_they_went_in_and_answer_alike(kind: str) -> None:
    configs = tuple(member.config for member in KINDS[kind])
    models = [random_model(config, seed, scale=0.4) for seed, config in enumerate(configs)]
    layout = EnsembleLayout(configs)
    flat = layout.pack([model.weights() for model in models])
    assert flat.shape == (4, sum(layout.sizes.values()))
    pairs, _ = star_graphs(configs[0])
    with torch.no_grad():
        logits = layout.output(present_of(pairs)[None], flat).logits
        for index, model in enumerate(models):
            out = layout.member(flat, index)
            assert out.config == model.config
            assert all(torch.equal(a, b) for a, b in zip(out.parameters(), model.parameters(), strict=True))
            torch.testing.assert_close(logits[index], model.forward_table(present_of(pairs)), rtol=1e-4, atol=1e-4)
    kept = layout.keep([2, 0])
    torch.testing.assert_close(kept.output(present_of(pairs)[None], flat[[2, 0]]).logits, logits[[2, 0]])


def test_a_member_is_a_copy() -> None:
    layout = EnsembleLayout((BASE,))
    flat = layout.pack([initial_parameters(BASE, 0)])
    member = layout.member(flat, 0)
    before: Tensor = member.inner.detach().clone()
    flat += 1
    assert torch.equal(member.inner, before) and member.inner.requires_grad


@pytest.mark.parametrize(
    "fields",
    [
        {"vertices": 9},
        {"slots": 20},
        {"attention": "softmax"},
        {"embedding": "pair"},
        {"experts": 2},
        {"heads": 2},
        {"message_bits": 2},
        {"value_bits": 4},
    ],
)
def test_members_of_another_kind_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(InputError, match="differ in more than width, hidden units and message bits"):
        EnsembleLayout((BASE, replace(BASE, **fields)))


def test_an_ensemble_has_members() -> None:
    with pytest.raises(InputError, match="at least one"):
        EnsembleLayout(())
