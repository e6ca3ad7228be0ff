"""Weights in MegaBlocks' layout, and what is said where it cannot run; its parity is in tests/megablocks."""

from __future__ import annotations

import pytest
import torch

from parrots.decoder.experts import Experts
from parrots.decoder.routers.token_choice import TokenChoice
from parrots.interop import megablocks
from parrots.interop.megablocks import MegaBlocksLayer, from_megablocks, to_megablocks, unusable
from theory.errors import InputError


def experts(K: int = 3, width: int = 4, hidden: int = 5) -> Experts:
    torch.manual_seed(0)
    made = Experts(K, width, hidden)
    with torch.no_grad():
        for weight in made.parameters():
            weight.normal_()
    return made


def test_each_row_is_a_hidden_unit() -> None:
    ours = experts()
    layout = to_megablocks(ours)
    for k in range(3):
        for unit in range(5):
            row = 5 * k + unit
            assert layout["w1"][row].equal(ours.gate_up[k, :, unit])
            assert layout["v1"][row].equal(ours.gate_up[k, :, 5 + unit])
            assert layout["w2"][row].equal(ours.down[k, unit])


def test_there_and_back() -> None:
    ours = experts()
    back = from_megablocks(to_megablocks(ours), 3)
    assert back.gate_up.equal(ours.gate_up)
    assert back.down.equal(ours.down)


@pytest.mark.parametrize("broken", ["missing", "shape", "experts"])
def test_weights_that_do_not_fit_are_refused(broken: str) -> None:
    layout = to_megablocks(experts())
    if broken == "missing":
        del layout["v1"]
    if broken == "shape":
        layout["w2"] = layout["w2"][:-1]
    with pytest.raises(InputError, match="experts \\* hidden, width"):
        from_megablocks(layout, 4 if broken == "experts" else 3)


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(megablocks, "find_spec", lambda name: None if name == "grouped_gemm" else object())
    with pytest.raises(InputError, match=r"without grouped_gemm: .* run pip install .*megablocks"):
        MegaBlocksLayer(TokenChoice(experts=2).build(4, 4))
    monkeypatch.setattr(megablocks, "find_spec", lambda name: object())
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "no CUDA device" in str(unusable())


@pytest.mark.parametrize(
    ("settings", "hidden", "said"),
    [
        (TokenChoice(experts=2, capacity=1.0), 64, "without capacity"),
        (TokenChoice(experts=2), 63, "128 hidden units"),
        (TokenChoice(experts=2), 64, "bfloat16 here, not torch.float32"),
    ],
)
def test_what_it_cannot_run_is_refused(
    settings: TokenChoice, hidden: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(megablocks, "unusable", lambda: None)
    with pytest.raises(InputError, match=said):
        MegaBlocksLayer(settings.build(4, hidden))
