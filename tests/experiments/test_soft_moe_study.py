"""The study `soft-moe`: its rows and models, a killed run, checks that can fail, the page, bad input."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from experiments.cli import main
from experiments.engine import BUDGET, DIVERGED, stream
from experiments.report.drawing import render
from experiments.store import Row, model_path, read_rows
from experiments.studies import with_settings
from experiments.studies.soft_moe import STUDY, cells
from experiments.studies.soft_moe.analysis import chosen, gain_by_slots, line, pairs, points
from experiments.studies.soft_moe.analysis import finished as of_finished
from experiments.studies.soft_moe.cells import ARMS
from experiments.studies.soft_moe.preset import PRESETS
from experiments.studies.soft_moe.report import checks, page
from experiments.studies.soft_moe.setup import Setup
from experiments.studies.soft_moe.targets import inputs
from parrots.soft_moe.checkpoint import load_model
from theory.errors import InputError

TINY = ["seeds=2", "targets=frobenius", "learning_rates=0.1,0.3", "hidden=15", "tokens=2", "width=2",
        "experts=1,2,4", "slots=2,4", "many=4", "shape_tokens=3", "shape_widths=2", "larger=3", "steps=20", "batch=32",
        "tests=400", "starts=8", "climbs=8"]  # fmt: skip


@pytest.fixture(scope="module")
def out(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("soft-moe") / "results"
    assert main(["run", "soft-moe", "--out", str(folder), "--workers", "1", "--json", "--set", *TINY]) == 0
    return folder


@pytest.fixture(scope="module")
def rows(out: Path) -> tuple[Row, ...]:
    return read_rows(out)


def changed(row: Row, **metrics: object) -> Row:
    return dataclasses.replace(row, metrics={**row.metrics, **metrics})


def failing(rows: tuple[Row, ...]) -> list[str]:
    return [check.claim for check in checks(rows) if not check.holds]


def test_every_cell_is_trained_and_no_statement_refuted(rows) -> None:
    expected = {cell.key for job in STUDY.jobs(with_settings(PRESETS["quick"], TINY)) for cell in job.cells}
    assert {row.cell.key for row in rows} == expected
    assert {row.stopped for row in rows} == {BUDGET}
    assert len(checks(rows)) == 10
    assert failing(rows) == []


def test_a_stored_model_gives_the_errors_of_its_row(out: Path, rows) -> None:
    """Recomputed from the file, the test inputs and the formula of the target alone."""
    for row in rows[:: len(rows) // 7]:
        if row.config["kind"] == "perceptron":
            continue
        model = load_model(model_path(out, row.cell.key))
        assert sum(value.numel() for value in model.parameters()) == row.metrics["parameters"]
        config = row.config
        x = inputs(stream("test", row.cell.seed), config["tests"], config["tokens"], config["width"], config["radius"])
        norms = np.linalg.norm(x, axis=2)
        truth = np.sqrt(np.square(norms).sum(1))
        error = model(torch.from_numpy(x)).detach().numpy()[:, 0] - truth
        assert np.sqrt(np.square(error).mean()) / truth.std() == pytest.approx(row.metrics["error"], rel=1e-4)
        assert abs(error).max() / config["radius"] == pytest.approx(row.metrics["sampled"], rel=1e-4)


def test_the_command_finds_the_pair_of_a_stored_model(out: Path, rows, capsys) -> None:
    row = next(row for row in rows if row.config["experts"] * row.config["slots"] == 1 and row.metrics["witnesses"])
    assert main(["soft-moe", "witness", str(model_path(out, row.cell.key)), "--json"]) == 0
    covering = [
        verdict["statement"] for verdict in json.loads(capsys.readouterr().out)["statements"] if verdict["covers"]
    ]
    assert covering == [found["statement"] for found in row.metrics["witnesses"]]


def test_finished_cells_of_a_job_do_not_change_the_others(rows) -> None:
    """What a killed run lost is trained again to the last bit."""
    found = {row.cell.key: row for row in rows}
    for job in STUDY.jobs(with_settings(PRESETS["quick"], TINY))[:12:3]:
        (again,) = cells.run(job.cells[-1:])
        row = found[again.cell.key]
        assert {name: again.metrics[name] for name in row.metrics} == dict(row.metrics)


def test_every_check_can_fail(rows) -> None:
    def with_pair(row: Row, statement: str, **values: float) -> Row:
        found = [one | values if one["statement"] == statement else one for one in row.metrics["witnesses"]]
        return changed(row, witnesses=found)

    for statement, words in (
        ("chung-one-expert", "one expert with one slot"),
        ("own-soft-orthogonal", "leave a direction out"),
        ("own-soft-few-slots", "are alike in a direction"),
        ("own-soft-collinear", "normalised logits"),
    ):
        place = next(i for i, row in enumerate(rows) if any(one["statement"] == statement for one in pairs(row)))
        others = rows[:place] + rows[place + 1 :]
        for values, end in (({"gap": 0.2}, "have one output"), ({"error": 0.0}, "off by half")):
            claims = failing((with_pair(rows[place], statement, **values), *others))
            assert [words in claim and end in claim for claim in claims] == [True], (statement, values)
    few = next(row for row in rows if line(row))
    assert any("confuses a pair" in claim for claim in failing((changed(few, witnesses=[]), *rows)))
    many = next(row for row in rows if row.config["logits"] == "plain" and row.config["experts"] == 4)
    assert any("no model has" in claim for claim in failing((changed(many, witnesses=few.metrics["witnesses"]), *rows)))


def test_the_page_from_all_rows_from_few_and_from_none(rows) -> None:
    whole = page(rows)
    assert [section.figure.name for section in whole.sections if section.figure] == [
        "targets", "slots-average", "slots-largest"]  # fmt: skip
    for section in whole.sections:
        if section.figure:
            assert b"<svg" in render(section.figure)[0]
    assert len(whole.findings) == 4
    assert {"chung-one-expert", "own-soft-many-slots", "own-soft-collinear"} < set(whole.statements())
    assert {name for section in whole.sections if section.table for name in section.table.columns} > {"T", "d"}
    single = page([row for row in rows if row.config["kind"] == "experts"])
    assert single.sections == ()
    assert single.findings == ()
    partial = page([row for row in rows if row.config["kind"] in ("experts", "slots") and row.panel == ARMS])
    for section in partial.sections:
        if section.figure:
            render(section.figure)
    assert page([]).sections == page([]).checks == ()


def test_the_gain_by_slots_is_a_share_of_that_by_experts(rows) -> None:
    found = points([row for row in rows if row.panel == ARMS])
    one, slots, experts = (
        [dataclasses.replace(point, rows=tuple(changed(row, error=error + row.cell.seed) for row in point.rows))
         for point in chosen(found, kind, "plain", "frobenius", size)]
        for kind, size, error in (("experts", 1, 0.9), ("slots", 4, 0.5), ("experts", 4, 0.1))
    )  # fmt: skip
    assert gain_by_slots(one, slots, experts).value == pytest.approx(0.5)
    assert gain_by_slots(one, slots, []) is None


def test_a_model_out_of_range_is_a_row_and_on_no_table(rows) -> None:
    settings = [*(s for s in TINY if "rates" not in s), "learning_rates=1e38"]
    job = STUDY.jobs(with_settings(PRESETS["quick"], settings))[0]
    finished = list(cells.run(job.cells))
    assert {one.stopped for one in finished} == {DIVERGED}
    assert all(one.checkpoint is None for one in finished)
    lost = dataclasses.replace(rows[0], metrics={**finished[0].metrics}, stopped=DIVERGED)
    assert page((lost,)).sections == ()
    assert of_finished((lost, *rows[1:])) == list(rows[1:])


@pytest.mark.parametrize("name", PRESETS)
def test_dry_run_counts_what_is_planned(name: str) -> None:
    preset = PRESETS[name]
    for job, estimate in zip(STUDY.jobs(preset), STUDY.dry_run(preset), strict=True):
        setup = Setup.of(job.cells[0])
        assert estimate.cells == len(job.cells)
        assert estimate.parameters == setup.arm.parameters
        assert estimate.memory_bytes > 4 * estimate.parameters
        runs = estimate.cells + estimate.cells // preset.seeds * len(preset.learning_rates)
        assert estimate.flops >= 3 * runs * setup.arm.flops * preset.steps * preset.batch


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("seeds=0", "every number must be positive"),
        ("targets=norm", "unknown target 'norm'"),
        ("targets=token,token", "each once"),
        ("many=64", "many 64 is not among both"),
        ("experts=2,16", "experts must hold 1"),
        ("tokens=1", "tokens below 2"),
        ("hidden=20", "give more hidden units"),
    ],
)
def test_settings_that_make_no_sense(setting: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        with_settings(PRESETS["quick"], [setting])
