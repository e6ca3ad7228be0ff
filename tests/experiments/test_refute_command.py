"""``parrots refute`` as a user calls it: graphs that the model gets wrong, attempts, refusals."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import networkx as nx
import pytest
import torch
from one_layer_cases import FLOAT_KINDS, ROUNDED_KINDS, name_of, random_model

from experiments.cli import main
from parrots.checkpoint import save_model
from parrots.config import OneLayerConfig
from parrots.constructions import build
from parrots.extract import extract
from parrots.initialise import initial_parameters
from parrots.model import OneLayerModel
from theory.bounds import message_min_width
from theory.certify import certify


def call(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any, str]:
    code = main(["refute", *words, "--json"])
    captured = capsys.readouterr()
    return code, json.loads(captured.out), captured.err


def saved(model: OneLayerModel, folder: Path) -> str:
    save_model(model, folder / "model.safetensors")
    return str(folder / "model.safetensors")


def errs_on(model: OneLayerModel, edges: list[list[int]]) -> bool:
    """The model itself on this graph against networkx, without the package's own replay."""
    config = model.config
    slots = torch.full((1, config.edge_slots, 2), -1)
    for slot, edge in enumerate(edges):
        slots[0, slot] = torch.tensor(edge)
    graph = nx.DiGraph([(u, v) for u, v in edges])
    graph.add_nodes_from(range(config.vertices))
    truth = any(len(path) == 3 for path in nx.all_simple_paths(graph, 0, config.vertices - 1, cutoff=2))
    with torch.no_grad():
        return bool(model(slots)[0] >= 0) != truth


@pytest.mark.parametrize(
    "model",
    ["construction:dense?vertices=8", "construction:packed?vertices=10&digits=2", "construction:packed?vertices=40"],
)
def test_a_right_model_is_not_refuted(capsys: pytest.CaptureFixture[str], model: str) -> None:
    code, result, errors = call(capsys, model, "--evaluations", "4000", "--seconds", "30")
    assert (code, errors) == (0, "")
    assert (result["found"], result["edges"], result["method"], result["margin"]) == (False, None, None, None)
    assert result["evaluations"] == sum(attempt["evaluations"] for attempt in result["attempts"]) > 4000
    assert {"sampling", "local"} <= {attempt["method"] for attempt in result["attempts"]}
    assert "model_answer" not in result


@pytest.mark.parametrize("config", [*FLOAT_KINDS[::6], *ROUNDED_KINDS], ids=name_of)
def test_a_graph_is_found_that_the_model_gets_wrong(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, config: OneLayerConfig
) -> None:
    model = random_model(replace(config, slots=9), scale=0.5)
    code, result, _ = call(capsys, saved(model, tmp_path))
    assert code == 1 and result["found"] and result["seconds"] < 60
    assert errs_on(model, result["edges"])
    assert result["model_answer"] == result["table_answer"] != result["oracle"]
    assert result["margin"] < 0 and any(attempt["ended"] == "found" for attempt in result["attempts"])


@pytest.mark.parametrize(("name", "vertices"), [("dense", 66), ("packed", 66), ("packed", 500)])
def test_a_construction_with_one_weight_broken_is_refuted(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str, vertices: int
) -> None:
    model = build(name, vertices).model
    row = vertices // 3
    with torch.no_grad():
        model.edges[row, int(model.edges[row].argmax())] = 0  # the edge (s, row + 1) looks like a null token
    code, result, _ = call(capsys, saved(model, tmp_path))
    assert code == 1 and errs_on(model, result["edges"])
    assert [row + 1, vertices - 1] in result["edges"] and [0, row + 1] in result["edges"]


@pytest.mark.parametrize("attention", ["uniform", "softmax"])
@pytest.mark.parametrize(("bits", "heads", "experts"), [(1, 1, 1), (4, 1, 4), (4, 2, 1)])
def test_a_p_bit_model_below_the_bound_is_refuted_at_64_vertices(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, attention: Any, bits: int, heads: int, experts: int
) -> None:
    width = (message_min_width(64, heads, bits, attention) - 1) // heads * heads
    config = OneLayerConfig(
        vertices=66, width=width, hidden=64, heads=heads, experts=experts, attention=attention, value_bits=bits
    )
    model = OneLayerModel(config, initial_parameters(config, seed=bits))
    code, result, _ = call(capsys, saved(model, tmp_path))
    assert code == 1 and errs_on(model, result["edges"])
    code, result, _ = call(capsys, saved(model, tmp_path), "--methods", "lattice")  # whatever the block is
    assert code == 1 and errs_on(model, result["edges"])


def test_an_exact_collision_is_shown(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    config = OneLayerConfig(vertices=18, width=2, hidden=8, attention="uniform", value_bits=2)
    path = saved(OneLayerModel(config, initial_parameters(config, seed=0)), tmp_path)
    code, result, _ = call(capsys, path, "--methods", "exhaustive")
    assert code == 1 and result["method"] == "exhaustive"
    pair = result["collision"]
    assert pair["exact"] and pair["residual"] == 0 and pair["first"] != pair["second"]
    assert main(["refute", path, "--methods", "exhaustive"]) == 1
    shown = capsys.readouterr().out
    assert "REFUTED by exhaustive" in shown and "the same message" in shown and "networkx" in shown


def test_what_was_tried_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["refute", "construction:dense?vertices=6"]) == 0
    shown = capsys.readouterr().out
    assert "not refuted after these attempts" in shown and "no proof" in shown
    assert "all-inputs" in shown and "tried all it has" in shown and "correct" not in shown


def test_what_the_model_itself_answers_rightly_is_no_counterexample(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A read-out that is off by a float32 rounding error: exact arithmetic is wrong on it, the model is not."""
    model = build("packed", vertices=10, digits=2).model
    with torch.no_grad():
        model.readout[0] -= 0.1
    assert certify(extract(model)).wrong > 0
    path = saved(model, tmp_path)
    code, result, _ = call(capsys, path)
    assert code == 0 and not result["found"] and result["answered_rightly"] > 0
    assert main(["refute", path]) == 0
    assert "in its own precision" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("nowhere.safetensors",), "no checkpoint"),
        (("construction:dense?vertices=40", "--methods", "exhaustive"), "2^38 messages"),
        (("construction:dense?vertices=40", "--methods", "all-inputs"), "4^38 inputs"),
        (("construction:dense?vertices=6", "--methods", "luck"), "no method called 'luck'"),
        (("construction:dense?vertices=6", "--seconds", "0"), "give a number above 0"),
        (("construction:dense?vertices=6", "--workers", "0"), "workers 0"),
        (("construction:dense?vertices=6", "--workers", "100000"), "workers 100000: give 1 to"),
        (("construction:dense?vertices=6", "--seed", "-1"), "seed -1: give 0 or more"),
        (("x" * 5000,), "x': give a .safetensors file"),
        (("construction:two-layer?vertices=6",), "two"),
    ],
)
def test_bad_input_ends_with_2_and_one_line(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], says: str
) -> None:
    code, result, errors = call(capsys, *words)
    assert code == 2 and says in result["error"] and "\n" not in result["error"]
    assert "Traceback" not in errors


def test_weights_that_are_not_numbers_are_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    model = build("dense", vertices=6).model
    with torch.no_grad():
        model.edges[0, 0] = float("nan")
    code, result, _ = call(capsys, saved(model, tmp_path))
    assert code == 2 and "not finite" in result["error"]
