"""Routers inside of a run: what is refused, and what a finished run draws."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from experiments.tasks.phone_book import PhoneBook
from experiments.tasks.two_hop import LengthTwoPath
from experiments.training.folder import RunFolder
from experiments.training.plan import Plan
from experiments.training.recipe import Recipe
from experiments.training.run import train
from experiments.training.world import World
from parrots.decoder import DecoderConfig
from parrots.decoder.routers.expert_choice import ExpertChoice
from parrots.decoder.routers.soft import Soft
from parrots.decoder.routers.token_choice import TokenChoice
from theory.errors import InputError


def model(task, router) -> DecoderConfig:
    return DecoderConfig(len(task.vocabulary), 8, 2, 2, task.length, router=router)


@pytest.mark.parametrize("kind", [ExpertChoice, Soft])
def test_a_router_that_looks_ahead_is_refused_where_it_would_read_the_answer(kind):
    book = PhoneBook(entries=20)
    with pytest.raises(InputError, match=f"{kind.name} as set here looks at later tokens.*answers of 4 tokens"):
        Plan(book, model(book, kind(4, over="sequence")), Recipe())
    assert Plan(book, model(book, kind(4)), Recipe()).answer == 4
    path = LengthTwoPath()
    assert Plan(path, model(path, kind(4, over="sequence")), Recipe()).answer == 1


@pytest.mark.parametrize("router", [TokenChoice(4, 2, capacity=0.5, balance_rate=0.01), None], ids=str)
def test_a_finished_run_draws_its_routers(tmp_path, router):
    book = PhoneBook(entries=20)
    recipe = Recipe(steps=4, batch=8, log_every=2, check_every=4, save_every=4, validation=8)
    train(Plan(book, model(book, router), recipe), RunFolder(tmp_path), World(), Console(file=io.StringIO()))
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 4]
    drawn = {file.name for file in tmp_path.glob("routers.*")}
    assert drawn == (set() if router is None else {"routers.svg", "routers.png"})
    if router is not None:
        assert all(0.3 < layer["dropped"] < 0.8 for line in lines for layer in line["routers"])
