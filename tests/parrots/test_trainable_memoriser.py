"""The trainable memoriser: against a loop over experts, attention, counts, seeds, bad input."""

from __future__ import annotations

import pytest
import torch

from parrots.flat import sizes, unpack
from parrots.memoriser.trainable import TrainableConfig, answer, initial_parameters, state
from theory.accounting import trainable_memoriser_flops, trainable_memoriser_parameters
from theory.errors import InputError

SHAPES = [
    TrainableConfig(3, 5),
    TrainableConfig(4, 2, experts=3),
    TrainableConfig(4, 1, experts=8, attention="learned"),
    TrainableConfig(2, 7, attention="learned"),
]
each = pytest.mark.parametrize("config", SHAPES, ids=str)


def stacked(config: TrainableConfig, seeds: tuple[int, ...]) -> dict[str, torch.Tensor]:
    flat = torch.stack([initial_parameters(config, seed) for seed in seeds])
    noise = torch.randn(flat.shape, generator=torch.Generator().manual_seed(9))
    return unpack(flat + 0.3 * noise, config.shapes())  # biases and directions start at 0 and would hide mistakes


@each
def test_agrees_with_one_sequence_and_one_expert_at_a_time(config: TrainableConfig) -> None:
    parameters = stacked(config, (0, 1))
    tokens = torch.randn(2, 11, 4, config.width, generator=torch.Generator().manual_seed(1))
    x = state(tokens, parameters, config)
    output = answer(x, parameters, config)
    for e in range(2):
        own = {name: value[e].double() for name, value in parameters.items()}
        for i, sequence in enumerate(tokens[e].double()):
            scores = sequence @ own["direction"] if config.attention == "learned" else torch.zeros(4)
            read = scores.softmax(0).double() @ sequence * 2  # sqrt(4 tokens)
            k, gate = 0, 1.0
            if config.experts > 1:
                probabilities = (read @ own["router"] + own["router_bias"]).softmax(0)
                k, gate = int(probabilities.argmax()), float(probabilities.max())
            hidden = (read @ own["inner"][k] + own["inner_bias"][k]).relu()
            expected = gate * (hidden @ own["outer"][k] + own["outer_bias"][k])
            assert output.logits[e, i].item() == pytest.approx(float(expected), rel=1e-4, abs=1e-5)
            if config.experts > 1:
                assert int(output.routing.experts[e, i]) == k


@each
def test_counts_are_those_of_the_formula(config: TrainableConfig) -> None:
    counts = trainable_memoriser_parameters(config.width, config.hidden, config.experts, config.attention == "learned")
    parameters = stacked(config, (0,))
    assert sum(value.numel() for value in parameters.values()) == counts.total == sum(sizes(config.shapes()).values())
    one = sum(parameters[name][0, 0].numel() for name in ("inner", "inner_bias", "outer", "outer_bias"))
    assert counts.total - counts.active == (config.experts - 1) * one


def test_flops_by_hand() -> None:
    """m = 4, N = 3, F = 2, K = 5: mean 12, or scores and weighted mean 48; router 40; expert 2*2*4 + 2*2."""
    assert trainable_memoriser_flops(4, 3, 2, 5, learned_attention=False) == 12 + 40 + 20
    assert trainable_memoriser_flops(4, 3, 2, 1, learned_attention=True) == 48 + 20


def test_learned_attention_starts_uniform_and_its_direction_weighs_tokens() -> None:
    config = TrainableConfig(3, 4, attention="learned")
    parameters = unpack(initial_parameters(config, 0)[None], config.shapes())
    tokens = torch.randn(1, 5, 4, 3, generator=torch.Generator().manual_seed(2))
    uniform = state(tokens, {}, TrainableConfig(3, 4))
    assert torch.allclose(state(tokens, parameters, config), uniform, atol=1e-6)
    assert float(uniform.var()) == pytest.approx(1, abs=0.6)
    far = {**parameters, "direction": torch.tensor([[100.0, 0.0, 0.0]])}
    chosen = tokens[0, 0, tokens[0, 0, :, 0].argmax()]
    assert torch.allclose(state(tokens, far, config)[0, 0], 2 * chosen, atol=1e-4)


def test_the_gate_is_positive_and_gives_the_router_a_gradient() -> None:
    config = TrainableConfig(4, 2, experts=3)
    flat = torch.stack([initial_parameters(config, 0)]).requires_grad_()
    parameters = unpack(flat, config.shapes())
    output = answer(torch.randn(1, 6, 4, generator=torch.Generator().manual_seed(0)), parameters, config)
    assert (output.routing.gates > 0).all()
    (gradient,) = torch.autograd.grad(output.logits.square().sum(), flat)
    assert unpack(gradient, config.shapes())["router"].abs().sum() > 0


@each
def test_a_seed_means_the_same_weights(config: TrainableConfig) -> None:
    assert torch.equal(initial_parameters(config, 3), initial_parameters(config, 3))
    assert not torch.equal(initial_parameters(config, 3), initial_parameters(config, 4))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [((0, 1), "width 0"), ((1, 0), "hidden 0"), ((1, 1, 0), "experts 0"), ((1, 1, 1, "soft"), "attention 'soft'")],
)
def test_shapes_that_do_not_exist(arguments: tuple, words: str) -> None:
    with pytest.raises(InputError, match=words):
        TrainableConfig(*arguments)
