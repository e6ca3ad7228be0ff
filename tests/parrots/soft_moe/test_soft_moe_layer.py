"""The Soft MoE layer against a loop over tokens and slots, alone and stacked, and on disk."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from parrots.soft_moe import SoftMoe, SoftMoeConfig, initial_parameters, layer_output, mix, predict
from parrots.soft_moe.checkpoint import load_model, save_model
from theory.accounting import soft_moe_flops, soft_moe_parameters
from theory.errors import InputError

CONFIGS = st.builds(
    SoftMoeConfig,
    tokens=st.integers(1, 4),
    width=st.integers(1, 4),
    experts=st.integers(1, 3),
    hidden=st.integers(1, 3),
    outputs=st.integers(1, 2),
    slots=st.integers(1, 3),
    logits=st.sampled_from(["plain", "normalised"]),
    activation=st.sampled_from(["relu", "gelu"]),
    bias=st.booleans(),
)


def random_weights(config: SoftMoeConfig, seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(shape, generator=generator, dtype=torch.float64) for name, shape in config.shapes().items()
    }


def by_hand(x: Tensor, weights: dict[str, Tensor], config: SoftMoeConfig) -> Tensor:
    """The layer's tokens for one input ``[T, width]``, slot by slot and number by number."""

    def length(vector: Tensor) -> float:
        return math.sqrt(sum(float(entry) ** 2 for entry in vector) + 1e-6)

    phi, T, S = weights["slot_vectors"], config.tokens, config.all_slots
    logits = torch.empty(T, S, dtype=torch.float64)
    for t in range(T):
        for s in range(S):
            logits[t, s] = x[t] @ phi[:, s]
            if config.logits == "normalised":
                logits[t, s] *= weights["scale"] / (length(x[t]) * length(phi[:, s]))
    powers = logits.exp()
    outputs = []
    for s in range(S):
        slot = sum(powers[t, s] / powers[:, s].sum() * x[t] for t in range(T))
        k = s // config.slots
        hidden = slot @ weights["inner"][k] + (weights["inner_bias"][k] if config.bias else 0)
        hidden = hidden.clamp(min=0) if config.activation == "relu" else torch.nn.functional.gelu(hidden)
        outputs.append(hidden @ weights["outer"][k] + (weights["outer_bias"][k] if config.bias else 0))
    return torch.stack([sum(powers[t, s] / powers[t].sum() * outputs[s] for s in range(S)) for t in range(T)])


@settings(max_examples=60, deadline=None)
@given(CONFIGS, st.integers(0, 10**6))
def test_layer_is_the_definition(config: SoftMoeConfig, seed: int) -> None:
    weights = random_weights(config, seed)
    x = torch.randn(3, config.tokens, config.width, dtype=torch.float64)
    expected = torch.stack([by_hand(row, weights, config) for row in x])
    torch.testing.assert_close(layer_output(mix(x, weights, config)), expected)
    read = expected.flatten(1) @ weights["readout"] + weights["readout_bias"]
    torch.testing.assert_close(SoftMoe(config, weights)(x), read)


@settings(max_examples=20, deadline=None)
@given(CONFIGS, st.integers(0, 10**6))
def test_stacked_members_equal_single_ones(config: SoftMoeConfig, seed: int) -> None:
    members = [random_weights(config, seed + member) for member in range(3)]
    x = torch.randn(3, 2, config.tokens, config.width, dtype=torch.float64)
    stacked = {name: torch.stack([member[name] for member in members]) for name in config.shapes()}
    together = torch.func.vmap(lambda rows, weights: predict(rows, weights, config))(x, stacked)
    alone = torch.stack([predict(rows, member, config) for rows, member in zip(x, members, strict=True)])
    torch.testing.assert_close(together, alone)


@given(CONFIGS)
def test_parameters_are_counted(config: SoftMoeConfig) -> None:
    assert soft_moe_parameters(config) == sum(value.numel() for value in initial_parameters(config, 0).values())


@settings(max_examples=20, deadline=None)
@given(CONFIGS)
def test_flops_are_those_of_torch(config: SoftMoeConfig) -> None:
    weights = random_weights(config, 0)
    with FlopCounterMode(display=False) as counter:
        predict(torch.randn(3, config.tokens, config.width, dtype=torch.float64), weights, config)
    assert soft_moe_flops(config, 3) == counter.get_total_flops()


def test_round_trip_on_disk(tmp_path) -> None:
    config = SoftMoeConfig(tokens=2, width=3, experts=4, hidden=5)
    model = SoftMoe(config, initial_parameters(config, 1))
    save_model(model, tmp_path / "m.safetensors")
    read = load_model(tmp_path / "m.safetensors")
    assert read.config == config
    assert all(torch.equal(value, read.weights()[name]) for name, value in model.weights().items())


@pytest.mark.parametrize(
    "field", [{"tokens": 0}, {"width": -1}, {"logits": "cosine"}, {"activation": 3}, {"bias": 1}, {"slots": True}]
)
def test_shapes_that_do_not_exist(field: dict) -> None:
    with pytest.raises(InputError, match=next(iter(field))):
        replace(SoftMoeConfig(tokens=2, width=3, experts=4, hidden=5), **field)


def test_input_of_another_shape() -> None:
    config = SoftMoeConfig(tokens=2, width=3, experts=1, hidden=1)
    with pytest.raises(InputError, match=r"\[batch, 2, 3\]"):
        SoftMoe(config, initial_parameters(config, 0))(torch.zeros(1, 3, 3))
