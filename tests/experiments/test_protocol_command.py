"""``parrots protocol`` as a user calls it: the run in JSON, in the terminal and as a page; refusals."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
import torch
from one_layer_cases import FLOAT_KINDS, ROUNDED_KINDS, name_of, random_model

import parrots.protocol
from experiments.cli import main
from parrots.checkpoint import save_model
from parrots.config import OneLayerConfig
from parrots.model import OneLayerModel, with_value_bits
from parrots.star_instances import even_density
from theory.bounds import message_bits

DENSE = "construction:dense?vertices=8"


def call(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, Any, str]:
    code = main(["protocol", *map(str, words), "--json"])
    captured = capsys.readouterr()
    return code, json.loads(captured.out), captured.err


def saved(model: OneLayerModel, folder: Path, name: str = "model.safetensors") -> Path:
    save_model(model, folder / name)
    return folder / name


def test_a_run_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    code, result, errors = call(capsys, DENSE, "--bits", 1, "--graph", "star?density=0.5&seed=3")
    assert (code, errors) == (0, "")
    assert result["r"] == 6 and result["rounded"] and result["value_bits"] == 1
    M = message_bits(6, 1, 1, 8, "uniform")
    entropy = result["bound"].pop("entropy_bits")
    assert 6 <= entropy < M
    assert result["bound"] == {"statement": "own-message-bound", "needed": 6, "message_bits": M, "rules_out": False}
    assert result["bits"] == M and 0 <= 4 * len(result["message"]) - M < 8
    assert [step["bits"] for step in result["steps"] if step["bits"]] == [M]
    assert (result["residual"], result["error_bound"], result["agrees"]) == (0, None, True)
    assert result["logit"] == result["model_logit"]
    hers, his = (re.findall(r"\((\d+), (\d+)\)", result["steps"][at]["says"]) for at in (1, 4))
    truth = bool({v for _, v in hers} & {u for u, _ in his})
    assert result["answer"] == result["model_answer"] == result["oracle"] == truth


def test_half_of_all_random_stars_have_a_path(capsys: pytest.CaptureFixture[str]) -> None:
    answers = [call(capsys, DENSE, "--graph", f"star?seed={seed}")[1]["answer"] for seed in range(24)]
    assert 6 <= sum(answers) <= 18
    for r in (1, 6, 100):
        assert (1 - even_density(r) ** 2) ** r == pytest.approx(0.5)
    assert call(capsys, DENSE)[1] == call(capsys, DENSE, "--graph", "star?seed=0")[1] | {"graph": "star"}
    assert call(capsys, DENSE, "--graph", "star?density=1")[1]["answer"]
    assert not call(capsys, DENSE, "--graph", "star?density=0")[1]["answer"]


@pytest.mark.parametrize("config", [*FLOAT_KINDS[::8], *ROUNDED_KINDS], ids=name_of)
def test_every_kind_of_checkpoint(capsys: pytest.CaptureFixture[str], tmp_path: Path, config: OneLayerConfig) -> None:
    path = saved(random_model(config, scale=0.5), tmp_path)
    for seed in (0, 1):
        code, result, _ = call(capsys, path, "--graph", f"star?density=0.6&seed={seed}")
        assert code == 0 and result["agrees"] and result["answer"] == result["model_answer"]
        assert result["value_bits"] == config.value_bits and not result["rounded"]
        assert (result["bound"]["message_bits"] is None) == (config.value_bits is None)
        assert (result["error_bound"] is None) == (config.message_bits is not None or config.value_bits is not None)


def test_rounding_is_said_and_is_what_the_answer_is_about(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    model = random_model(FLOAT_KINDS[1], scale=0.5)
    path = saved(model, tmp_path)
    rounded = saved(with_value_bits(model, 2), tmp_path, "rounded.safetensors")
    asked, direct = call(capsys, path, "--bits", 2)[1], call(capsys, rounded)[1]
    assert asked["logit"] == direct["logit"] != call(capsys, path)[1]["logit"]
    assert (asked["rounded"], direct["rounded"]) == (True, False)
    assert main(["protocol", str(path), "--bits", "2"]) == 0
    assert "as 2-bit integers: what follows is of that model" in re.sub(r"\s+", " ", capsys.readouterr().out)


def test_too_few_bits_are_said_to_be_too_few(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    config = OneLayerConfig(vertices=8, width=1, hidden=3, experts=4, attention="uniform", value_bits=1)
    path = saved(random_model(config), tmp_path)
    code, result, _ = call(capsys, path)
    assert code == 0 and result["bits"] == 3 < result["r"] and result["bound"]["rules_out"]
    assert main(["protocol", str(path)]) == 0
    shown = re.sub(r"\s+", " ", capsys.readouterr().out)
    assert "being right on every graph takes r = 6 bits: this model errs on some graph" in shown
    wide = replace(config, width=3)
    with torch.no_grad():
        model = random_model(wide)
        model.w_value[:] = model.w_value[:, :1]  # three coordinates that say the same
    code, result, _ = call(capsys, saved(model, tmp_path))
    assert result["bits"] == 9 > result["bound"]["entropy_bits"] < 6 and result["bound"]["rules_out"]


def test_a_user_s_graph(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "g.txt").write_text("anna bert\nbert cécile\ndora cécile\ndora anna\n", encoding="utf-8")
    words = ("construction:dense?vertices=4", "--graph", tmp_path / "g.txt", "--source", "anna", "--target", "cécile")
    code, result, errors = call(capsys, *words)
    assert (code, result["answer"], result["source"], result["target"]) == (0, True, "anna", "cécile")
    assert "(anna, bert)" in result["steps"][1]["says"] and "(dora, anna)" in result["steps"][4]["says"]
    assert "directed edge" in errors
    assert "(dora, anna)" not in call(capsys, *words, "--only-star")[1]["steps"][4]["says"]


@pytest.mark.parametrize(("source", "expected"), [(0, True), (16, False)])
def test_karate_club(capsys: pytest.CaptureFixture[str], source: int, expected: bool) -> None:
    club = nx.karate_club_graph()
    assert bool(set(club[source]) & set(club[33])) == expected
    words = ("construction:packed?vertices=34", "--graph", "karate_club_graph", "--source", source, "--target", 33)
    code, result, _ = call(capsys, *words, "--only-star")
    assert (code, result["answer"], result["oracle"], result["agrees"]) == (0, expected, expected, True)
    code, result, _ = call(capsys, *words)
    assert code == 2 and "156 edges and the model 127 slots: give --only-star" in result["error"]


def test_a_run_in_the_terminal(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = saved(random_model(ROUNDED_KINDS[-2], scale=0.5), tmp_path)
    assert main(["protocol", str(path)]) == 0
    shown = re.sub(r"\s+", " ", capsys.readouterr().out)
    for part in (
        "4 experts of 5 hidden units",
        "holds the edges from the source",
        "sum of weights of a head",
        "packs the 5 numbers into 36 bits (5 bytes)",
        "his sum of weight times value of a coordinate",
        "lets the router read the query's state",
        "36 bits, whatever the graph",
        "being right on every graph takes r = 4 bits; own-message-bound allows this size 36",
        "are the same number",
        "networkx",
    ):
        assert part in shown, part


def test_a_logit_that_is_no_number_reads_as_no(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = saved(random_model(FLOAT_KINDS[-1], scale=1e12), tmp_path)
    code, result, errors = call(capsys, path)
    assert (code, errors) == (0, "")
    assert (result["logit"], result["model_logit"], result["answer"], result["agrees"]) == (None, None, False, True)
    assert main(["protocol", str(path)]) == 0
    assert "neither Bob's nor the model's own is a number" in re.sub(r"\s+", " ", capsys.readouterr().out)


def test_an_answer_that_is_not_the_model_s_ends_with_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = parrots.protocol.own_logit
    monkeypatch.setattr(parrots.protocol, "own_logit", lambda model, edges: -own(model, edges))
    code, result, _ = call(capsys, DENSE, "--bits", 1)
    assert (code, result["agrees"], result["answer"]) == (1, False, not result["model_answer"])
    assert main(["protocol", DENSE, "--bits", "1"]) == 1
    assert "BOB DIFFERS" in capsys.readouterr().out
    monkeypatch.setattr(parrots.protocol, "own_logit", lambda model, edges: np.nextafter(own(model, edges), 9))
    code, result, _ = call(capsys, DENSE, "--bits", 1)
    assert (code, result["agrees"], result["answer"]) == (1, False, result["model_answer"])


def test_a_model_that_errs_is_no_failure_of_the_protocol(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = saved(random_model(FLOAT_KINDS[0], seed=3), tmp_path)
    results = [call(capsys, path, "--graph", f"star?seed={seed}") for seed in range(8)]
    wrong = [seed for seed, (_, result, _) in enumerate(results) if result["answer"] != result["oracle"]]
    assert wrong and all(code == 0 for code, _, _ in results)
    assert main(["protocol", str(path), "--graph", f"star?seed={wrong[0]}"]) == 0
    assert "the model errs on this graph" in re.sub(r"\s+", " ", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("model", "graph"),
    [(DENSE, "star?density=0.7"), ("construction:packed?vertices=60", "star?density=0.5"), ("moe", "star?density=0")],
)
def test_the_page(capsys: pytest.CaptureFixture[str], tmp_path: Path, browser: Any, model: str, graph: str) -> None:
    if model == "moe":
        config = OneLayerConfig(vertices=6, width=32, hidden=4, heads=4, experts=16, value_bits=8)
        model = str(saved(random_model(config, scale=0.2), tmp_path))
    page = tmp_path / "deep" / "run.html"
    code, result, errors = call(capsys, model, "--graph", graph, "--out", page)
    assert code == 0 and f"written: {page}" in errors
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"https?://(?!www\.w3\.org)", text)
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    tab = context.new_page()
    problems: list[str] = []
    tab.on("console", lambda message: problems.append(message.text))
    tab.goto(page.as_uri())
    shown = re.sub(r"\s+", " ", tab.inner_text("body"))
    for step in result["steps"]:
        assert re.sub(r"\s+", " ", step["says"]) in shown
    assert f"{result['bits']} bits" in shown and result["message"][:40] in shown
    assert tab.evaluate("document.querySelector('img').naturalWidth") > 100
    for width in (1400, 400):
        tab.set_viewport_size({"width": width, "height": 900})
        assert tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
        assert tab.evaluate(
            "[...document.querySelectorAll('figure .scroll')].every(b => b.scrollWidth <= b.clientWidth)"
        )
    assert problems == []
    context.close()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nowhere.safetensors"], "no checkpoint"),
        (["construction:two-layer?vertices=8"], "not covered"),
        (["nan.safetensors"], "not finite"),
        ([DENSE, "--bits", "0"], "value_bits 0"),
        ([DENSE, "--bits", "25"], "value_bits 25"),
        (["rounded.safetensors", "--bits", "3"], "leave the bits out"),
        ([DENSE, "--graph", "star?density=2"], "density 2.0"),
        ([DENSE, "--graph", "star?density=nan"], "density nan"),
        ([DENSE, "--graph", "star?seed=-1"], "no random star"),
        ([DENSE, "--graph", "star?seed=1&seed=2"], "no random star"),
        ([DENSE, "--graph", "star?edges=3"], "no random star"),
        ([DENSE, "--graph", "star", "--source", "0"], "leave both out"),
        ([DENSE, "--graph", "karate_club_graph"], "give --source and --target"),
        ([DENSE, "--graph", "karate_club_graph", "--source", "0", "--target", "0"], "two different"),
        ([DENSE, "--graph", "karate_club_graph", "--source", "0", "--target", "99"], "target '99'"),
        (
            [DENSE, "--graph", "karate_club_graph", "--source", "0", "--target", "33"],
            "34 vertices and the model is for 8",
        ),
        ([DENSE, "--graph", "no_such_graph", "--source", "0", "--target", "1"], "neither a file"),
        ([DENSE, "--out", "taken/run.html"], "--out 'taken/run.html' cannot be written"),
        ([DENSE, "--out", "."], "a folder, a device or a pipe"),
        (["wide.safetensors"], "not enough memory"),
        (["huge.safetensors", "--bits", "4"], "overflow before they are rounded"),
    ],
)
def test_bad_input_ends_with_2_and_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    model = random_model(FLOAT_KINDS[0])
    with torch.no_grad():
        model.readout[0] = torch.nan
    saved(model, Path())
    Path("model.safetensors").rename("nan.safetensors")
    saved(random_model(ROUNDED_KINDS[-1]), Path(), "rounded.safetensors")
    saved(random_model(FLOAT_KINDS[-1], scale=1e12), Path(), "huge.safetensors")
    wide = random_model(FLOAT_KINDS[0])
    save_model(
        OneLayerModel(replace(wide.config, slots=10**15), dict(wide.named_parameters())), Path("wide.safetensors")
    )
    Path("taken").write_text("a file")
    code, result, errors = call(capsys, *words)
    assert code == 2 and says in result["error"] and "\n" not in result["error"]
    assert errors == f"parrots: {result['error']}\n"
