"""The study `shortest-path`: a tiny run through the command line, the page from whole, partial and no rows, checks."""

from __future__ import annotations

import dataclasses

import pytest
from path_rows import TINY, by_total, row_of, synthetic_rows

from experiments.cli import main
from experiments.report.drawing import render
from experiments.store import Row, read_rows
from experiments.studies import with_settings
from experiments.studies.decoders.gains import control_gains, expert_gains, width_gains
from experiments.studies.selection import of_panel
from experiments.studies.shortest_path import STUDY
from experiments.studies.shortest_path.analysis import CORRECT, explained, path_points, shortcuts
from experiments.studies.shortest_path.cells import DEPTH, MODELS, PathSetup
from experiments.studies.shortest_path.preset import PRESETS
from experiments.studies.shortest_path.report import checks, page
from theory.accounting import decoder_parameters
from theory.errors import InputError


@pytest.fixture(scope="module")
def rows(tmp_path_factory) -> tuple[Row, ...]:
    out = tmp_path_factory.mktemp("shortest-path") / "results"
    assert main(["run", "shortest-path", "--out", str(out), "--workers", "1", "--json", "--set", *TINY]) == 0
    return read_rows(out)


def changed(row: Row, **metrics: object) -> Row:
    return dataclasses.replace(row, metrics={**row.metrics, **metrics})


def failing(rows: list[Row]) -> list[str]:
    return [check.claim for check in checks(rows) if not check.holds]


def test_a_run_measures_every_cell(rows) -> None:
    expected = {cell.key for job in STUDY.jobs(with_settings(PRESETS["quick"], TINY)) for cell in job.cells}
    assert {row.cell.key for row in rows} == expected
    for row in of_panel(rows, MODELS):
        assert {"correct", "exact", "valid", "first_hop", "baselines", "learning_rate"} <= row.metrics.keys()
        assert row.metrics["counted"] == PathSetup.of(row.cell).counts.total
        assert [*row.metrics["larger"]] == ["9"]
        assert set(row.metrics["tuning"]) == {"0.01", "0.02"}
    assert {row.config["model"]["layers"] for row in of_panel(rows, DEPTH)} == {1, 2}


def test_every_seed_has_its_own_graphs(rows) -> None:
    walks = {row.cell.seed: row.metrics["baselines"]["random walk"]["correct"] for row in of_panel(rows, MODELS)}
    assert len(set(walks.values())) == len(walks) == 2


def test_the_page_of_a_run_that_learned_nothing_is_whole(rows) -> None:
    whole = page(rows)
    assert [section.figure.name for section in whole.sections if section.figure] == ["models", "larger", "depth"]
    assert "the largest model beats every shortcut" in failing(list(rows))


def test_accuracy_of_active_parameters_alone() -> None:
    found = explained(path_points(of_panel(synthetic_rows(), MODELS)))
    assert found is not None
    assert found.monotone_active.value > 0.999
    assert found.difference.high < 0
    assert failing(synthetic_rows()) == []


def test_accuracy_of_the_total_alone_refutes_the_claim() -> None:
    claims = failing(synthetic_rows(by_total))
    assert len(claims) == 2
    assert all("total" in claim for claim in claims)


def test_every_check_can_fail() -> None:
    rows = synthetic_rows()
    some = next(row for row in rows if row.panel == MODELS)
    others = [row for row in rows if row is not some]
    for metrics, words in (
        ({"counted": 1}, "counted from the tensors"),
        ({"exact": some.metrics["correct"] + 0.1}, "exact ≤ correct ≤ valid"),
        ({"valid": 0.0}, "exact ≤ correct ≤ valid"),
        ({"first_hop": 0.0}, "exact ≤ correct ≤ valid"),
    ):
        assert [claim for claim in failing([changed(some, **metrics), *others]) if words in claim], words
    strong = {"baselines": {"oracle": dict.fromkeys(("correct", "exact", "valid", "first_hop"), 0.999)}}
    assert failing([changed(row, **strong) for row in rows]) == ["the largest model beats every shortcut"]


def test_figures_and_tables_come_from_the_rows_alone() -> None:
    whole = page(synthetic_rows())
    for section in whole.sections:
        if section.figure is not None:
            vector, _ = render(section.figure)
            assert b"<svg" in vector
    assert set(whole.statements()) == {"thm-3.2", "def-3.1"}
    assert "What this size cannot show" in [section.title for section in whole.sections]


def test_pages_of_few_rows_and_of_none() -> None:
    rows = synthetic_rows()
    assert page([]).sections == page([]).checks == ()
    one = page(rows[:1])
    assert [section.figure.name for section in one.sections if section.figure] == ["models", "larger"]
    for section in (*one.sections, *page([row for row in rows if row.panel == DEPTH][:3]).sections):
        if section.figure is not None:
            render(section.figure)


def test_a_diverged_model_is_counted_and_left_out_of_means() -> None:
    rows = synthetic_rows()
    cell, metrics = rows[0].cell, {**rows[0].metrics, "correct": 0.0, "exact": 0.0}
    page_of = page([row_of(cell, metrics, "diverged: weights that are not finite numbers"), *rows[1:]])
    limits = next(section for section in page_of.sections if section.title == "What this size cannot show")
    assert "1 models diverged" in limits.paragraphs[0]


def test_gains_compare_with_the_right_models() -> None:
    found = path_points(of_panel(synthetic_rows(), MODELS))
    experts, widths = expert_gains(found, CORRECT), width_gains(found, CORRECT)
    assert len(experts) == len(PRESETS["quick"].widths) * len(PRESETS["quick"].experts)
    assert all(gain.before.setup.model.width == gain.after.setup.model.width for gain in experts)
    (control,) = control_gains(found, CORRECT)
    assert (control.before.setup.family, control.after.setup.family) == ("dense", "dense, hidden × 4")
    pairs = [(gain.before.setup.model.width, gain.after.setup.model.width) for gain in widths]
    assert pairs == [*zip(PRESETS["quick"].widths, PRESETS["quick"].widths[1:], strict=False)]
    assert next(iter(shortcuts(of_panel(synthetic_rows(), MODELS)))) == "no return"


@pytest.mark.parametrize("name", PRESETS)
def test_dry_run_counts_what_is_planned(name: str) -> None:
    preset = PRESETS[name]
    lines = STUDY.dry_run(preset)
    for job, line in zip(STUDY.jobs(preset), lines, strict=True):
        setup = PathSetup.of(job.cells[0])
        assert line.parameters == decoder_parameters(setup.model).total
        assert line.cells == preset.seeds == len(job.cells)
        assert line.flops == (preset.seeds + len(preset.learning_rates)) * setup.training_flops
    if name == "paper":
        models = [PathSetup.of(job.cells[0]).model for job in STUDY.jobs(preset) if job.cells[0].panel == MODELS]
        assert {model.layers for model in models} == {12}
        assert {model.width for model in models} == {256, 512, 1024}
        assert preset.task.vertices == 50
    assert sum(line.device_hours for line in lines) < {"quick": 0.2, "gpu": 1.5}.get(name, float("inf"))


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("seeds=0", "every number must be positive"),
        ("widths=8,8", "each once"),
        ("widths=", "give one or more"),
        ("larger=8", "give larger numbers"),
        ("control_widths=64", "some of the widths"),
        ("edges=3", "edges 3"),
        ("family=ring", "family"),
        ("experts=1", "top_k 2 of 1 experts"),
    ],
)
def test_settings_that_make_no_sense(setting: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        STUDY.jobs(with_settings(PRESETS["quick"], [setting]))
