"""``parrots rule-out`` as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from one_layer_cases import random_model

from experiments.cli import main
from parrots.checkpoint import save_model
from parrots.config import OneLayerConfig
from parrots.initialise import initial_parameters
from parrots.model import OneLayerModel
from theory.bounds import entropy_min_width


def call(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any, str]:
    code = main(["rule-out", *words, "--json"])
    captured = capsys.readouterr()
    return code, json.loads(captured.out), captured.err


def saved(model: OneLayerModel, folder: Path) -> str:
    save_model(model, folder / "model.safetensors")
    return str(folder / "model.safetensors")


def p_bit(width: int, bits: int | None, r: int = 32) -> OneLayerModel:
    config = OneLayerConfig(vertices=r + 2, width=width, hidden=4 * r, attention="uniform", value_bits=bits)
    return OneLayerModel(config, initial_parameters(config, seed=0))


def test_a_model_below_the_bound_is_ruled_out_and_found(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = saved(p_bit(entropy_min_width(32, 1, 4, "uniform") - 1, 4), tmp_path)
    code, result, errors = call(capsys, path)
    assert (code, errors) == (1, "") and result["ruled_out"] and not result["rounded_first"]
    assert (result["r"], result["bits"]) == (32, 4) and "refutation" not in result
    entropy = [row for row in result["bounds"] if row["statement"] == "own-entropy-bound"]
    assert len(entropy) == 2 and all(row["rules_out"] and row["carried"] < row["needed"] == 32 for row in entropy)
    code, result, _ = call(capsys, path, "--find")
    assert code == 1 and result["refutation"]["found"] and result["refutation"]["edges"] is not None


def test_a_construction_is_not_ruled_out(capsys: pytest.CaptureFixture[str]) -> None:
    code, result, _ = call(capsys, "construction:packed?vertices=40", "--find", "--seconds", "0.5")
    assert code == 0 and not result["ruled_out"] and not result["refutation"]["found"]
    assert all(row["carried"] >= 38 for row in result["bounds"] if row["applies"])


def test_a_float_model_is_told_what_to_do(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = saved(p_bit(3, None), tmp_path)
    code, result, _ = call(capsys, path)
    assert code == 0 and not result["ruled_out"] and result["bits"] is None
    entropy = [row for row in result["bounds"] if row["statement"] == "own-entropy-bound"]
    assert all(not row["applies"] and "--bits" in row["why"] for row in entropy)
    code, result, _ = call(capsys, path, "--bits", "2")
    assert code == 1 and result["ruled_out"] and result["rounded_first"] and result["bits"] == 2
    assert main(["rule-out", path, "--bits", "2"]) == 1
    shown = capsys.readouterr().out
    assert "RULED OUT" in shown and "rounded to 2 bits, not of the model as it is" in shown


def test_a_model_too_narrow_at_any_precision_is_ruled_out(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    config = OneLayerConfig(vertices=130, width=1, hidden=4, attention="uniform")
    code, result, _ = call(capsys, saved(random_model(config), tmp_path))
    (pattern,) = [row for row in result["bounds"] if row["statement"] == "own-pattern-bound"]
    assert code == 1 and pattern["rules_out"] and "exact arithmetic" in pattern["about"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("nowhere.safetensors",), "no checkpoint"),
        (("construction:dense?vertices=6", "--bits", "0"), "value_bits 0"),
        (("construction:dense?vertices=6", "--find", "--seconds", "0"), "give a number above 0"),
        (("rounded.safetensors", "--bits", "3"), "4-bit weights and values already"),
    ],
)
def test_bad_input_ends_with_2_and_one_line(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    save_model(p_bit(2, 4, r=4), Path("rounded.safetensors"))
    code, result, errors = call(capsys, *words)
    assert code == 2 and says in result["error"] and "\n" not in result["error"]
    assert "Traceback" not in errors


def test_a_narrow_terminal_cuts_no_statement_short(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "72")
    assert main(["rule-out", "construction:packed?vertices=34", "--bits", "2"]) == 1
    shown = capsys.readouterr().out
    for text in ("own-entropy-bound", "own-message-bound", "own-pattern-bound"):
        assert text in shown
    assert "…" not in shown
