"""The trainer's arithmetic: schedule, parts of a batch, precision, compilation, the ensemble of one."""

from __future__ import annotations

import math

import pytest
import torch
from tiny_plan import TASK, tiny_plan

from experiments.training.ensemble import Member, train_ensemble
from experiments.training.recipe import Recipe
from experiments.training.schedule import schedule
from experiments.training.trainer import Trainer, compile_layers
from experiments.training.world import World
from parrots.decoder.generate import generate
from parrots.decoder.routers import ROUTERS
from theory.errors import InputError


def trained(plan, steps: int) -> Trainer:
    trainer = Trainer(plan, World())
    for number in range(steps):
        trainer.step(number)
    return trainer


def assert_same_weights(first, second, **tolerance: float) -> None:
    torch.testing.assert_close(dict(first.named_parameters()), dict(second.named_parameters()), **tolerance)


def test_the_schedule_rises_then_falls_to_zero():
    recipe = Recipe(steps=100, warmup=0.1)
    factors = [schedule(step, recipe) for step in range(101)]
    assert factors[:11] == pytest.approx([(step + 1) / 11 for step in range(11)])
    assert factors[55] == pytest.approx(0.5)
    assert factors[100] == 0.0
    assert schedule(55, Recipe(steps=100, warmup=0.1, schedule="linear")) == pytest.approx(0.5)
    assert schedule(32, recipe) == pytest.approx(0.5 * (1 + math.cos(math.pi * 22 / 90)))


@pytest.mark.parametrize(
    "wrong",
    [{"steps": 0}, {"learning_rate": 0.0}, {"clip": -1.0}, {"warmup": 1.5}, {"betas": (0.9, 1.0)}, {"accumulate": 3}],
)
def test_a_recipe_that_no_run_can_have_is_refused(wrong):
    with pytest.raises(InputError, match=f"--{next(iter(wrong)).replace('_', '-')}"):
        Recipe(**wrong)


def test_parts_of_a_batch_equal_the_batch():
    whole, parts = (trained(tiny_plan(balance=0.0, accumulate=n), 5).model for n in (1, 4))
    assert_same_weights(whole, parts, atol=2e-5, rtol=1e-4)


def test_other_data_give_other_weights():
    first = Trainer(tiny_plan(), World())
    second = Trainer(tiny_plan(), World())
    first.step(0)
    second.step(1)
    assert not torch.equal(first.model.head.weight, second.model.head.weight)


def test_an_ensemble_of_one_is_the_trainer():
    plan = tiny_plan(steps=8, decay=0.1)
    member = Member(plan.config, TASK, plan.recipe.seed, plan.recipe.learning_rate)
    ensemble = train_ensemble([member], plan.recipe).ensemble
    assert_same_weights(ensemble.member(0), trained(plan, 8).model, atol=1e-5, rtol=1e-4)


def test_bfloat16_trains_and_keeps_float32_weights():
    plan = tiny_plan(precision="bfloat16")
    trainer = Trainer(plan, World())
    assert trainer.forward(trainer.batches.of(0)).logits.dtype == torch.bfloat16
    before = trainer.validate()["validation_loss"]
    for number in range(12):
        trainer.step(number)
    assert {weight.dtype for weight in trainer.model.parameters()} == {torch.float32}
    assert trainer.validate()["validation_loss"] < before


def test_compiled_layers_equal_eager_ones():
    eager = trained(tiny_plan(), 3)
    compiled = Trainer(tiny_plan(), World())
    compile_layers(compiled.model, backend="eager")
    for number in range(3):
        compiled.step(number)
    assert_same_weights(eager.model, compiled.model, atol=1e-5, rtol=1e-4)


def test_loss_free_balancing_moves_the_bias():
    router = ROUTERS["token-choice"](experts=4, top_k=2, balance_rate=0.01)
    trainer = Trainer(tiny_plan(router), World())
    before = [buffer.clone() for buffer in trainer.model.buffers()]
    trainer.step(0)
    assert any(not torch.equal(a, b) for a, b in zip(before, trainer.model.buffers(), strict=True))


def test_exact_answers_are_those_that_greedy_writing_gives():
    trainer = trained(tiny_plan(steps=150, learning_rate=1e-2, validation=40), 60)
    examples = TASK.examples("validation", 0, 40)
    written = generate(trainer.model, examples.tokens[:, : examples.prompt], examples.answer.shape[1])
    share = float((written == examples.answer).all(1).float().mean())
    assert share > 0
    assert trainer.validate()["validation_exact"] == pytest.approx(share)


def test_the_first_step_that_is_not_finite_is_found():
    trainer = Trainer(tiny_plan(), World())
    trainer.step(0)
    assert trainer.first_broken() is None
    with torch.no_grad():
        trainer.model.head.weight.fill_(float("nan"))
    trainer.step(1)
    trainer.step(2)
    assert trainer.first_broken() == 1
