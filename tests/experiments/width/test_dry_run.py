"""``--dry-run``: exact counts for every preset, quickly and without allocating what it counts."""

from __future__ import annotations

import json
import time
import tracemalloc

import pytest

from experiments.cli import main
from experiments.studies import with_settings
from experiments.studies.width import two_layer
from experiments.studies.width.estimate import fitting
from experiments.studies.width.preset import PRESETS
from experiments.studies.width.study import WidthStudy
from experiments.studies.width.training import TUNING_SHARE, Setup
from parrots.initialise import initial_parameters
from parrots.two_layer import initial_parameters as two_layer_parameters
from theory.accounting import table_flops

STUDY = WidthStudy()


@pytest.mark.parametrize("name", PRESETS)
def test_the_table_is_printed_in_seconds(name, capsys):
    began = time.perf_counter()
    assert main(["run", "width", "--preset", name, "--dry-run", "--json"]) == 0
    assert time.perf_counter() - began < 10
    payload = json.loads(capsys.readouterr().out)
    jobs = STUDY.jobs(PRESETS[name])
    assert [group["label"] for group in payload["groups"]] == [job.name for job in jobs]
    assert payload["total"]["cells"] == sum(len(job.cells) for job in jobs)
    assert payload["total"]["flops"] == sum(group["flops"] for group in payload["groups"])
    assert payload["total"]["memory_bytes"] == max(group["memory_bytes"] for group in payload["groups"])
    hours = payload["total"]["flops"] / PRESETS[name].device_flops / 3600
    assert payload["total"]["device_hours"] == pytest.approx(hours)


def test_parameters_are_those_of_the_largest_model():
    for job, line in zip(STUDY.jobs(PRESETS["quick"]), STUDY.dry_run(PRESETS["quick"]), strict=True):
        if job.function is two_layer.run:
            config = two_layer.members(job.cells[0].config["r"] + 2, [0])[0].config
            count = sum(value.numel() for value in two_layer_parameters(config, 0).values())
        else:
            fresh = [initial_parameters(config, 0) for config in {Setup.of(cell).config for cell in job.cells}]
            count = max(sum(value.numel() for value in parameters.values()) for parameters in fresh)
        assert line.parameters == count, job.name


def test_flops_are_three_forward_passes_a_step_and_the_tuning_runs():
    for job, line in zip(STUDY.jobs(PRESETS["quick"]), STUDY.dry_run(PRESETS["quick"]), strict=True):
        if job.function is two_layer.run:
            continue
        setups = [Setup.of(cell) for cell in job.cells]
        cells = sum(3 * s.steps * table_flops(s.config, s.batch) for s in setups)
        tuning = sum(
            len(s.learning_rates) * (3 * s.steps * table_flops(s.config, s.batch) // TUNING_SHARE) for s in set(setups)
        )
        assert line.flops == pytest.approx(cells + tuning, rel=1e-12), job.name


def test_nothing_large_is_allocated():
    tracemalloc.start()
    largest = max(line.memory_bytes for line in STUDY.dry_run(PRESETS["paper"]))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert largest > 2**30 > 10 * peak


@pytest.mark.parametrize("name", PRESETS)
def test_jobs_fit_the_device_and_lose_no_cell(name):
    """A job that is split keeps its cells in order; only a single cell may be too large."""
    whole = with_settings(PRESETS[name], ["device_gib=1e9"])
    small = with_settings(PRESETS[name], ["device_gib=0.02"])
    keys = [cell.key for job in STUDY.jobs(whole) for cell in job.cells]
    assert [cell.key for job in STUDY.jobs(small) for cell in job.cells] == keys
    assert len(STUDY.jobs(small)) > len(STUDY.jobs(whole))
    for job, line in zip(STUDY.jobs(small), STUDY.dry_run(small), strict=True):
        assert job.function is two_layer.run or line.cells == 1 or line.memory_bytes <= 0.02 * 2**30, job.name


def test_parts_are_as_few_as_fit():
    job = next(job for job in STUDY.jobs(PRESETS["quick"]) if job.function is not two_layer.run)
    limit = STUDY.dry_run(PRESETS["quick"])[0].memory_bytes
    assert fitting(job, limit) == (job,)
    assert len(fitting(job, limit - 1)) == 2


def test_a_job_that_no_machine_holds_is_refused_before_anything_is_made(tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["run", "width", "--out", str(out), "--set", "matched_batch=1000000000"]) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert "GiB" in line
    assert not out.exists()
