"""``parrots certify`` as a user calls it: verdicts, counterexamples that the model itself gets wrong, refusals."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from one_layer_cases import FLOAT_KINDS, ROUNDED_KINDS, name_of, random_model

from experiments.cli import main
from parrots.checkpoint import save_model
from parrots.config import OneLayerConfig
from parrots.constructions import build
from parrots.model import OneLayerModel


def call(capsys: pytest.CaptureFixture[str], model: object) -> tuple[int, Any, str]:
    code = main(["certify", str(model), "--json"])
    captured = capsys.readouterr()
    return code, json.loads(captured.out), captured.err


def saved(model: OneLayerModel, folder: Path) -> Path:
    save_model(model, folder / "model.safetensors")
    return folder / "model.safetensors"


@pytest.mark.parametrize(
    "model",
    ["construction:dense?vertices=7", "construction:packed?vertices=10&digits=2", "construction:packed?vertices=8"],
)
def test_a_right_model_ends_with_0(capsys: pytest.CaptureFixture[str], model: str) -> None:
    code, result, errors = call(capsys, model)
    assert (code, errors) == (0, "")
    r = result["r"]
    assert result == {
        "model": model,
        "r": r,
        "inputs": 4**r,
        "wrong": 0,
        "undecided": 0,
        "min_margin": 0.5,
        "error_bound": result["error_bound"],
        "counterexample": None,
    }
    assert 0 < result["error_bound"] < 1e-9


@pytest.mark.parametrize("config", [*FLOAT_KINDS[::6], *ROUNDED_KINDS[:3]], ids=name_of)
def test_a_counterexample_is_replayed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, config: OneLayerConfig
) -> None:
    code, result, _ = call(capsys, saved(random_model(replace(config, slots=9), scale=0.5), tmp_path))
    assert code == 1 and result["wrong"] > 0 and result["min_margin"] < 0
    edges = result["counterexample"]
    truth = any([0, i] in edges and [i, 5] in edges for i in range(1, 5))
    assert all(edge[0] == 0 or edge[1] == 5 for edge in edges)
    assert (result["oracle"], result["model_answer"], result["table_answer"]) == (truth, not truth, not truth)


def test_a_defect_is_shown_to_people(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    model = build("dense", vertices=6).model
    with torch.no_grad():
        model.edges[2] = 0  # the edge (s, 3) is not seen
    path = saved(model, tmp_path)
    assert main(["certify", str(path)]) == 1
    shown = capsys.readouterr().out
    for part in ("NOT right on every input", "256 = 4^4", "27", "(0, 3)", "(3, 5)", "model no, networkx yes"):
        assert part in shown
    assert main(["certify", "construction:dense?vertices=6"]) == 0
    shown = capsys.readouterr().out
    assert "right on every input" in shown and "NOT" not in shown and "counterexample" not in shown


def test_a_counterexample_without_edges(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    model = build("dense", vertices=4).model
    with torch.no_grad():
        model.outer[:] = 0
        model.outer_bias[0, 3] = 0.25  # always yes: all disjoint pairs are alike, the empty one comes first
    code, result, _ = call(capsys, saved(model, tmp_path))
    assert (code, result["counterexample"], result["wrong"]) == (1, [], 9)
    assert (result["model_answer"], result["table_answer"], result["oracle"]) == (True, True, False)


def test_undecided_is_not_certified(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    model = build("dense", vertices=5).model
    with torch.no_grad():
        model.outer_bias[0, 4] = 0.0
    code, result, _ = call(capsys, saved(model, tmp_path))
    assert (code, result["wrong"], result["undecided"], result["counterexample"]) == (1, 0, 27, None)


def test_without_a_bound_the_result_is_still_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    model = random_model(OneLayerConfig(vertices=5, width=2, hidden=2), scale=3e12)
    code, result, _ = call(capsys, saved(model, tmp_path))
    assert (code, result["undecided"], result["error_bound"]) == (1, 64, None)
    assert main(["certify", str(tmp_path / "model.safetensors")]) == 1
    assert "NOT right on every input" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("nowhere.safetensors", "no checkpoint"),
        ("construction:dense", "names no size"),
        ("construction:dens?vertices=5", "did you mean dense?"),
        ("construction:dense?vertices=17", "r = 15 means 4^15 inputs: certify takes r up to 14"),
        ("broken.safetensors", "not a whole safetensors file"),
        ("few.safetensors", "at least 8 slots"),
    ],
)
def test_bad_input_ends_with_2_and_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("broken.safetensors").write_bytes(b"PK\x03\x04")
    save_model(random_model(replace(FLOAT_KINDS[0], slots=6)), Path("few.safetensors"))
    code, result, errors = call(capsys, model)
    assert code == 2 and says in result["error"] and "\n" not in result["error"]
    assert "Traceback" not in errors
