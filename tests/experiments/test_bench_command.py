"""``parrots bench``: both sides do the same work, and the ratio is the one of what was measured."""

from __future__ import annotations

import itertools
import json

import pytest
import torch

from experiments.bench import certify, ensemble
from experiments.bench.ensemble import Ratio, measure
from experiments.cli import main
from experiments.cli.commands.bench import BENCHMARKS
from parrots.config import OneLayerConfig
from parrots.extract import extract
from parrots.initialise import initial_parameters
from parrots.model import OneLayerModel

SECONDS = {(8, 1): (0.25, 2.0), (16, 4): (0.5, 0.25)}


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ensemble, "SIZES", tuple(SECONDS))
    monkeypatch.setattr(ensemble, "measure", lambda r, K: Ratio(r, K, 12, *SECONDS[r, K]))


@pytest.mark.usefixtures("tiny")
def test_the_ratio_is_loop_over_ensemble(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "ensemble", "--json"]) == 0  # slower is no error
    assert json.loads(capsys.readouterr().out) == {
        "benchmark": "ensemble",
        "rows": [
            {"r": 8, "experts": 1, "members": 12, "ensemble_seconds": 0.25, "loop_seconds": 2.0, "ratio": 8.0},
            {"r": 16, "experts": 4, "members": 12, "ensemble_seconds": 0.5, "loop_seconds": 0.25, "ratio": 0.5},
        ],
    }


@pytest.mark.usefixtures("tiny")
def test_people_see_milliseconds(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench"]) == 0
    shown = capsys.readouterr().out
    assert all(number in shown for number in ("250.00", "2000.00", "8.0", "0.5"))


def test_an_unknown_benchmark_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "ensmeble", "--json"]) == 2
    assert "did you mean ensemble?" in json.loads(capsys.readouterr().out)["error"]


def test_the_fastest_round_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that advances by the next number at every second look: 2 and 12 seconds, then 4 and 6."""
    ticks = itertools.accumulate([0.0, 2.0, 0.0, 12.0, 0.0, 4.0, 0.0, 6.0])
    monkeypatch.setattr(ensemble.time, "perf_counter", lambda: next(ticks))
    monkeypatch.setattr(ensemble, "MEMBERS", 2)
    result = measure(3, 1, rounds=2, steps=2)
    assert (result.ensemble, result.loop, result.ratio) == (1.0, 3.0, 3.0)
    assert (result.r, result.experts) == (3, 1)


@pytest.mark.parametrize("experts", [1, 4])
def test_both_sides_take_the_same_steps(experts: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Losses of the two sides at every step, caught at their common loss function."""
    losses: list[torch.Tensor] = []
    plain = torch.nn.functional.binary_cross_entropy_with_logits

    def caught(logits: torch.Tensor, labels: torch.Tensor, **options: str) -> torch.Tensor:
        losses.append(plain(logits.detach(), labels, reduction="none").mean(-1).reshape(-1))
        return plain(logits, labels, **options)

    for where in ("experiments.engine", "experiments.bench.ensemble"):
        monkeypatch.setattr(f"{where}.binary_cross_entropy_with_logits", caught)
    monkeypatch.setattr(ensemble, "MEMBERS", 3)
    one_rate = {"rates": (), "steps": 1, "batch": ensemble.BATCH}
    monkeypatch.setattr(ensemble, "Recipe", lambda **_: ensemble_recipe(**one_rate))
    measure(4, experts, rounds=1, steps=5)
    together, alone = torch.stack(losses[:5]), torch.cat(losses[5:]).view(5, 3)
    torch.testing.assert_close(together, alone, rtol=1e-3, atol=1e-4)
    assert (together[0] - together[4]).abs().min() > 1e-4


ensemble_recipe = ensemble.Recipe


def test_certified_and_evaluated_inputs_a_second(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All 256 inputs certified in 2 seconds, 100 evaluated in 4."""
    ticks = itertools.accumulate([0.0, 2.0, 0.0, 9.0, 0.0, 5.0, 0.0, 4.0])
    monkeypatch.setattr(certify.time, "perf_counter", lambda: next(ticks))
    monkeypatch.setattr(certify, "MOST_EVALUATED", 100)
    monkeypatch.setattr(certify, "certify", lambda table: None)
    one = certify.measure(4, 2, rounds=2)
    assert (one.inputs, one.evaluated, one.certified_rate, one.evaluated_rate, one.ratio) == (256, 100, 128, 25, 5.12)
    monkeypatch.setattr(certify, "SIZES", ((4, 2),))
    monkeypatch.setattr(certify, "measure", lambda r, K: one)
    assert main(["bench", "certify", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "benchmark": "certify",
        "rows": [
            {"r": 4, "experts": 2, "inputs": 256, "inputs_evaluated": 100, "certified_a_second": 128.0,
             "evaluated_a_second": 25.0, "ratio": 5.12},
        ],
    }  # fmt: skip
    assert main(["bench", "certify"]) == 0
    shown = capsys.readouterr().out
    assert all(cell in shown for cell in (*certify.HEAD, *one.cells()))


@pytest.mark.parametrize("experts", [1, 4])
def test_both_sides_count_the_same_wrong_answers(experts: int) -> None:
    """Float32 and the certificate agree where no margin is tiny."""
    config = OneLayerConfig(vertices=7, width=5, hidden=20, experts=experts, attention="uniform")
    model = OneLayerModel(config, initial_parameters(config, 0))
    certificate = certify.certify(extract(model))
    assert certify.wrong_answers(model, 4**5) == certificate.wrong > 0
    assert certify.wrong_answers(model, 100) < certificate.wrong


def test_every_benchmark_has_its_parts() -> None:
    assert set(BENCHMARKS) == {"ensemble", "certify", "tasks", "moe"}
    assert all(len(bench.HEAD) == 6 and bench.SIZES for bench in (ensemble, certify))
