"""Panel c of `routing-boundary`: rows of Soft MoE without attention, its critical widths, checks that can fail."""

from __future__ import annotations

import dataclasses
import math

import pytest

from experiments.report.drawing import render
from experiments.runner import execute
from experiments.store import Row
from experiments.studies import with_settings
from experiments.studies.routing_boundary import slots
from experiments.studies.routing_boundary.preset import PRESETS
from experiments.studies.routing_boundary.slots_report import (
    built_slope,
    checks,
    critical,
    fitted_slope,
    lines,
    sections,
)
from experiments.studies.selection import of_panel
from theory.errors import InputError

TINY = with_settings(
    PRESETS["quick"],
    ["slots_r=4", "slots_large_r=16", "slots_counts=1,2", "slots_shares=0.5,1.0", "slots_hidden=8", "slots_steps=100",
     "slots_batch=16", "slots_seeds=2", "test_graphs=300"],
)  # fmt: skip


@pytest.fixture(scope="module")
def rows() -> tuple[Row, ...]:
    batches = [execute(job) for job in slots.jobs(TINY)]
    assert [batch.failure for batch in batches if batch.failure] == []
    return tuple(row for batch in batches for row in batch.rows)


def changed(row: Row, **metrics: object) -> Row:
    return dataclasses.replace(row, metrics={**row.metrics, **metrics})


def with_critical_width(rows: tuple[Row, ...], width_at: dict[int, float]) -> list[Row]:
    """The same cells at widths 1, 2, 4, …, 64, right from the width of their number of slots on."""
    found = []
    for row in of_panel(rows, slots.PANEL):
        for width in (2**k for k in range(7)):
            config = {**row.config, "width": width}
            accuracy = 0.5 if width < width_at[row.config["slots"]] else 1.0
            cell = dataclasses.replace(row.cell, config=config)
            found.append(dataclasses.replace(row, cell=cell, metrics={**row.metrics, "accuracy": accuracy}))
    return found


def test_rows_of_every_cell_and_no_claim_fails(rows) -> None:
    assert {row.cell.key for row in rows} == {cell.key for job in slots.jobs(TINY) for cell in job.cells}
    trained = of_panel(rows, slots.PANEL)
    assert {(row.config["slots"], row.config["width"]) for row in trained} == {(1, 2), (1, 5), (2, 2), (2, 4)}
    assert {slots.Setup.of(row.cell).config.hidden * row.config["slots"] for row in trained} == {8}
    assert [check.holds for check in checks(rows)] == [True, True]
    assert [check.statement for check in checks(rows)] == ["own-soft-moe", "own-slots-bound"]


def test_every_check_can_fail(rows) -> None:
    built = next(row for row in rows if row.config["r"] == 16 and row.config["slots"] == 1)
    for metrics, statement in (({"wrong": 1}, "own-soft-moe"), ({"width": 0}, "own-slots-bound")):
        failing = [check.statement for check in checks((changed(built, **metrics),)) if not check.holds]
        assert failing == [statement]


def test_a_resumed_job_gives_the_same_numbers(rows) -> None:
    job = slots.jobs(TINY)[1]
    (finished,) = slots.run(job.cells[1:])
    (row,) = [row for row in rows if row.cell.key == job.cells[1].key]
    assert finished.metrics == row.metrics


def test_slope_of_widths_that_halve_with_the_slots(rows) -> None:
    measured = fitted_slope(with_critical_width(rows, {1: 32, 2: 16}))
    assert measured is not None and measured.value == pytest.approx(-1, abs=0.1)
    level = fitted_slope(with_critical_width(rows, {1: 32, 2: 32}))
    assert level is not None and level.value == 0
    missed = with_critical_width(rows, {1: 32, 2: 100})
    assert {kind for kind, _ in critical(missed)[2]} == {"not reached"}
    assert fitted_slope(missed) is None


def test_slope_of_the_built_width() -> None:
    assert built_slope(16, [1, 2]) == pytest.approx(math.log2(10 / 17))


def test_the_section_from_all_rows_from_few_and_from_none(rows) -> None:
    (whole,) = sections(rows)
    assert whole.figure is not None
    assert whole.statements == ("own-slots-bound", "own-soft-moe")
    only_trained, only_built = of_panel(rows, slots.PANEL), [row for row in rows if "wrong" in row.metrics]
    for few in (only_trained, only_built):
        (part,) = sections(few)
        assert part.figure is not None and part.table is not None and part.table.rows
        render(part.figure)
    assert sections([]) == checks([]) == () and lines([]) == []
    assert lines(only_built)[0][1] == 0


@pytest.mark.parametrize("name", PRESETS)
def test_dry_run_counts_what_is_planned(name: str) -> None:
    for job in slots.jobs(PRESETS[name]):
        line = slots.estimate(job, 1e10)
        assert line.cells == len(job.cells) and line.device_hours > 0
        if job.function is slots.run:
            config = slots.Setup.of(job.cells[0]).config
            assert line.parameters == sum(math.prod(shape) for shape in config.shapes().values())


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("slots_counts=1,32", "every slot needs a vertex"),
        ("slots_large_r=8", "laws are drawn at the larger r"),
        ("slots_seeds=0", "every number must be positive"),
    ],
)
def test_settings_that_make_no_sense(setting: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        with_settings(PRESETS["quick"], [setting])
