"""``parrots bench moe``: every side computes the same layer, and the ratios are those of what was measured."""

from __future__ import annotations

import json

import pytest
import torch

from experiments.bench import moe
from experiments.cli import main
from theory.errors import InputError

pytest.importorskip("transformers", reason="the other side is transformers' layer")
SECONDS = {"Mixtral loop": 4.0, "Mixtral": 3.0, "ours": 2.0, "ours compiled": 1.5}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"BATCH": 2, "TOKENS": 6, "HEADS": 2}.items():
        monkeypatch.setattr(moe, name, value)
    monkeypatch.setattr(torch, "compile", lambda layer: layer)


@pytest.mark.usefixtures("small")
def test_all_sides_give_the_same_output_and_gradients() -> None:
    """Of the tokens and of the experts: transformers keeps the transposes."""
    torch.manual_seed(0)
    eager, _ = moe._mixtral(16, 4, "eager", "cpu")
    ours = moe._ours(eager, 16, 4)
    x = torch.randn(2, 6, 16)
    mine, theirs = (one.requires_grad_() for one in (x.clone(), x.clone()))
    gradient = torch.randn_like(x)
    y_mine, y_theirs = ours.feed_forward(mine)[0], eager.mlp(theirs)
    for y in (y_mine, y_theirs):
        y.backward(gradient)
    given = dict(eager.mlp.named_parameters())
    pairs = [
        (y_mine, y_theirs),
        (mine.grad, theirs.grad),
        (ours.feed_forward.router.weight.grad, given["gate.weight"].grad),
        (ours.feed_forward.experts.gate_up.grad, given["experts.gate_up_proj"].grad.mT),
        (ours.feed_forward.experts.down.grad, given["experts.down_proj"].grad.mT),
    ]
    for a, b in pairs:
        torch.testing.assert_close(a, b, rtol=1e-5, atol=2e-6)
    measured = moe.measure(16, 4, rounds=1)
    assert 0 < measured.difference < 1e-5
    assert set(measured.sides) == {"Mixtral loop", "Mixtral", "Mixtral compiled", "ours", "ours compiled"}


@pytest.mark.usefixtures("small")
def test_sides_that_differ_are_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moe, "_rope_base", lambda layer: 10.0)
    with pytest.raises(InputError, match="the sides differ by"):
        moe.measure(16, 4, rounds=1)


def test_ratios(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(moe, "SIZES", ((16, 4),))
    monkeypatch.setattr(moe, "measure", lambda width, K: moe.Seconds(width, K, "cpu", SECONDS, 1e-6))
    assert main(["bench", "moe", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert row["ratios"] == {"Mixtral loop": 2.0, "Mixtral": 1.5, "ours": 1.0, "ours compiled": 0.75}
    assert row["compiled_ratios"]["Mixtral"] == 2.0
    assert main(["bench", "moe"]) == 0
    shown = capsys.readouterr().out
    assert all(text in shown for text in (*SECONDS, "4000.00", "2.67"))
