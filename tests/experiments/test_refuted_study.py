"""The study `refuted`: rows against the certifier, checks that can fail, a page from any part of the rows."""

from __future__ import annotations

import dataclasses
import json

import pytest
import torch

from experiments.cli import main
from experiments.report.drawing import render
from experiments.store import Row, model_path, read_rows
from experiments.studies import with_settings
from experiments.studies.refuted import STUDY, built, trained
from experiments.studies.refuted.analysis import certified_right, certified_wrong, costs, of_kind, refuted
from experiments.studies.refuted.preset import PRESETS
from experiments.studies.refuted.report import checks, headline, page
from experiments.studies.refuted.searching import Target
from experiments.studies.selection import of_panel
from parrots.checkpoint import load_model
from parrots.model import OneLayerModel
from theory.bounds import entropy_min_width, message_min_width
from theory.certify import certify
from theory.errors import InputError

TINY = ["seeds=2", "sizes=4", "shares=0.5,1.5", "experts=1,4", "steps=250", "batch=64", "samples=2000",
        "evaluations=3000", "large=16", "bits=2"]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("refuted") / "results"
    assert main(["run", "refuted", "--out", str(out), "--workers", "1", "--json", "--set", *TINY]) == 0
    return out


@pytest.fixture(scope="module")
def rows(folder) -> tuple[Row, ...]:
    return read_rows(folder)


def changed(row: Row, **metrics: object) -> Row:
    return dataclasses.replace(row, metrics={**row.metrics, **metrics})


def failing(rows: tuple[Row, ...]) -> list[str]:
    return [check.claim for check in checks(rows) if not check.holds]


def test_every_cell_is_there_and_no_claim_fails(rows) -> None:
    expected = {cell.key for job in STUDY.jobs(with_settings(PRESETS["quick"], TINY)) for cell in job.cells}
    assert {row.cell.key for row in rows} == expected
    assert failing(rows) == []
    assert certified_wrong(rows) and certified_right(rows)  # both claims about trained models are put to the test


def test_rows_say_what_the_certifier_and_the_search_say(folder, rows) -> None:
    for row in of_panel(rows, trained.PANEL):
        target = Target.of(load_model(model_path(folder, row.cell.key)))
        assert certify(target.table).wrong == row.metrics["wrong"]
        result = target.search("local", row.config["evaluations"], row.config["seed"])
        assert (result.evaluations if result.found else None) == row.metrics["evaluations"]["local"]
        assert refuted(row) <= (row.metrics["wrong"] > 0)
        assert all(count is None or count <= row.metrics["spent"][m] for m, count in row.metrics["evaluations"].items())


def test_a_diverged_model_is_measured_and_counted_in_no_share(rows) -> None:
    """One member that training threw out of range must not cost the other cells of its job."""
    row = of_panel(rows, trained.PANEL)[0]
    setup = trained.Setup.of(row.cell)
    weights = {name: torch.full(shape, float("nan")) for name, shape in setup.config.shapes().items()}
    metrics = trained.measure(setup, OneLayerModel(setup.config, weights))
    assert (metrics["wrong"], metrics["accuracy"]) == (4**setup.r, 0.0)
    diverged = changed(row, **metrics)
    assert not refuted(diverged) and diverged not in certified_wrong((diverged,))
    assert headline((*rows, diverged)) == headline(rows)
    assert page((*rows, diverged)).sections[0].paragraphs[0].endswith("1 that training threw out of range.")


def test_p_bit_models_lie_just_below_and_at_the_bound(rows) -> None:
    for kind, less in ((built.BELOW, 1), (built.AT, 0)):
        assert of_kind(rows, kind)
        for row in of_kind(rows, kind):
            arguments = (row.config["r"], 1, row.config["bits"], row.config["name"])
            bound = max(message_min_width(*arguments), entropy_min_width(*arguments))
            assert row.metrics["width"] == bound - less
            assert row.metrics["ruled_out"] or kind == built.AT
    assert all(row.metrics["least_residual"] == 0 for row in of_kind(rows, built.BELOW))


def test_constructions_are_refuted_only_when_broken(rows) -> None:
    assert [refuted(row) for row in of_kind(rows, built.WHOLE)] == [False, False]
    assert [refuted(row) for row in of_kind(rows, built.BROKEN)] == [True] * 4


def test_a_search_that_contradicts_the_truth_fails_the_claims(rows) -> None:
    found = {"local": 10}
    for models, claim in (
        (certified_right(rows), "no model that is certified is ever refuted"),
        (of_kind(rows, built.WHOLE), "no model that is proved right is ever refuted"),
    ):
        assert failing((*rows, changed(models[0], evaluations=found))) == [claim]
    missed = changed(of_kind(rows, built.BELOW)[0], evaluations={"local": None})
    assert failing((*rows, missed)) == ["every p-bit model below the bound is refuted"]


def test_the_page_counts_what_the_rows_hold(rows) -> None:
    wrong = certified_wrong(rows)
    (line,) = [line for line in headline(rows).rows if line[0] == "trained, certified wrong"]
    assert line[1:3] == (len(wrong), sum(map(refuted, wrong)))
    shown = page(rows)
    assert [section.title[:3] for section in shown.sections] == ["(a)", "(b)"]
    table = shown.sections[0].table
    assert table is not None
    for models, method, number, hits, _, median in table.rows:
        if models == "all":
            assert (number, hits) == (len(wrong), len(costs(wrong, method)))
            assert (median is None) == (hits == 0)
    figure = shown.sections[0].figure
    assert figure is not None
    drawn = render(figure)[0]
    assert all(method.encode() in drawn or b"<text" not in drawn for method in trained.METHODS)


@pytest.mark.parametrize("kept", [0, 1, 9])
def test_a_page_of_an_interrupted_run(rows, kept: int) -> None:
    shown = page(rows[:kept])
    assert all(check.holds for check in shown.checks)
    for section in shown.sections:
        if section.figure:
            render(section.figure)


def test_the_report_is_written(folder, capsys) -> None:
    assert main(["report", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)
    assert (folder / "figures" / "evaluations.svg").exists()


def test_a_dry_run_knows_every_job() -> None:
    estimates = STUDY.dry_run(PRESETS["quick"])
    assert [estimate.cells for estimate in estimates] == [len(job.cells) for job in STUDY.jobs(PRESETS["quick"])]
    assert all(estimate.flops > 0 and estimate.parameters > 0 for estimate in estimates)


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("sizes=13", "give sizes up to 12"),
        ("large=8", "give 16 or more"),
        ("bits=20", "give 16 at most"),
        ("seeds=0", "must be positive"),
        ("experts=4,4", "each once"),
    ],
)
def test_presets_refuse_what_makes_no_sense(setting: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        with_settings(PRESETS["quick"], [setting])
