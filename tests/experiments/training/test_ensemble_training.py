"""A member trained in an ensemble equals the same decoder trained alone, up to rounding."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from experiments.tasks.phone_book import PhoneBook
from experiments.training.ensemble import Member, stacked_examples, train_ensemble
from experiments.training.plan import Plan
from experiments.training.recipe import Recipe
from experiments.training.trainer import Trainer
from experiments.training.world import World
from parrots.decoder import DecoderConfig
from parrots.decoder.routers.token_choice import TokenChoice
from theory.errors import InputError

RECIPE = Recipe(steps=12, batch=16, learning_rate=1.0, decay=0.1, balance=0.05, warmup=0.25)
TASK = PhoneBook(entries=40, letters=2, digits=2)


def config(**changes):
    settings = {"vocabulary": len(TASK.vocabulary), "width": 16, "layers": 2, "heads": 2, "positions": TASK.length}
    return DecoderConfig(**(settings | changes))


def members(shape: DecoderConfig) -> list[Member]:
    rates = (3e-3, 1e-2, 3e-3)
    return [Member(shape, replace(TASK, seed=seed), seed, rate) for seed, rate in enumerate(rates)]


def alone(member: Member) -> dict[str, torch.Tensor]:
    recipe = replace(RECIPE, seed=member.seed, learning_rate=member.learning_rate)
    trainer = Trainer(Plan(member.task, member.config, recipe), World())
    for step in range(recipe.steps):
        trainer.step(step)
    return dict(trainer.model.state_dict())


@pytest.mark.parametrize(
    "router",
    [None, TokenChoice(4, 2), TokenChoice(4, 2, balance_rate=1e-2)],
    ids=["dense", "experts", "balanced by a bias"],
)
def test_each_member_is_the_model_trained_alone(router):
    together = train_ensemble(members(config(router=router)), RECIPE)
    assert together.finite == (True, True, True)
    for index, member in enumerate(together.members):
        weights, expected = dict(together.ensemble.member(index).state_dict()), alone(member)
        torch.testing.assert_close(weights, expected, rtol=1e-3, atol=2e-4)
        biases = [value for name, value in expected.items() if name.endswith(".bias")]
        assert len(biases) == (2 if getattr(router, "balance_rate", 0) else 0)
        assert all(bias.abs().max() >= router.balance_rate for bias in biases)


def test_members_that_share_a_task_read_the_same_examples_and_others_their_own():
    same = [Member(config(), TASK, seed, 1e-2) for seed in range(2)]
    trained = train_ensemble([*same, Member(config(), replace(TASK, seed=5), 0, 1e-2)], replace(RECIPE, steps=1))
    tokens = stacked_examples(trained.members, "train", 0, 8, "cpu").tokens
    assert torch.equal(tokens[0], tokens[1]) and not torch.equal(tokens[0], tokens[2])


def test_a_diverged_member_is_told_from_its_neighbours():
    calm, wild = members(config())[0], replace(members(config())[1], learning_rate=float("inf"))
    assert train_ensemble([calm, wild], RECIPE).finite == (True, False)


def test_a_trained_ensemble_drops_no_tokens_and_adds_no_noise():
    router = TokenChoice(4, 2, capacity=0.5, noise=1.0)
    trained = train_ensemble(members(config(router=router)), replace(RECIPE, steps=2))
    tokens = stacked_examples(trained.members, "test", 0, 10, "cpu").tokens[..., :-1]
    once, again = trained.ensemble(tokens), trained.ensemble(tokens)
    assert torch.equal(once.logits, again.logits)
    assert torch.equal(once.routings[0].chosen_TK, once.routings[0].taken_TK)


@pytest.mark.parametrize("router", [None, TokenChoice(4, 2)], ids=["dense", "experts"])
def test_bfloat16_trains_about_the_same_weights_in_float32(router):
    recipe = replace(RECIPE, steps=4)
    exact, rough = (train_ensemble(members(config(router=router)), replace(recipe, precision=precision))
                    for precision in ("float32", "bfloat16"))  # fmt: skip
    for name, expected in exact.ensemble.parameters.items():
        found = rough.ensemble.parameters[name]
        assert found.dtype == torch.float32 and not torch.equal(found, expected)
        torch.testing.assert_close(found, expected, rtol=0, atol=0.05)


@pytest.mark.parametrize("changes", [{"accumulate": 2}, {"compile": True}], ids=str)
def test_recipes_of_single_models_are_refused(changes):
    with pytest.raises(InputError, match="one by one"):
        train_ensemble(members(config()), replace(RECIPE, **changes))
