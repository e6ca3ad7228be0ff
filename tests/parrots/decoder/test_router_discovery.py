"""One new file in the folder of routers is a new router: found, configured, counted, run, drawn into statistics."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from parrots.decoder import Decoder, DecoderConfig, routers
from parrots.decoder.losses import load_balancing_loss
from theory.accounting.decoder import decoder_parameters
from theory.errors import InputError

FIRST = '''
from dataclasses import dataclass

import torch

from parrots.decoder.experts import Experts
from parrots.decoder.dispatch import dispatch
from parrots.decoder.routers.router import RoutedFeedForward, RouterSettings, Routing
from theory.accounting.feed_forward import FeedForward, swiglu


@dataclass(frozen=True)
class First(RouterSettings):
    """Every token goes to expert ``which``."""

    name = "{name}"
    which: int = 0

    def build(self, width, hidden):
        return FirstLayer(self, width, hidden)

    def count(self, width, hidden, tokens):
        expert = swiglu(width, hidden)
        return FeedForward(0, self.experts * expert, expert, 2 * tokens * expert)


class FirstLayer(RoutedFeedForward):
    def __init__(self, settings, width, hidden):
        super().__init__()
        self.settings = settings
        self.experts = Experts(settings.experts, width, hidden)

    def forward(self, x, ids=None):
        x_TD, K = x.flatten(0, 1), self.settings.experts
        experts = torch.full((len(x_TD), 1), self.settings.which, device=x.device)
        sent = dispatch(experts, K)
        y = sent.combine(self.experts(sent.rows(x_TD), sent.ends_K), torch.ones_like(experts, dtype=x.dtype))
        taken = torch.nn.functional.one_hot(experts[:, 0], K)
        return y.view_as(x), Routing(taken.to(x.dtype), taken.to(x.dtype), taken.bool(), taken.bool())


ROUTER = First
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that the package of routers also looks into."""
    monkeypatch.setattr(routers, "__path__", [*routers.__path__, str(tmp_path)])
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("parrots.decoder.routers."):
            del sys.modules[name]
            vars(routers).pop(name.rpartition(".")[2], None)


def test_a_file_is_a_router(folder, monkeypatch):
    (folder / "first_of_all.py").write_text(FIRST.format(name="first-of-all"), encoding="utf-8")
    monkeypatch.setattr(routers, "ROUTERS", routers.find_routers())
    router = routers.router_from_json({"name": "first-of-all", "experts": 3, "which": 2})
    config = DecoderConfig(20, 8, 2, 2, 9, router=router)
    assert DecoderConfig.from_json(config.to_json()) == config
    model = Decoder(config, torch.Generator().manual_seed(0))
    output = model(torch.randint(0, 20, (2, 9)))
    output.logits.sum().backward()
    assert load_balancing_loss(output.routings[0]).item() == 3.0
    assert decoder_parameters(config).total == sum(parameter.numel() for parameter in model.parameters())


def test_files_without_a_router_are_passed_over_and_names_are_taken_once(folder):
    (folder / "no_router.py").write_text("ANYTHING = 1\n", encoding="utf-8")
    assert set(routers.find_routers()) == set(routers.ROUTERS)
    (folder / "second_hash.py").write_text(FIRST.format(name="hash"), encoding="utf-8")
    with pytest.raises(RuntimeError, match="two routers are called hash"):
        routers.find_routers()


@pytest.mark.parametrize(
    ("plain", "said"),
    [
        ({"name": "tocen-choice", "experts": 4}, "unknown router 'tocen-choice'"),
        ({"experts": 4}, "unknown router 'None'"),
        ({"name": "token-choice", "experts": 4, "topk": 2}, "router token-choice has no topk"),
        ({"name": "token-choice"}, "router token-choice needs experts"),
    ],
)
def test_settings_that_cannot_be_read_are_refused(plain, said):
    with pytest.raises(InputError, match=said):
        routers.router_from_json(plain)
