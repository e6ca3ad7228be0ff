"""The study `memoriser` and the command `memorise`: rows, checks that can fail, counts at the optimum, bad input."""

from __future__ import annotations

import dataclasses
import json

import pytest

from experiments.cli import main
from experiments.report.drawing import render
from experiments.store import Row, read_rows
from experiments.studies import with_settings
from experiments.studies.memoriser import STUDY, cells
from experiments.studies.memoriser.analysis import best_measured, imbalance, points
from experiments.studies.memoriser.cells import BITS, COUNT, LOAD, Setup
from experiments.studies.memoriser.preset import PRESETS
from experiments.studies.memoriser.report import checks, page
from experiments.studies.selection import of_panel
from theory.accounting import memoriser_flops, memoriser_parameters
from theory.bounds.memorisation import memorisation_min_parameters
from theory.errors import InputError

TINY = ["sequences=1024", "width=4", "experts=1,2,4,8,16,32,64,128", "load_experts=16", "load_widths=2,32",
        "bit_sequences=16,256", "seeds=2"]  # fmt: skip


@pytest.fixture(scope="module")
def rows(tmp_path_factory) -> tuple[Row, ...]:
    out = tmp_path_factory.mktemp("memoriser") / "results"
    assert main(["run", "memoriser", "--out", str(out), "--workers", "1", "--json", "--set", *TINY]) == 0
    return read_rows(out)


def changed(row: Row, **metrics: object) -> Row:
    return dataclasses.replace(row, metrics={**row.metrics, **metrics})


def failing(rows: tuple[Row, ...]) -> list[str]:
    return [check.claim for check in checks(rows) if not check.holds]


def test_every_cell_holds_every_label(rows) -> None:
    expected = {cell.key for job in STUDY.jobs(with_settings(PRESETS["quick"], TINY)) for cell in job.cells}
    assert {row.cell.key for row in rows} == expected
    assert {row.stopped for row in rows} == {cells.HELD}
    assert all(row.metrics["wrong"] == 0 for row in rows)
    assert failing(rows) == []


def test_the_optimum_is_seen_in_the_measured_counts(rows) -> None:
    """n = 1024, m = 4: K = sqrt(1024) = 32 for the rank-one router, sqrt(1024/4) = 16 for the full one."""
    counted = of_panel(rows, COUNT)
    rank_one, full = best_measured(counted, "interval"), best_measured(counted, "dense-interval")
    assert rank_one.experts == 32
    assert full.experts == 16
    dense = next(point for point in points(counted) if point.experts == 1)
    assert dense.mean("active") == dense.mean("total") > 1.4 * 1024
    assert rank_one.mean("active") < dense.mean("active") / 10
    # Of parameters in total nobody has fewer than the dense model by much, or than the counting bound.
    assert rank_one.mean("total") > dense.mean("total")
    assert min(row.metrics["total"] for row in counted) > memorisation_min_parameters(
        1024, max(row.metrics["widest"] for row in counted)
    )


def test_intervals_are_even_and_directions_are_not(rows) -> None:
    ratios = {(point.router, point.width): max(imbalance(point)) for point in points(of_panel(rows, LOAD))}
    assert ratios["interval", 2] == ratios["interval", 32] == 1
    assert ratios["random", 2] > ratios["random-unit", 2] > 1
    assert ratios["random", 2] > ratios["random", 32] > 1


def test_every_check_can_fail(rows) -> None:
    some, others = next(row for row in rows if row.panel == BITS and row.config["router"] == "interval"), rows[1:]
    for metrics, words in (
        ({"wrong": 1}, "every label of every model is right"),
        ({"total": some.metrics["total"] + 1}, "are those of the formula"),
        ({"active": 10**6}, "are those of the formula"),
        ({"largest_load": some.metrics["largest_load"] + 1}, "interval routers give"),
        ({"smallest_load": 0}, "interval routers give"),
        ({"total": 10**6}, "more parameters than suffice"),
        ({"bits": some.config["sequences"] - 1}, "fewer bits than it holds labels"),
    ):
        assert any(words in claim for claim in failing((changed(some, **metrics), *others))), words
    assert any("as often as that" in claim for claim in failing([changed(row, least_fraction_bits=99) for row in rows]))
    dear = [changed(row, active=10**6 - row.config["experts"]) for row in rows]
    assert sum("within a factor of two" in claim for claim in failing(dear)) == 2


def test_the_page_from_all_rows_from_few_and_from_none(rows) -> None:
    whole = page(rows)
    assert [section.figure.name for section in whole.sections] == ["count", "load", "bits"]
    for section in whole.sections:
        vector, _ = render(section.figure)
        assert b"<svg" in vector
    assert set(whole.statements()) == {"thm-3.5", "thm-3.6", "own-interval-memoriser"}
    first = page([row for row in rows if row.panel == LOAD])
    assert [section.figure.name for section in first.sections] == ["load"]
    render(first.sections[0].figure)
    assert page([]).sections == page([]).checks == ()


def test_what_float64_cannot_hold_is_a_row(monkeypatch, rows) -> None:
    monkeypatch.setattr("parrots.memoriser.building.UNIT", 2.0**-10)
    job = next(job for job in STUDY.jobs(with_settings(PRESETS["quick"], TINY)) if job.name.startswith(COUNT))
    (finished, *_) = cells.run(job.cells)
    assert finished.stopped == cells.REFUSED
    assert "float64" in finished.metrics["refused"]
    refused = dataclasses.replace(rows[0], metrics=finished.metrics)
    assert page((refused, *rows[1:])).sections
    assert failing((refused, *rows[1:])) == []


@pytest.mark.parametrize("name", PRESETS)
def test_dry_run_counts_what_is_planned(name: str) -> None:
    preset = PRESETS[name]
    for job, line in zip(STUDY.jobs(preset), STUDY.dry_run(preset), strict=True):
        setup = Setup.of(job.cells[0])
        size = (setup.width, setup.hidden, setup.experts, setup.router)
        assert line.parameters == memoriser_parameters(*size).total
        per_pass = memoriser_flops(
            setup.width, setup.tokens, setup.hidden, setup.experts, setup.router, setup.sequences
        )
        assert line.flops == 3 * per_pass * preset.seeds == 3 * per_pass * line.cells
        assert line.memory_bytes > 8 * line.parameters


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("seeds=0", "every number must be positive"),
        ("experts=1,1", "each once"),
        ("load_experts=5000", "experts up to 5000 for 4096 sequences"),
        ("experts=8192", "experts up to 8192"),
    ],
)
def test_settings_that_make_no_sense(setting: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        with_settings(PRESETS["quick"], [setting])


def answer(capsys, *words: str) -> dict:
    code = main(["memorise", *words, "--json"])
    return {"code": code} | json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("router", ["interval", "dense-interval", "random", "random-unit"])
def test_the_command_counts_beside_the_formulas(capsys, router: str) -> None:
    said = answer(capsys, "--sequences", "500", "--width", "4", "--experts", "10", "--router", router)
    assert (said["code"], said["wrong"], said["experts"], said["router"]) == (0, 0, 10, router)
    parameters = said["parameters"]
    assert parameters["total"] == parameters["total_formula"]
    assert parameters["active"] == parameters["active_formula"]
    assert said["bits"]["total"] >= said["bits"]["needed"] == 500
    if "interval" in router:
        assert said["load"] == {"largest": 50, "smallest": 50, "balanced": 50}
        assert parameters["total"] <= parameters["total_any_labels"]
    else:
        assert said["load"]["largest"] > 50
        assert parameters["total_any_labels"] is None


def test_the_command_chooses_experts_and_prints_a_table(capsys) -> None:
    assert main(["memorise", "--sequences", "400", "--width", "3"]) == 0
    out = capsys.readouterr().out
    assert "400 sequences of width 3, 25 experts, router interval" in out
    assert "thm-3.6" in out


def test_the_command_with_given_bits_and_units(capsys) -> None:
    said = answer(capsys, "--sequences", "200", "--experts", "5", "--bits", "40", "--hidden", "64")
    assert (said["code"], said["hidden"]) == (0, 64)
    assert said["bits"]["threshold"] <= 40
    assert said["parameters"]["total_without_padding"] < said["parameters"]["total"]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--experts", "300"], "300 experts for 200 sequences"),
        (["--experts", "0"], "0 experts for 200 sequences"),
        (["--bits", "9"], "give --bits"),
        (["--hidden", "1"], "give --hidden"),
        (["--width", "0"], "width 0 is below 1"),
        (["--tokens", "0"], "tokens 0 is below 1"),
        (["--seed", "-1"], "seed -1 is below 0"),
        (["--router", "best"], "--router"),
    ],
)
def test_bad_input_is_one_line_and_code_2(capsys, words: list[str], line: str) -> None:
    assert main(["memorise", "--sequences", "200", *words]) == 2
    err = capsys.readouterr().err
    assert line in err
    assert err.count("\n") == 1


def test_a_wrong_label_is_exit_code_1(capsys, monkeypatch) -> None:
    from parrots.memoriser import building

    plain = building.zigzags

    def broken(*arguments: object):
        layout = plain(*arguments)
        layout.biases[0] *= -1
        return layout

    monkeypatch.setattr(building, "zigzags", broken)
    said = answer(capsys, "--sequences", "200", "--experts", "4")
    assert said["code"] == 1
    assert said["wrong"] > 0
