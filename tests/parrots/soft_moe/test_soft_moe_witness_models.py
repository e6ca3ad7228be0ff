"""Witnesses on models: trained in the test, asked for both inputs, and recomputed in loops."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from parrots.soft_moe import SoftMoe, SoftMoeConfig, initial_parameters
from parrots.soft_moe.checkpoint import save_model
from parrots.soft_moe.slot_files import is_model, read_slots
from parrots.soft_moe.witness import experts, slot_vectors, told
from theory.errors import InputError
from theory.soft_moe import Verdict, read_outs, witnesses
from theory.soft_moe.slots import EPSILON

CONFIGS = {
    "one expert": SoftMoeConfig(tokens=3, width=2, experts=1, hidden=16, logits="plain"),
    "one expert, normalised": SoftMoeConfig(tokens=3, width=2, experts=1, hidden=16, activation="gelu"),
    "two slots each": SoftMoeConfig(tokens=4, width=5, experts=2, slots=2, hidden=6, logits="plain", bias=False),
    "few, normalised": SoftMoeConfig(tokens=3, width=4, experts=4, hidden=8),
    "many, normalised": SoftMoeConfig(tokens=3, width=2, experts=8, hidden=8, activation="gelu"),
}


def trained(config: SoftMoeConfig, steps: int = 60) -> SoftMoe:
    """Fitted to the Frobenius norm of Gaussian inputs, in float32."""
    generator = torch.Generator().manual_seed(0)
    model = SoftMoe(config, initial_parameters(config, 1))
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(steps):
        x = torch.randn(64, config.tokens, config.width, generator=generator)
        loss = (model(x).squeeze(1) - x.flatten(1).norm(dim=1)).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model


@pytest.fixture(scope="module")
def models() -> dict[str, SoftMoe]:
    return {name: trained(config) for name, config in CONFIGS.items()}


def verdicts(model: SoftMoe, size: float) -> list[Verdict]:
    found = witnesses(slot_vectors(model), model.config.tokens, size)
    return [verdict for verdict in found if verdict.witness is not None]


def naive(model: SoftMoe, x: np.ndarray) -> list[float]:
    """The read-out, written out token by token and slot by slot."""
    config, weights = model.config, {name: value.detach().double().numpy() for name, value in model.weights().items()}
    T, S = config.tokens, config.all_slots

    def unit(vector: np.ndarray) -> np.ndarray:
        return vector / math.sqrt(float(vector @ vector) + EPSILON)

    logits = np.zeros((T, S))
    for t in range(T):
        for s in range(S):
            phi = weights["slot_vectors"][:, s]
            plain = config.logits == "plain"
            logits[t, s] = x[t] @ phi if plain else weights["scale"] * (unit(x[t]) @ unit(phi))
    outputs = []
    for s in range(S):
        powers = [math.exp(logits[t, s] - logits[:, s].max()) for t in range(T)]
        slot = sum(powers[t] / sum(powers) * x[t] for t in range(T))
        e = s // config.slots
        hidden = slot @ weights["inner"][e] + (weights["inner_bias"][e] if config.bias else 0)
        active = [
            h * (1 + math.erf(h / math.sqrt(2))) / 2 if config.activation == "gelu" else max(h, 0) for h in hidden
        ]
        outputs.append(np.array(active) @ weights["outer"][e] + (weights["outer_bias"][e] if config.bias else 0))
    tokens = []
    for t in range(T):
        powers = [math.exp(logits[t, s] - logits[t].max()) for s in range(S)]
        tokens.append(sum(powers[s] / sum(powers) * outputs[s] for s in range(S)))
    return list(np.concatenate(tokens) @ weights["readout"] + weights["readout_bias"])


def expected_statements(name: str) -> list[str]:
    few = ["own-soft-orthogonal", "own-soft-few-slots"]
    return {
        "one expert": ["chung-one-expert", *few],
        "one expert, normalised": ["chung-one-expert", *few, "own-soft-collinear"],
        "two slots each": few,
        "few, normalised": ["own-soft-few-slots", "own-soft-collinear"],
        "many, normalised": ["own-soft-collinear"],
    }[name]


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("size", [1.0, 100.0])
def test_a_trained_model_gives_both_inputs_one_answer(models: dict[str, SoftMoe], name: str, size: float) -> None:
    model = models[name]
    found = verdicts(model, size)
    assert [verdict.statement for verdict in found] == expected_statements(name)
    for verdict in found:
        answers = told(model, verdict.witness)
        by_hand = [naive(model, x) for x in (verdict.witness.first, verdict.witness.second)]
        assert answers.first == pytest.approx(by_hand[0], rel=1e-9, abs=1e-9)
        assert answers.second == pytest.approx(by_hand[1], rel=1e-9, abs=1e-9)
        assert answers.at_most is not None
        assert answers.differ <= answers.at_most + 1e-12 * (1 + abs(answers.first[0]))
        if verdict.witness.exact:
            assert answers.at_most < 1e-12 * (1 + size)


@pytest.mark.parametrize("name", CONFIGS)
def test_it_errs_by_the_least_error_on_one_of_the_two(models: dict[str, SoftMoe], name: str) -> None:
    for verdict in verdicts(models[name], 100.0):
        answers = told(models[name], verdict.witness)
        error = verdict.witness.errors[0]
        worst = max(abs(answers.first[0] - error.first), abs(answers.second[0] - error.second))
        assert worst >= error.absolute - answers.at_most
        assert error.absolute > 10


@pytest.mark.parametrize("name", CONFIGS)
def test_a_perturbed_pair_gets_two_answers(models: dict[str, SoftMoe], name: str) -> None:
    model = models[name]
    for verdict in (*verdicts(model, 1.0), *verdicts(model, 100.0)):
        if verdict.witness.exact == (
            abs(verdict.witness.first).max() < 10
        ):  # short opposite tokens, long collinear ones
            moved = verdict.witness.first.copy()
            moved[1] *= 2
            answers = [naive(model, x)[0] for x in (moved, verdict.witness.second)]
            assert abs(answers[0] - answers[1]) > 100 * told(model, verdict.witness).at_most


@pytest.mark.parametrize("name", CONFIGS)
def test_enclosed_answers_hold_those_of_float64(models: dict[str, SoftMoe], name: str) -> None:
    model = models[name]
    x = np.random.default_rng(0).normal(size=(2, model.config.tokens, model.config.width))
    enclosed = read_outs(x[0], x[1], slot_vectors(model), experts(model))
    with torch.no_grad():
        computed = model.double()(torch.from_numpy(x))[:, 0]
    model.float()
    for ball, number in zip(enclosed, computed, strict=True):
        assert float(ball[0]) == pytest.approx(float(number), rel=1e-12)
        assert float(ball[0].rad()) < 1e-60


def test_experts_do_not_matter() -> None:
    """The pair depends on the slot vectors alone: any experts give it one answer."""
    config = CONFIGS["few, normalised"]
    vectors: Tensor | None = None
    for seed in range(3):
        model = SoftMoe(config, initial_parameters(config, seed))
        vectors = model.slot_vectors.detach().clone() if vectors is None else vectors
        other = SoftMoe(config, {**initial_parameters(config, seed), "slot_vectors": vectors})
        for verdict in verdicts(other, 10.0)[:1]:
            assert told(other, verdict.witness).differ < 1e-11


def test_large_models_are_not_enclosed() -> None:
    config = SoftMoeConfig(tokens=2, width=64, experts=32, hidden=1024)
    model = SoftMoe(config, initial_parameters(config, 0))
    (verdict, *_) = verdicts(model, 10.0)
    assert told(model, verdict.witness).at_most is None


def test_slot_files(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(4, 3, 2)).astype(np.float32)
    np.save(tmp_path / "phi.npy", vectors)
    save_file({"phi": torch.from_numpy(vectors), "scale": torch.tensor([2.5])}, tmp_path / "phi.safetensors")
    save_file({"mu": torch.from_numpy(vectors).bfloat16()}, tmp_path / "one.safetensors")
    expected = vectors.reshape(4, 6).astype(float)
    plain, scaled = read_slots(tmp_path / "phi.npy", "plain"), read_slots(tmp_path / "phi.safetensors", "normalised")
    assert (plain.vectors == expected).all() and (scaled.vectors == expected).all()
    assert (plain.scale, scaled.scale) == (1.0, 2.5)
    assert read_slots(tmp_path / "phi.safetensors", "normalised", 7.0).scale == 7.0
    assert np.allclose(read_slots(tmp_path / "one.safetensors", "plain").vectors, expected, rtol=2**-8)
    assert not is_model(tmp_path / "phi.safetensors")
    config = CONFIGS["one expert"]
    save_model(SoftMoe(config, initial_parameters(config, 0)), tmp_path / "model.safetensors")
    assert is_model(tmp_path / "model.safetensors")


def test_bad_slot_files_are_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "broken.npy").write_bytes(b"\x93NUMPY")
    (tmp_path / "broken.safetensors").write_bytes(b"no")
    np.save(tmp_path / "object.npy", np.array([{}], dtype=object))
    np.save(tmp_path / "words.npy", np.array([["a"]]))
    np.save(tmp_path / "complex.npy", np.ones((2, 2), complex))
    save_file({"a": torch.ones(2, 2), "b": torch.ones(2, 2)}, tmp_path / "two.safetensors")
    save_file({"phi": torch.ones(2, 2), "scale": torch.ones(2)}, tmp_path / "scale.safetensors")
    save_file({"phi": torch.full((2, 2), math.inf)}, tmp_path / "inf.safetensors")
    save_file({"phi": torch.ones(2, 2), "scale": torch.tensor(1j)}, tmp_path / "imaginary.safetensors")
    save_file({"phi": torch.ones(0, 2, 3)}, tmp_path / "empty.safetensors")
    np.save(tmp_path / "empty.npy", np.ones((0, 3, 2)))
    np.savez(tmp_path / "archive", a=np.ones((2, 2)))
    (tmp_path / "archive.npz").rename(tmp_path / "archive.npy")
    (tmp_path / "folder.npy").mkdir()
    names = ("broken.npy", "broken.safetensors", "object.npy", "words.npy", "complex.npy", "two.safetensors")
    names += ("imaginary.safetensors", "empty.safetensors", "empty.npy", "archive.npy")
    for name in (*names, "scale.safetensors", "inf.safetensors", "folder.npy", "none.npy", "none.safetensors", "x.txt"):
        with pytest.raises(InputError) as caught:
            read_slots(tmp_path / name, "plain")
        assert len(str(caught.value).splitlines()) == 1
