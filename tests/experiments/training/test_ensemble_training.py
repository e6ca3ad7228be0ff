"""A member trained in an ensemble equals the same decoder trained alone, up to rounding."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from experiments.tasks.phone_book import PhoneBook
from experiments.training.ensemble import Member, train_ensemble
from experiments.training.plan import Plan
from experiments.training.recipe import Recipe
from experiments.training.trainer import Trainer
from experiments.training.world import World
from parrots.decoder import DecoderConfig
from parrots.decoder.routers.token_choice import TokenChoice

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
    tokens = trained.examples("train", 0, 8).tokens
    assert torch.equal(tokens[0], tokens[1]) and not torch.equal(tokens[0], tokens[2])


def test_a_diverged_member_is_told_from_its_neighbours():
    calm, wild = members(config())[0], replace(members(config())[1], learning_rate=float("inf"))
    assert train_ensemble([calm, wild], RECIPE).finite == (True, False)


def test_writing_and_its_probabilities_are_those_of_the_member():
    trained = train_ensemble(members(config()), RECIPE)
    examples = trained.examples("test", 0, 10)
    written, chances = trained.write(examples), trained.log_probabilities(examples)
    for index in range(3):
        model, tokens = trained.ensemble.member(index), examples.tokens[index]
        logits = model(tokens[:, :-1], last=2).logits.log_softmax(-1)
        expected = logits.gather(-1, tokens[:, -2:, None])[..., 0]
        torch.testing.assert_close(chances[index], expected, rtol=1e-4, atol=1e-4)
        assert torch.equal(written[index][:, 0], logits[:, 0].argmax(-1))


def test_a_trained_ensemble_drops_no_tokens_and_adds_no_noise():
    router = TokenChoice(4, 2, capacity=0.5, noise=1.0)
    trained = train_ensemble(members(config(router=router)), replace(RECIPE, steps=2))
    examples = trained.examples("test", 0, 10)
    assert torch.equal(trained.log_probabilities(examples), trained.log_probabilities(examples))
    assert torch.equal(trained.write(examples), trained.write(examples))
    routing = trained.ensemble(examples.tokens).routings[0]
    assert torch.equal(routing.chosen_TK, routing.taken_TK)
