"""The study through the command line at a tiny size: rows, models, report, a kill in the middle, tuning's own seed."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from width_rows import TINY, flags

from experiments import engine
from experiments.cli import main
from experiments.engine import TUNING_SEED
from experiments.store import Row, model_path, read_rows
from experiments.studies.width import certified, critical, training
from experiments.studies.width.study import WidthStudy
from experiments.studies.width.training import Setup
from parrots.checkpoint import load_model
from parrots.model import OneLayerModel
from theory.errors import InputError

JOBS = WidthStudy().jobs(TINY)
CELLS = {cell.key: cell for job in JOBS for cell in job.cells}


def run(out: Path) -> int:
    return main(["run", "width", "--out", str(out), "--json", *flags(TINY)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("width") / "results"
    assert run(out) == 0
    return out


def results(out: Path) -> dict[str, tuple]:
    """What must not depend on when a cell was trained, or with which others."""
    return {row.cell.key: (row.config, row.metrics, row.stopped) for row in read_rows(out)}


def test_every_cell_is_stored_with_the_reason_why_it_stopped(folder):
    rows = read_rows(folder)
    assert {row.cell.key for row in rows} == set(CELLS)
    assert {row.stopped for row in rows} == {"used its budget of steps"}
    assert all(row.seconds > 0 and 0 <= row.metrics["accuracy"] <= 1 for row in rows)
    assert all(row.metrics["steps"] == row.config["steps"] for row in rows)


def test_every_model_is_kept_and_is_the_one_that_was_measured(folder):
    for row in read_rows(folder):
        model = load_model(model_path(folder, row.cell.key))
        assert model.config == Setup.of(row.cell).config
        if row.panel == critical.PANEL:
            again = critical.measure(Setup.of(row.cell), row.cell.seed, model)
            assert again["accuracy"] == row.metrics["accuracy"]


def test_a_kept_model_can_be_certified_and_agrees_with_its_row(folder, capsys):
    row = next(row for row in read_rows(folder) if row.panel == certified.PANEL)
    capsys.readouterr()
    code = main(["certify", str(model_path(folder, row.cell.key)), "--json"])
    answer = json.loads(capsys.readouterr().out)
    assert {name: answer[name] for name in ("inputs", "wrong", "undecided")} == {
        name: row.metrics[name] for name in ("inputs", "wrong", "undecided")
    }
    assert answer["inputs"] == 4 ** row.config["r"]
    assert code == (0 if answer["wrong"] == answer["undecided"] == 0 else 1)


def test_the_second_run_trains_nothing(folder, capsys):
    before = (folder / "results.sqlite").read_bytes()
    capsys.readouterr()
    assert run(folder) == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["added"], summary["skipped"]) == (0, len(CELLS))
    assert (folder / "results.sqlite").read_bytes() == before


def test_the_report_is_written(folder, capsys):
    capsys.readouterr()
    assert main(["report", str(folder), "--json"]) == 0
    (report,) = json.loads(capsys.readouterr().out)["reports"]
    assert report["cells"] == len(CELLS)
    assert all(Path(file).stat().st_size > 0 for file in report["files"])
    assert all(check["holds"] for check in report["checks"])
    figures = {Path(file).stem for file in report["files"] if file.endswith(".svg")}
    assert figures == {"index-r4", "index-float", "critical-width", "critical-curves", "certified", "matched"}


def test_a_killed_run_keeps_what_it_finished_and_ends_like_an_uninterrupted_one(folder, tmp_path):
    """Bit for bit, on the same machine: a cell's result does not depend on which cells are left to train with it."""
    command = [sys.executable, "-m", "experiments.cli", "run", "width", "--out", str(tmp_path), *flags(TINY)]
    program = "import sys; from experiments.cli import main; sys.exit(main(sys.argv[1:]))"
    process = subprocess.Popen([sys.executable, "-c", program, *command[3:]], stderr=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL)  # fmt: skip
    deadline = time.monotonic() + 60
    while len(stored(tmp_path)) < 3:
        assert time.monotonic() < deadline
        assert process.poll() is None, "ended before it could be killed"
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    kept = {row.cell.key: row for row in stored(tmp_path)}
    assert 3 <= len(kept) < len(CELLS)
    assert run(tmp_path) == 0
    after = {row.cell.key: row for row in read_rows(tmp_path)}
    assert {key: after[key] for key in kept} == kept
    assert results(tmp_path) == results(folder)


def stored(out: Path) -> tuple[Row, ...]:
    try:
        return read_rows(out)
    except InputError:
        return ()


def test_the_learning_rate_is_chosen_on_the_tuning_seed_alone(monkeypatch):
    """Every tuning run has that seed and its fraction of the steps; every other run has a cell's seed and its rate."""
    runs: list[tuple[set[int], set[float], int]] = []

    def spy(members, law, recipe, density, device):
        runs.append(({member.seed for member in members}, {member.learning_rate for member in members}, recipe.steps))
        for index, trained in engine.train(members, law, recipe, density, device):
            trained.validation = 0.5 + members[index].learning_rate  # the larger rate looks better
            yield index, trained

    monkeypatch.setattr(training, "train", spy)
    job = next(job for job in WidthStudy().jobs(dataclasses.replace(TINY, seeds=2)) if "dense" in job.name)
    finished = list(job.function(job.cells))
    rates = critical.learning_rates(6)
    assert runs == [({TUNING_SEED}, set(rates), 1), ({0, 1}, {max(rates)}, TINY.critical_steps)]
    assert {one.metrics["learning_rate"] for one in finished} == {max(rates)}
    assert all(set(one.metrics["tuning"]) == {f"{rate:g}" for rate in rates} for one in finished)


@pytest.mark.parametrize("panel", [critical, certified])
def test_a_diverged_model_is_measured_like_any_other(panel):
    """One member that training threw out of range must not cost the other cells of its job."""
    setup = next(Setup.of(cell) for cell in CELLS.values() if cell.panel == panel.PANEL)
    weights = {name: torch.full(shape, float("nan")) for name, shape in setup.config.shapes().items()}
    metrics = panel.measure(setup, 0, OneLayerModel(setup.config, weights))
    assert metrics["accuracy"] == 0.0
    if panel is certified:
        assert metrics["wrong"] + metrics["undecided"] > 0
