"""``parrots certify`` as a user calls it: verdicts, counterexamples that the model itself gets wrong, refusals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
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
        "decided_exactly": 0,
        "why_undecided": None,
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


def test_zeros_are_decided_exactly(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """No common vertex: a logit of exactly 0, which says yes."""
    model = build("dense", vertices=5).model
    with torch.no_grad():
        model.outer_bias[0, 4] = 0.0
    code, result, _ = call(capsys, saved(model, tmp_path))
    assert (code, result["wrong"], result["undecided"], result["decided_exactly"]) == (1, 27, 0, 27)
    assert (result["counterexample"], result["model_answer"], result["oracle"]) == ([], True, False)


def test_undecided_is_not_certified_and_says_why(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("theory.certify.exact._MACHINE", 0)
    monkeypatch.setattr("theory.certify.exact.MAX_STATES", 0)
    model = build("dense", vertices=5).model
    with torch.no_grad():
        model.outer_bias[0, 4] = 0.0
    path = saved(model, tmp_path)
    code, result, _ = call(capsys, path)
    assert (code, result["wrong"], result["undecided"], result["counterexample"]) == (1, 0, 27, None)
    assert "different states" in result["why_undecided"]
    assert main(["certify", str(path)]) == 1
    shown = capsys.readouterr().out
    assert "NOT right on every input" in shown and "different states" in shown


def test_without_a_bound_the_result_is_still_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A router score off by 1 makes a gate off by a factor: the margin has no useful bound, its sign has."""
    model = random_model(OneLayerConfig(vertices=5, width=2, hidden=2, experts=2, attention="uniform"), scale=1e6)
    path = saved(model, tmp_path)
    code, result, _ = call(capsys, path)
    assert (code, result["error_bound"], result["undecided"]) == (1, None, 0)
    assert main(["certify", str(path)]) == 1
    assert "no bound" in capsys.readouterr().out


def test_weights_that_are_no_numbers_are_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    model = build("dense", vertices=5).model
    with torch.no_grad():
        model.outer_bias[0, 4] = float("nan")
    code, result, _ = call(capsys, saved(model, tmp_path))
    assert code == 2 and "not finite" in result["error"] and "\n" not in result["error"]


def test_the_state_of_another_model_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    state = str(tmp_path / "state")
    assert main(["certify", "construction:dense?vertices=6", "--state", state]) == 0
    assert main(["certify", "construction:dense?vertices=6", "--state", state]) == 0
    capsys.readouterr()
    assert main(["certify", "construction:packed?vertices=6", "--state", state, "--json"]) == 2
    assert "records the certificate of another model" in json.loads(capsys.readouterr().out)["error"]


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ("no/state", "cannot be opened (No such file or directory): give the name of a new file"),
        ("x" * 300, "File name too long"),
        (".", "a folder, a device or a pipe"),
        ("/dev/zero", "a folder, a device or a pipe"),  # to read it would never end
        ("pipe", "a folder, a device or a pipe"),
        ("text", "no record of `parrots certify`"),
    ],
)
def test_what_can_be_no_state_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    Path("text").write_text("mine")
    assert main(["certify", "construction:dense?vertices=6", "--state", state, "--json"]) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert says in error and "\n" not in error
    assert Path("text").read_text() == "mine"


@pytest.mark.parametrize(("state", "says"), [((), "nothing was kept"), (("--state", "kept"), "kept keeps what was")])
def test_an_interruption_says_how_to_go_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, state: tuple[str, ...], says: str
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("theory.certify.certify", interrupted)
    assert main(["certify", "construction:dense?vertices=6", *state, "--json"]) == 130
    captured = capsys.readouterr()
    for text in (json.loads(captured.out)["error"], captured.err):
        assert says in text
        assert f"parrots certify 'construction:dense?vertices=6' --state {state[1] if state else 'FILE'}" in text


def test_a_killed_run_goes_on_to_the_same_certificate(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """kill -9 in the middle of 16 squares; what they say is kept, and only the rest is done."""
    config = OneLayerConfig(vertices=13, width=6, hidden=8, heads=2, experts=3, top_k=2)
    path, state = saved(random_model(config, scale=0.3), tmp_path), tmp_path / "state"
    words = ["certify", str(path), "--state", str(state), "--json"]
    program = f"import sys; from experiments.cli import main; sys.exit(main({words!r}))"
    running = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.DEVNULL)
    while running.poll() is None and (not state.exists() or state.read_bytes().count(b"\n") < 3):
        time.sleep(0.01)
    running.kill()
    assert running.wait() == -signal.SIGKILL
    kept = state.read_bytes().count(b"\n") - 1
    assert 2 <= kept < 16
    assert main(words) == 1
    went_on = json.loads(capsys.readouterr().out)
    assert main(["certify", str(path), "--json"]) == 1
    assert went_on == json.loads(capsys.readouterr().out)
    assert went_on["inputs"] == 4**11 and state.read_bytes().count(b"\n") == 17


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("nowhere.safetensors", "no checkpoint"),
        ("construction:dense", "names no size"),
        ("construction:dens?vertices=5", "did you mean dense?"),
        ("construction:dense?vertices=24", "r = 22 means 4^22 inputs, about"),
        ("construction:packed?vertices=514", "longer than the world will last"),  # 4^512 is no float
        ("construction:dense?vertices=24", "`parrots refute` looks for a wrong answer at any r"),
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
