"""The study `memorisation`: cells, resume to the bit, what is measured, checks that can fail, bad settings."""

from __future__ import annotations

import dataclasses
from math import comb, log2

import pytest
import torch

from experiments.cli import main
from experiments.engine import TUNING_SEED
from experiments.report.drawing import render
from experiments.store import Row, read_rows
from experiments.studies import with_settings
from experiments.studies.memorisation import STUDY, cells
from experiments.studies.memorisation.analysis import best_need, bits_held, comparisons, models, needs
from experiments.studies.memorisation.cells import CAPACITY, SWEEP, capacity_models, hidden_units
from experiments.studies.memorisation.preset import PRESETS
from experiments.studies.memorisation.report import checks, page
from experiments.studies.memorisation.setup import Setup
from experiments.studies.memorisation.shortcuts import SHORTCUTS
from experiments.studies.memorisation.training import Choice, draw, train
from experiments.studies.selection import of_panel
from theory.accounting import trainable_memoriser_parameters
from theory.errors import InputError

TINY = ["seeds=2", "steps=60", "learning_rates=0.1", "momenta=0.9", "width=3", "totals=60", "experts=2,4",
        "loads=0.5,2", "longer=2", "longer_load=2", "sweep_width=2", "sequences=24", "sweep_experts=1,2,4",
        "sweep_shares=1,3"]  # fmt: skip


def tiny_preset():
    return with_settings(PRESETS["quick"], TINY)


@pytest.fixture(scope="module")
def rows(tmp_path_factory) -> tuple[Row, ...]:
    out = tmp_path_factory.mktemp("memorisation") / "results"
    assert main(["run", "memorisation", "--out", str(out), "--workers", "1", "--json", "--set", *TINY]) == 0
    return read_rows(out)


def changed(row: Row, **metrics: object) -> Row:
    return dataclasses.replace(row, metrics={**row.metrics, **metrics})


def failing(rows: list[Row] | tuple[Row, ...]) -> list[str]:
    return [check.claim for check in checks(rows) if not check.holds]


def told(rows: tuple[Row, ...], wrong) -> list[Row]:
    """The rows with ``wrong(setup)`` labels wrong in place of what was measured."""
    return [row if row.panel == SHORTCUTS else changed(row, wrong=wrong(row.panel, Setup.of(row.cell))) for row in rows]


def test_the_grid_is_run_and_no_result_uses_the_tuning_seed(rows) -> None:
    assert {row.cell.key for row in rows} == {cell.key for job in STUDY.jobs(tiny_preset()) for cell in job.cells}
    assert {row.cell.seed for row in rows} == {0, 1} != {TUNING_SEED}
    for row in rows:
        if row.panel != SHORTCUTS:
            assert (row.stopped == cells.HELD) == (row.metrics["wrong"] == 0)
            assert sum(row.metrics["loads"]) == row.config["sequences"]


def test_what_is_asked_for_after_a_kill_comes_out_to_the_bit() -> None:
    """Of a stopped job only the last seed is missing; mixtures, whose routing rounding could flip, included."""
    job = next(job for job in STUDY.jobs(tiny_preset()) if "K = 4" in job.name)
    whole = [finished.metrics for finished in job.function(job.cells)]
    (last,) = job.function(job.cells[1:])
    assert last.metrics == whole[1]


def test_training_memorises_few_labels_and_not_too_many() -> None:
    few = Setup.of(STUDY.jobs(tiny_preset())[0].cells[0])
    few = dataclasses.replace(few, hidden=16, sequences=24, width=4)
    many = dataclasses.replace(few, hidden=1, sequences=400)
    for setup, holds in ((few, True), (many, False)):
        ends = train(setup, [5, 6], [Choice(0.1, 0.9)] * 2, 400, torch.device("cpu"))
        assert all((end.wrong == 0) == holds for end in ends)
        assert all((end.steps < 400) == holds for end in ends)


def test_sequences_of_more_are_those_of_fewer_and_more() -> None:
    setup = Setup.of(STUDY.jobs(tiny_preset())[0].cells[0])
    short, long = (draw(dataclasses.replace(setup, sequences=n), [0, 1], torch.device("cpu")) for n in (10, 20))
    assert torch.equal(short[0], long[0][:, :10])
    assert short[0].shape == (2, 10, setup.tokens, setup.width)
    assert not torch.equal(short[0][0], short[0][1])
    assert set(long[1].unique().tolist()) == {-1.0, 1.0}


def test_a_model_that_diverged_says_so() -> None:
    setup = dataclasses.replace(Setup.of(STUDY.jobs(tiny_preset())[0].cells[0]), sequences=200)
    (end,) = train(setup, [0], [Choice(float("inf"), 0.9)], 60, torch.device("cpu"))
    assert not end.finite
    assert end.steps == 50  # seen at the first look
    assert end.wrong == 200


def test_bits_held_are_the_exact_count_but_for_its_logarithm() -> None:
    assert bits_held(100, 0) == 100
    assert bits_held(100, 50) == bits_held(100, 80) == 0
    for n, wrong in ((100, 1), (100, 20), (801, 333)):
        near = sum(comb(n, i) for i in range(wrong + 1))
        assert n - log2(near) - log2(n + 1) <= bits_held(n, wrong) <= n - log2(near)


def test_pairs_have_as_many_parameters_in_total_or_active() -> None:
    preset = PRESETS["quick"]
    shapes = capacity_models(preset)
    counts = {
        (shape.experts, shape.hidden): trainable_memoriser_parameters(shape.width, shape.hidden, shape.experts, False)
        for shape in shapes
    }
    dense = [count for count in counts.values() if count.experts == 1]
    unit = preset.width + 2
    for count in counts.values():
        assert min(abs(count.total - other.total) for other in dense) <= unit // 2 + 1
        assert min(abs(count.active - other.total) for other in dense) <= unit // 2 + 1
    assert hidden_units(1, 8, 32) == 1


def test_the_least_model_and_the_largest_n_are_read_off_the_wrong_labels(rows) -> None:
    """As if a model held half a label a parameter: n = 30 of 2 loads, and in the sweep only the larger size."""
    held = told(rows, lambda panel, s: 0 if s.sequences <= s.counts.total / 2 else s.sequences // 10)
    for model in models(of_panel(held, CAPACITY)):
        small = model.points[0].setup.sequences
        assert model.largest(0.0) == ([small] * 2 if small <= model.counts.total / 2 else [0, 0])
        assert model.largest(0.2) == [model.points[-1].setup.sequences] * 2
    for need in needs(of_panel(held, SWEEP), 0.0):
        least = [s for s in need.setups if s is not None]
        assert all(s.counts.total >= 48 for s in least)
        assert need.failed == 2 - len(least)
    nobody = told(rows, lambda panel, s: s.sequences // 2)
    assert best_need(of_panel(nobody, SWEEP), 0.01) is None
    assert [need.failed for need in needs(of_panel(nobody, SWEEP), 0.01)] == [2, 2, 2]


def test_every_check_can_fail(rows) -> None:
    some = next(row for row in rows if row.panel == CAPACITY)
    rest = [row for row in rows if row is not some]
    assert any("are those of the formula" in claim for claim in failing([changed(some, total=1), *rest]))
    huge = dataclasses.replace(some, cell=dataclasses.replace(some.cell, config={**some.config, "sequences": 10**4}))
    assert any("probability below 2^-20" in claim for claim in failing([changed(huge, wrong=0), *rest]))
    experts_win = told(rows, lambda panel, s: 0 if s.experts > 1 else s.sequences // 3)
    assert any("no mixture holds more bits" in claim for claim in failing(experts_win))
    dense_wins = told(rows, lambda panel, s: s.sequences // 3 if s.experts > 1 else 0)
    assert any("every mixture holds more bits" in claim for claim in failing(dense_wins))
    only_dense = told(rows, lambda panel, s: s.sequences // 3 if s.experts > 1 else 0)
    assert any("within a factor of two" in claim for claim in failing(only_dense))
    largest = max(row.config["hidden"] for row in rows if row.panel == SWEEP)
    dear = told(rows, lambda panel, s: 0 if s.hidden == largest else s.sequences // 3)
    assert any("no more active parameters than the built" in claim for claim in failing(dear))


def test_the_page_from_all_rows_from_few_and_from_none(rows) -> None:
    whole = page(rows)
    assert [section.figure.name for section in whole.sections if section.figure] == ["largest", "density", "experts"]
    assert {"Shortcuts on the same sequences", "Did training end too early, and does attention help?"} <= {
        section.title for section in whole.sections
    }
    for section in whole.sections:
        if section.figure:
            assert b"<svg" in render(section.figure)[0]
    assert set(whole.statements()) == {"thm-3.5", "thm-3.6", "own-interval-memoriser"}
    assert len(comparisons(of_panel(rows, CAPACITY))) == 2
    for kept in (lambda row: row.config.get("experts") == 1, lambda row: row.panel == SWEEP):
        for section in page([row for row in rows if kept(row)]).sections:
            if section.figure:
                render(section.figure)
    assert page([]).sections == page([]).checks == ()


@pytest.mark.parametrize("name", PRESETS)
def test_dry_run_counts_what_is_planned(name: str) -> None:
    preset = PRESETS[name]
    lines = STUDY.dry_run(preset)
    assert len(lines) == len(STUDY.jobs(preset))
    for job, line in zip(STUDY.jobs(preset), lines, strict=True):
        assert line.cells == preset.seeds
        assert line.memory_bytes < 80e9  # one accelerator
        if job.cells[0].panel != SHORTCUTS:
            setup = Setup.of(job.cells[0])
            assert line.parameters == setup.counts.total
            # Each sequence meets every weight of one expert in a multiply and an add, forward and twice backward.
            assert line.flops >= 3 * 2 * preset.seeds * setup.steps * setup.sequences * setup.width * setup.hidden


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("seeds=0", "every number must be positive"),
        ("loads=1,1", "each once"),
        ("longer_load=1e-300", "for 0 sequences"),
        ("momenta=1", "below 1"),
        ("experts=1,4", "give 2 or more"),
        ("experts=64", "experts 64 in 240 parameters"),
        ("sweep_experts=1024", "experts up to 1024"),
    ],
)
def test_settings_that_make_no_sense(setting: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        with_settings(PRESETS["quick"], [setting])


def test_an_unfinished_sweep_refutes_nothing(rows) -> None:
    begun = [
        row for row in told(rows, lambda panel, setup: 0) if row.panel == SWEEP and Setup.of(row.cell).experts == 1
    ]
    assert begun and failing(begun) == []
