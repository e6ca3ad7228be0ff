"""Runs that are killed, stopped, damaged, shared or given other flags."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file
from tiny_plan import FLAGS, tiny_plan

from experiments.cli import main
from experiments.training import checkpoint
from experiments.training.folder import RunFolder
from experiments.training.run import train
from experiments.training.world import World
from theory.errors import InputError

QUIET = Console(quiet=True)
TIMES = ("seconds", "tokens_per_second")


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def rows(folder: RunFolder) -> list[dict]:
    lines = [json.loads(line) for line in folder.metrics_file.read_text().splitlines()]
    return [{name: value for name, value in line.items() if name not in TIMES} for line in lines]


def assert_same_arrays(first: Path, second: Path) -> None:
    """To the bit; the order of the header's fields is free."""
    ours, theirs = load_file(first), load_file(second)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())


@pytest.fixture
def finished(tmp_path) -> RunFolder:
    folder = RunFolder(tmp_path / "finished")
    train(tiny_plan(), folder, World(), QUIET)
    return folder


def test_a_killed_run_goes_on_as_if_nothing_had_happened(tmp_path):
    steps = ["--steps", "120"]
    killed, whole = RunFolder(tmp_path / "killed"), RunFolder(tmp_path / "whole")
    words = [sys.executable, "-m", "experiments.cli", "train", *FLAGS, *steps, "--out", str(killed.path)]
    one_thread = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(words, env=one_thread, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while len(checkpoint.saved(killed.checkpoints)) < 2 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05 * (time.time_ns() % 7))  # anywhere in a step, in a line of metrics, in a checkpoint
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert not killed.last.exists()
    assert main(["train", *FLAGS, *steps, "--out", str(killed.path)]) == 0
    assert main(["train", *FLAGS, *steps, "--out", str(whole.path)]) == 0
    assert_same_arrays(killed.last, whole.last)
    assert_same_arrays(killed.best, whole.best)
    optimisers = [(checkpoint.at(run.checkpoints, 120) / checkpoint.OPTIMISER) for run in (killed, whole)]
    assert_same_arrays(*optimisers)
    assert rows(killed) == rows(whole)
    assert [row["step"] for row in rows(whole)] == list(range(1, 121))


def test_metrics_tell_speed_and_health(finished):
    line = json.loads(finished.metrics_file.read_text().splitlines()[-1])
    assert line["tokens_per_second"] > 0
    assert {"gradient_norm", "update_ratio", "largest_logit", "routers", "validation_loss"} <= line.keys()


def test_a_run_that_is_done_has_nothing_left_to_do(finished):
    before = rows(finished)
    assert train(tiny_plan(), finished, World(), QUIET).last == {}
    assert rows(finished) == before


def test_the_last_and_the_best_checkpoint_are_kept(finished):
    steps = [checkpoint.position_of(path).step for path in checkpoint.saved(finished.checkpoints)]
    best = checkpoint.position_of(finished.newest()).best.step
    assert set(steps) == {9, 12, best}


def test_another_configuration_is_refused_field_by_field(finished):
    with pytest.raises(InputError, match=r"recipe.clip: 1.0 there, 2.0 given; recipe.seed: 0 there, 7 given"):
        train(tiny_plan(clip=2.0, seed=7), finished, World(), QUIET)
    with pytest.raises(InputError, match=r"model.router: \{.* there, None given"):
        train(tiny_plan(None), finished, World(), QUIET)


@pytest.mark.parametrize("name", [checkpoint.MODEL, checkpoint.OPTIMISER, checkpoint.STATE])
@pytest.mark.parametrize(
    "edit", [lambda data: data[: len(data) // 2], lambda data: data[:-40] + bytes([data[-40] ^ 1]) + data[-39:]]
)
def test_a_truncated_or_edited_checkpoint_is_refused_and_the_one_before_serves(finished, name, edit):
    newest = finished.newest()
    whole = finished.last.rename(finished.path / "whole.safetensors")
    (newest / name).write_bytes(edit((newest / name).read_bytes()))
    with pytest.raises(InputError, match=rf"{newest.name}: {name} .*goes on from step-00000009"):
        train(tiny_plan(), finished, World(), QUIET)
    newest.rename(finished.path / "damaged")
    train(tiny_plan(), finished, World(), QUIET)
    assert_same_arrays(finished.last, whole)


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_last_checkpoint(tmp_path, monkeypatch):
    from experiments.training import trainer

    def broken(number, recipe):
        return float("inf") if number == 7 else 1.0

    monkeypatch.setattr(trainer, "schedule", broken)
    folder = RunFolder(tmp_path)
    with pytest.raises(InputError, match=r"not finite at step 9; .*step-00000006 is the last good .*--learning-rate"):
        train(tiny_plan(log_every=3, check_every=9), folder, World(), QUIET)
    assert checkpoint.position_of(folder.newest()).step == 6


def test_two_runs_in_one_folder_are_refused(tmp_path):
    folder = RunFolder(tmp_path)
    with folder.locked(), pytest.raises(InputError, match=rf"in use by another training run \(process {os.getpid()}\)"):
        train(tiny_plan(), folder, World(), QUIET)
    assert not folder.plan_file.exists()


def test_a_folder_that_cannot_be_written_is_refused_before_work_starts(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        train(tiny_plan(), RunFolder(tmp_path / "file" / "run"), World(), QUIET)


def test_asked_to_stop_it_saves_and_the_same_command_goes_on(tmp_path, monkeypatch, finished):
    from experiments.training import run

    step = run.Trainer.step

    def stops_at_five(self, number, watch=False):
        if number == 4:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(self, number, watch)

    folder = RunFolder(tmp_path / "stopped")
    monkeypatch.setattr(run.Trainer, "step", stops_at_five)
    result = train(tiny_plan(), folder, World(), QUIET)
    assert (result.stopped, result.position.step) == (True, 5)
    monkeypatch.undo()
    torch.set_num_threads(1)
    train(tiny_plan(), folder, World(), QUIET)
    assert_same_arrays(folder.last, finished.last)


def test_a_half_written_checkpoint_is_swept_away(finished: RunFolder):
    left = finished.checkpoints / ".unfinished-99"
    left.mkdir()
    (left / checkpoint.MODEL).write_bytes(b"half")
    train(tiny_plan(), finished, World(), QUIET)
    assert not left.exists()
    assert isinstance(finished.newest(), Path)
