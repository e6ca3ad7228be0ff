"""``parrots soft-moe witness`` as a user calls it: models, slot vectors alone, and refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from experiments.cli import main
from parrots.soft_moe import SoftMoe, SoftMoeConfig, initial_parameters
from parrots.soft_moe.checkpoint import load_model, save_model
from theory import statements

FEW = SoftMoeConfig(tokens=3, width=4, experts=3, hidden=5, logits="plain")
MANY = SoftMoeConfig(tokens=3, width=2, experts=1, slots=8, hidden=5, logits="plain")
NORMALISED = SoftMoeConfig(tokens=3, width=2, experts=8, hidden=5)


def saved(config: SoftMoeConfig, folder: Path) -> Path:
    save_model(SoftMoe(config, initial_parameters(config, 0)), folder / "model.safetensors")
    return folder / "model.safetensors"


def call(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, Any]:
    code = main(["soft-moe", "witness", *map(str, words), "--json"])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(("config", "size"), [(FEW, 2.0), (NORMALISED, 50.0)])
def test_the_pair_in_json_gets_one_answer(
    config: SoftMoeConfig, size: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = saved(config, tmp_path)
    code, result = call(capsys, path, "--size", size)
    assert (code, result["found"]) == (0, True)
    assert (result["tokens"], result["width"], result["slots"]) == (3, config.width, config.all_slots)
    found = [row for row in result["statements"] if row["witness"]]
    assert found and all(row["covers"] for row in found)
    model = load_model(path).double()
    for row in found:
        witness = row["witness"]
        pair = torch.tensor([witness["first"], witness["second"]], dtype=torch.float64)
        answers = model(pair)[:, 0].tolist()
        assert answers == pytest.approx([witness["answers"]["first"][0], witness["answers"]["second"][0]], rel=1e-12)
        assert abs(answers[0] - answers[1]) <= witness["answers"]["at_most"] + 1e-14
        errors = {error["target"]: error for error in witness["least_errors"]}
        norms = pair.flatten(1).norm(dim=1)
        assert errors["Frobenius norm"]["absolute"] == pytest.approx(float(norms[0] - norms[1]) / 2)


def test_every_statement_gets_its_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, result = call(capsys, saved(FEW, tmp_path))
    names = [row["statement"] for row in result["statements"]]
    assert names == [name for name in statements.ids() if name in names]
    assert {row["statement"]: row["covers"] for row in result["statements"]} == {
        "chung-one-expert": False,
        "own-soft-orthogonal": True,
        "own-soft-few-slots": True,
        "own-soft-many-slots": False,
        "own-soft-collinear": False,
    }


def test_a_layer_with_many_slots_has_no_such_pair(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = saved(MANY, tmp_path)
    code, result = call(capsys, path)
    assert (code, result["found"]) == (1, False)
    assert result["kappa"] == pytest.approx(np.cos(np.pi / 8))
    assert main(["soft-moe", "witness", str(path)]) == 1
    shown = capsys.readouterr().out
    assert "no pair" in shown
    assert f"{1 - np.cos(np.pi / 8):.3g} t" in shown


def test_slot_vectors_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    vectors = np.random.default_rng(0).normal(size=(4, 2, 2))
    np.save(tmp_path / "phi.npy", vectors)
    code, result = call(capsys, tmp_path / "phi.npy", "--tokens", 2, "--logits", "plain", "--size", 3)
    assert code == 0
    (witness,) = (row["witness"] for row in result["statements"] if row["witness"])
    assert witness["answers"] is None
    first, phi = np.array(witness["first"]), vectors.reshape(4, 4)
    weights = np.exp(first @ phi)
    assert np.abs((weights / weights.sum(0)).T @ first).max() < 1e-14
    assert np.linalg.norm(first, axis=1).max() == pytest.approx(3)


def test_the_terminal_shows_pair_answers_and_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["soft-moe", "witness", str(saved(NORMALISED, tmp_path))]) == 0
    shown = capsys.readouterr().out
    for text in ("own-soft-collinear", "nearly one output", "this model", "largest token norm", "proved"):
        assert text in shown


def test_bad_input_ends_with_one_line_and_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = saved(FEW, tmp_path)
    np.save(tmp_path / "phi.npy", np.ones((2, 2)))
    np.save(tmp_path / "line.npy", np.ones(2))
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(model.read_bytes()[:-8])
    phi = tmp_path / "phi.npy"
    for words, message in (
        (["witness", model, "--tokens", 3], "leave out --tokens"),
        (["witness", model, "--size", 0], "size 0.0"),
        (["witness", model, "--size", "nan"], "size"),
        (["witness", phi], "give --tokens and --logits"),
        (["witness", phi, "--tokens", 2], "give --tokens and --logits"),
        (["witness", phi, "--tokens", 0, "--logits", "plain"], "0 tokens"),
        (["witness", phi, "--tokens", 2, "--logits", "plain", "--scale", 2], "no scale"),
        (["witness", phi, "--tokens", 2, "--logits", "cosine"], "plain"),
        (["witness", tmp_path / "line.npy", "--tokens", 2, "--logits", "plain"], "[width, slots]"),
        (["witness", tmp_path / "none.npy", "--tokens", 2, "--logits", "plain"], "none.npy"),
        (["witness", cut], "not a whole safetensors file"),
        (["witness"], "required"),
        (["weigh", phi], "witness"),
    ):
        assert main(["soft-moe", *map(str, words)]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert len(captured.err.splitlines()) == 1
        assert message in captured.err
