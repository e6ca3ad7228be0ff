"""The study `routing`: a tiny run through the command line, equal parameters, the page, checks that can fail."""

from __future__ import annotations

import dataclasses

import pytest
from router_rows import TINY, layer, synthetic_rows

from experiments.cli import main
from experiments.report.drawing import render
from experiments.store import Row, read_rows
from experiments.studies import with_settings
from experiments.studies.decoders.setup import Setup
from experiments.studies.routing import STUDY, cells
from experiments.studies.routing.arms import (
    CAPACITY,
    DENSE,
    EXPERT_CHOICE,
    EXPERTS_AHEAD,
    NOTES,
    REFERENCE,
    SOFT_AHEAD,
    arms,
    is_causal,
    is_noisy,
)
from experiments.studies.routing.cells import MEMORY, PATHS
from experiments.studies.routing.preset import PRESETS
from experiments.studies.routing.report import checks, page
from experiments.studies.selection import of_panel
from parrots.decoder import DecoderConfig
from parrots.decoder.routers import ROUTERS
from theory.accounting import decoder_parameters
from theory.errors import InputError


@pytest.fixture(scope="module")
def rows(tmp_path_factory) -> tuple[Row, ...]:
    out = tmp_path_factory.mktemp("routing") / "results"
    assert main(["run", "routing", "--out", str(out), "--workers", "1", "--json", "--set", *TINY]) == 0
    return read_rows(out)


def changed(row: Row, **metrics: object) -> Row:
    return dataclasses.replace(row, metrics={**row.metrics, **metrics})


def failing(rows: list[Row]) -> list[str]:
    return [check.claim for check in checks(rows) if not check.holds]


def of_router(rows: list[Row], name: str) -> list[Row]:
    return [row for row in rows if row.config["family"] == name]


def test_a_run_measures_every_router_on_both_tasks(rows) -> None:
    expected = {cell.key for job in STUDY.jobs(with_settings(PRESETS["quick"], TINY)) for cell in job.cells}
    assert {row.cell.key for row in rows} == expected
    for row in rows:
        setup = Setup.of(row.cell)
        assert row.metrics["counted"] == setup.counts.total, row.config["family"]
        assert ("bits" in row.metrics) == (row.panel == MEMORY)
        if setup.model.router is not None:
            layers = row.metrics["routing"]["layers"]
            assert len(layers) == setup.model.layers
            assert ("by_token" in layers[0]) == (row.cell.seed == 0)
    assert not [claim for claim in failing(list(rows)) if "recalls no fewer bits" not in claim]


def test_a_limited_capacity_drops_choices_and_no_limit_drops_none(rows) -> None:
    dropped = {name: [row.metrics["routing"]["layers"][0]["dropped"] for row in of_router(rows, name)]
               for name in (REFERENCE, CAPACITY)}  # fmt: skip
    assert set(dropped[REFERENCE]) == {0.0}
    assert max(dropped[CAPACITY]) > 0


def test_every_router_of_the_package_is_compared() -> None:
    trunk = DecoderConfig(vocabulary=20, width=16, layers=1, heads=2, positions=8)
    listed = list(arms(trunk, 8, 1.25, 1.0, 0.01))
    assert {arm.model.router.name for arm in listed if arm.model.router is not None} == set(ROUTERS)
    assert len({arm.name for arm in listed}) == len(listed)
    assert NOTES.keys() <= {arm.name for arm in listed}
    assert [arm.name for arm in listed if not is_causal(arm.model)] == [EXPERTS_AHEAD, SOFT_AHEAD]


def test_parameters_are_equal_but_where_a_note_says_otherwise() -> None:
    trunk = DecoderConfig(vocabulary=20, width=16, layers=1, heads=2, positions=8)
    listed = {arm.name: decoder_parameters(arm.model) for arm in arms(trunk, 8, 1.25, 1.0, 0.01)}
    reference = listed[REFERENCE]
    for name, counts in listed.items():
        if name != DENSE:
            assert counts.dense + counts.experts + counts.shared == pytest.approx(reference.experts, rel=0.05), name
        if "all parameters are active" not in NOTES.get(name, "") and "all active" not in NOTES.get(name, ""):
            assert counts.dense + counts.active_experts + counts.shared == reference.active_experts, name
    assert listed[DENSE].active_inner == reference.active_inner - reference.router


def test_a_noisy_seed_does_not_depend_on_who_trains_beside_it() -> None:
    preset = with_settings(PRESETS["quick"], TINY)
    job = next(job for job in STUDY.jobs(preset) if is_noisy(Setup.of(job.cells[0]).model))
    together = {finished.cell.key: finished.metrics for finished in cells.run(job.cells)}
    alone = next(iter(cells.run(job.cells[1:2])))
    assert alone.metrics == together[alone.cell.key]


def test_the_page_from_all_rows_from_few_and_from_none() -> None:
    rows = synthetic_rows()
    whole = page(rows)
    drawn = [section.figure.name for section in whole.sections if section.figure]
    assert drawn[0] == "memory"
    assert "paths" in drawn
    for section in whole.sections:
        if section.figure is not None:
            vector, _ = render(section.figure)
            assert b"<svg" in vector
    assert failing(rows) == []
    assert any("reads 0.95" in text for section in whole.sections for text in section.paragraphs)
    few = page(of_router(of_panel(rows, PATHS), REFERENCE)[:1])
    for section in few.sections:
        if section.figure is not None:
            render(section.figure)
    assert page([]).sections == page([]).checks == ()


def test_every_check_can_fail() -> None:
    rows = synthetic_rows()
    for name, metrics, words in (
        (REFERENCE, {"counted": 1}, "counted from the tensors"),
        (REFERENCE, {"read": 0.99}, "reads right"),
        (EXPERT_CHOICE, {"routing": {"layers": [layer(8) | {"largest_load": 1.5}]}}, "the same load"),
        (REFERENCE, {"routing": {"layers": [layer(8) | {"dropped": 0.1}]}}, "drops nothing"),
        (REFERENCE, {"bits": 10.0}, "recalls no fewer bits"),
    ):
        spoilt = [changed(row, **metrics) if row.config["family"] == name else row for row in rows]
        assert [claim for claim in failing(spoilt) if words in claim], words


@pytest.mark.parametrize("name", PRESETS)
def test_dry_run_counts_what_is_planned(name: str) -> None:
    preset = PRESETS[name]
    lines = STUDY.dry_run(preset)
    for job, line in zip(STUDY.jobs(preset), lines, strict=True):
        setup = Setup.of(job.cells[0])
        assert line.parameters == setup.counts.total
        assert line.flops == (preset.seeds + len(preset.learning_rates)) * setup.training_flops
    assert sum(line.device_hours for line in lines) < {"quick": 0.2, "gpu": 1.5}.get(name, float("inf"))


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("experts=5", "even number"),
        ("experts=2", "4 or more"),
        ("entries=20000", "names"),
        ("capacity=0", "every number must be positive"),
        ("paths=maze", "paths"),
        ("heads=3", "3 heads"),
    ],
)
def test_settings_that_make_no_sense(setting: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        STUDY.jobs(with_settings(PRESETS["quick"], [setting]))
