"""An ensemble that is killed in training goes on from the state that was kept, to the same bits."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
import torch

from experiments.tasks.phone_book import PhoneBook
from experiments.training import ensemble, in_flight
from experiments.training.ensemble import Member, train_ensemble
from experiments.training.recipe import Recipe
from parrots.decoder import DecoderConfig
from parrots.decoder.routers.token_choice import TokenChoice
from theory.errors import InputError

RECIPE = Recipe(steps=9, batch=8, decay=0.1)
TASK = PhoneBook(entries=30, letters=2, digits=2)
ROUTER = TokenChoice(4, 2, balance_rate=1e-2, noise=1.0)


class KilledError(Exception):
    pass


def members() -> list[Member]:
    config = DecoderConfig(len(TASK.vocabulary), 8, 1, 2, positions=TASK.length, router=ROUTER)
    return [Member(config, replace(TASK, seed=seed), seed, 1e-2) for seed in range(2)]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(in_flight.FOLDER, str(tmp_path))
    monkeypatch.setattr(in_flight, "SECONDS", 0.0)
    return tmp_path


def kill_at(step: int, monkeypatch) -> None:
    def schedule(number: int, recipe: Recipe) -> float:
        if number == step:
            raise KilledError
        return 1.0

    monkeypatch.setattr(ensemble, "schedule", schedule)


def weights(trained: ensemble.TrainedEnsemble) -> dict[str, torch.Tensor]:
    return trained.ensemble.parameters | trained.ensemble.buffers


def test_a_killed_ensemble_goes_on_to_the_same_bits(folder, monkeypatch):
    kill_at(-1, monkeypatch)
    torch.manual_seed(0)
    whole = weights(train_ensemble(members(), RECIPE))
    for file in folder.iterdir():
        file.unlink()
    torch.manual_seed(0)
    kill_at(5, monkeypatch)
    with pytest.raises(KilledError):
        train_ensemble(members(), RECIPE)
    torch.manual_seed(77)  # another process, whose random state is another
    seen = []
    monkeypatch.setattr(ensemble, "schedule", lambda number, recipe: seen.append(number) or 1.0)
    resumed = weights(train_ensemble(members(), RECIPE))
    assert seen == [5, 6, 7, 8]
    assert resumed.keys() == whole.keys()
    assert all(torch.equal(resumed[name], whole[name]) for name in whole)


def test_another_training_has_another_file(folder):
    train_ensemble(members(), replace(RECIPE, steps=1))
    train_ensemble(members(), replace(RECIPE, steps=2))
    train_ensemble(members()[:1], replace(RECIPE, steps=2))
    assert len([*folder.iterdir()]) == 3


def test_a_damaged_file_is_refused(folder):
    train_ensemble(members(), replace(RECIPE, steps=1))
    (file,) = folder.iterdir()
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(InputError, match="damaged"):
        train_ensemble(members(), replace(RECIPE, steps=1))


def test_short_trainings_write_nothing(folder, monkeypatch):
    monkeypatch.setattr(in_flight, "SECONDS", 300.0)
    train_ensemble(members(), replace(RECIPE, steps=1))
    assert not [*folder.iterdir()]


def test_the_environment_names_the_folder_while_a_study_runs(tmp_path, monkeypatch):
    monkeypatch.delenv(in_flight.FOLDER, raising=False)
    with pytest.raises(KilledError), in_flight.kept_in(tmp_path):
        assert os.environ[in_flight.FOLDER] == str(tmp_path)
        raise KilledError
    assert in_flight.FOLDER not in os.environ
    monkeypatch.setenv(in_flight.FOLDER, "elsewhere")
    with in_flight.kept_in(tmp_path):
        assert os.environ[in_flight.FOLDER] == "elsewhere"
    assert os.environ[in_flight.FOLDER] == "elsewhere"
