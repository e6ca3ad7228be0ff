"""The study `routing-boundary`, built and trained models: rows, checks that can fail, the page, resuming, bad input."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest
import torch

from experiments.report.drawing import render
from experiments.report.page import Page, Section
from experiments.runner import execute
from experiments.store import Row
from experiments.studies import with_settings
from experiments.studies.routing_boundary import (
    built,
    built_report,
    kept,
    kept_report,
    trained,
    trained_analysis,
    trained_report,
)
from experiments.studies.routing_boundary.arms import ARMS, SOFT_ONE
from experiments.studies.routing_boundary.limits import BOUNDS, dense_ceiling, excluded_from, least_width
from experiments.studies.routing_boundary.preset import PRESETS
from experiments.studies.routing_boundary.study import RoutingBoundaryStudy
from experiments.studies.routing_boundary.trained import TUNING_SEED
from experiments.studies.routing_boundary.training import half_sparse_first, measured_accuracy
from experiments.studies.types import Job
from parrots.constructions.cross_token import CrossToken
from parrots.mixing import MixingModel
from theory.bounds.cross_token import cross_token_width
from theory.errors import InputError

TINY = with_settings(
    PRESETS["quick"],
    ["seeds=2", "built_sizes=8,16", "built_graphs=8", "sizes=4", "large_sizes=6", "extra_widths=0,1", "hidden=3",
     "steps=4", "large_steps=5", "batch=8", "rates=0.01,0.02", "test_graphs=50", "kept_size=4", "kept_steps=3",
     "noises=0,0.5"],
)  # fmt: skip
REPORTS = (built_report, trained_report, kept_report)


def jobs() -> list[Job]:
    return [job for part in (built, trained, kept) for job in part.jobs(TINY)]


@pytest.fixture(scope="module")
def rows() -> tuple[Row, ...]:
    batches = [execute(job) for job in jobs()]
    assert [batch.failure for batch in batches if batch.failure] == []
    return tuple(row for batch in batches for row in batch.rows)


def changed(row: Row, **metrics: object) -> Row:
    return dataclasses.replace(row, metrics={**row.metrics, **metrics})


def failing(rows: Sequence[Row]) -> list[str]:
    return [check.claim for part in REPORTS for check in part.checks(rows) if not check.holds]


def sections(rows: Sequence[Row]) -> list[Section]:
    return [section for part in REPORTS for section in part.sections(rows)]


def test_every_cell_is_measured_and_no_check_fails(rows) -> None:
    assert {row.cell.key for row in rows} == {cell.key for job in jobs() for cell in job.cells}
    assert {row.config["arm"] for row in trained_analysis.cells(rows)} == set(ARMS)
    assert {row.config["width"] for row in trained_analysis.cells(rows)} == {6, 7, 8}
    assert failing(rows) == []


def test_every_check_can_fail(rows) -> None:
    first = next(row for row in rows if row.panel == built.PANEL)
    exact = next(row for row in rows if row.panel == kept.PANEL and row.config["noise"] == 0)
    wrong = changed(first, wrong={**first.metrics["wrong"], "planted": 1})
    for bad, words in (
        (wrong, "no hand-built model gives"),
        (changed(first, width=99), "has width c + 4"),
        (changed(exact, before=0.9), "without noise is right"),
    ):
        others = [row for row in rows if row.cell.key != bad.cell.key]
        assert any(words in claim for claim in failing([bad, *others])), words


def test_built_models_beyond_the_bounds_are_a_check_that_a_wrong_answer_refutes() -> None:
    """At r = 256 three units allow no token-wise width of c + 4 = 12."""
    row = execute(built._job(dataclasses.replace(TINY, built_graphs=2), 256)).rows[0]
    claim = "narrower than token-wise ones can be"
    assert any(claim in check.claim and check.holds for check in built_report.checks([row]))
    wrong = changed(row, wrong={**row.metrics["wrong"], "dense": 1})
    assert any(claim in text for text in failing([wrong]))


def test_a_dense_model_above_its_ceiling_is_seen() -> None:
    """Where the ceiling is 1 nothing is checked; at r = 256, width 5, two units it is below."""
    cell = trained._job(dataclasses.replace(TINY, hidden=2), "dense", trained.LARGE, 4, 256, 5).cells[0]
    assert dense_ceiling(256, 5, 2) < 0.9
    row = Row(cell, {"accuracy": 0.7, "validation": 0.7, "steps": 4}, "", 0.0, "cpu", {}, "", {}, "", "")
    assert [check.holds for check in trained_report.checks([row])] == [True]
    assert [check.holds for check in trained_report.checks([changed(row, accuracy=1.0)])] == [False]
    assert (
        trained_report.checks(
            [dataclasses.replace(row, cell=trained._job(TINY, "dense", trained.PANEL, 4, 16, 8).cells[0])]
        )
        == ()
    )


def test_the_learning_rate_is_chosen_on_a_seed_that_no_result_uses(rows) -> None:
    mine = [row for row in trained_analysis.cells(rows) if (row.config["arm"], row.config["width"]) == (SOFT_ONE, 6)]
    better = [
        changed(row, validation=0.9 if row.config["rate"] == 0.02 else 0.6, accuracy=row.config["rate"])
        if row.config["seed"] == TUNING_SEED
        else changed(row, validation=0.0, accuracy=row.config["rate"] + row.config["seed"])
        for row in mine
    ]
    (point,) = trained_analysis.points(better)
    assert (point.rate, point.accuracies, point.found) == (0.02, (0.02, 1.02), 1)
    assert trained_analysis.points([row for row in better if row.config["seed"] != TUNING_SEED]) == []


def test_bounds_are_those_of_the_size_and_their_crossings() -> None:
    for name, (_, _, suffices) in BOUNDS.items():
        start = excluded_from(name, 600)
        assert start is not None
        assert least_width(name, start) > cross_token_width(start)
        assert suffices(start - 1, cross_token_width(start - 1))
        assert not any(suffices(r, cross_token_width(r)) for r in range(start, 601))
        assert excluded_from(name, start - 1) is None


@pytest.mark.parametrize("law", built.LAWS)
def test_laws_of_the_hand_built_models(law: str) -> None:
    pairs = built.LAWS[law](np.random.default_rng(0), 400, 12)
    common = (pairs.alice_BR & pairs.bob_BR).sum(1)
    if law == "dense":
        assert common.mean() == pytest.approx(3, abs=0.3)
        return
    assert common.max() == 1
    assert 0.4 < pairs.intersects_B.mean() < 0.6
    if law != "planted":
        assert (pairs.alice_BR | pairs.bob_BR).all()
    if law == "one against all":
        assert (pairs.alice_BR.sum(1) == 1).all()


def test_training_graphs_begin_half_sparse() -> None:
    early, late = (half_sparse_first(np.random.default_rng(1), 400, 30, progress) for progress in (0.0, 0.6))
    sparse = early.bob_BR.sum(1) == 1
    assert len(early) == len(late) == 400
    assert 0.4 < sparse.mean() < 0.6
    assert (late.bob_BR.sum(1) == 10).all()
    assert not (sparse[:200].all() or sparse[200:].all())


@pytest.mark.parametrize("arm", kept.OF_ARM)
def test_the_construction_keeps_its_answers_in_a_larger_masked_model(arm: str) -> None:
    setup = kept.Setup(arm, 16, 11, 7, 1, 8, 0.01, 300, 0, "", noise=0.0)
    config = setup.plan.config
    assert measured_accuracy(MixingModel(config, setup.initial()), seed=3, graphs=300) == 1.0
    noisy = dataclasses.replace(setup, noise=1.0).initial()
    assert measured_accuracy(MixingModel(config, noisy), seed=3, graphs=300) < 0.9


@pytest.mark.parametrize("part", [trained, kept])
def test_a_resumed_job_gives_the_same_numbers(part, rows) -> None:
    job = part.jobs(TINY)[-1]
    whole = {row.cell.key: row.metrics for row in rows}
    for finished in part.run(job.cells[1:3]):
        assert dict(finished.metrics) == dict(whole[finished.cell.key])


def test_a_wrong_model_is_counted(monkeypatch) -> None:
    monkeypatch.setattr(CrossToken, "build", lambda self: self.unchecked(0.5, 2, dtype=torch.float32))
    setup = built.Setup("capacity", 16, 50, 0, "")
    assert built.count_wrong(setup.design(), setup, "one against all") > 0


def test_the_sections_from_all_rows_from_few_and_from_none(rows) -> None:
    whole = sections(rows)
    assert [s.figure.name for s in whole] == ["boundary", "accuracy", "seeds", "basin"]
    for section in whole:
        vector, _ = render(section.figure)
        assert b"<svg" in vector
    lines = tuple(line for part in REPORTS for line in part.lines(rows))
    assert len(lines) == 1 + len(BOUNDS) + len(ARMS) + len(kept.OF_ARM)
    few = [row for row in rows if row.panel == kept.PANEL][:1]
    assert [section.figure.name for section in sections(few)] == ["basin"]
    render(sections(few)[0].figure)
    assert sections([]) == []
    assert isinstance(RoutingBoundaryStudy().page([]), Page)


@pytest.mark.parametrize("name", PRESETS)
def test_dry_run_counts_what_is_planned(name: str) -> None:
    preset = PRESETS[name]
    for part in (built, trained, kept):
        for job in part.jobs(preset):
            line = part.estimate(job, 1e10)
            assert (line.label, line.cells) == (job.name, len(job.cells))
            assert line.device_hours == line.flops / 1e10 / 3600 > 0
            assert line.memory_bytes > 4 * line.parameters > 0


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("seeds=0", "every number must be positive"),
        ("rates=0.01,0.01", "each once"),
        ("kept_size=1", "size r below 2"),
        ("large_sizes=16", "give each r in one of them"),
        ("noises=-1", "every number must be positive"),
    ],
)
def test_settings_that_make_no_sense(setting: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        with_settings(PRESETS["quick"], [setting])
