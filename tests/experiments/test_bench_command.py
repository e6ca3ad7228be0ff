"""``parrots bench``: both sides do the same work, and the ratio is the one of what was measured."""

from __future__ import annotations

import itertools
import json

import pytest
import torch

from experiments.bench import ensemble
from experiments.bench.ensemble import Ratio, measure
from experiments.cli import main

SECONDS = {(8, 1): (0.25, 2.0), (16, 4): (0.5, 0.25)}


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.cli.commands.bench.SIZES", tuple(SECONDS))
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
