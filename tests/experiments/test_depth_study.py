"""The study `depth`: rows, checks that can fail, where the separation starts, the page, resuming, bad input."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from experiments.cli import main
from experiments.report.drawing import render
from experiments.store import Row, read_rows
from experiments.studies import with_settings
from experiments.studies.depth import STUDY, built, kept, trained
from experiments.studies.depth.analysis import ceiling, least_width, points
from experiments.studies.depth.arms import APART, ARMS, DENSE, EXPERTS, PANEL, TWO, Setup, measured_accuracy
from experiments.studies.depth.built import DIGRAPH, STAR, separations
from experiments.studies.depth.preset import PRESETS
from experiments.studies.depth.report import checks, headline, page
from experiments.studies.selection import of_panel
from parrots.two_layer import TwoLayerConfig, TwoLayerModel, built_parameters
from theory.bounds import message_suffices, pattern_suffices
from theory.errors import InputError

TINY = ["seeds=2", "sizes=4", "shares=1.0,1.5", "steps=30", "batch=16", "learning_rates=0.01,0.02", "test_graphs=200",
        "built_graphs=2", "noise=0.0,0.05", "noise_steps=5", "noise_width=8", "experts=2"]  # fmt: skip


@pytest.fixture(scope="module")
def rows(tmp_path_factory) -> tuple[Row, ...]:
    out = tmp_path_factory.mktemp("depth") / "results"
    assert main(["run", "depth", "--out", str(out), "--workers", "1", "--json", "--set", *TINY]) == 0
    return read_rows(out)


def changed(row: Row, **metrics: object) -> Row:
    return dataclasses.replace(row, metrics={**row.metrics, **metrics})


def failing(rows: tuple[Row, ...]) -> list[str]:
    return [check.claim for check in checks(rows) if not check.holds]


def planned() -> tuple:
    return STUDY.jobs(with_settings(PRESETS["quick"], TINY))


def test_every_cell_is_there_and_no_claim_fails(rows) -> None:
    assert {row.cell.key for row in rows} == {cell.key for job in planned() for cell in job.cells}
    assert [check.statement for check in checks(rows)] == ["own-two-layer"]  # no ceiling is below 1 at this size
    assert failing(rows) == []
    assert all(row.metrics["before"] == 1 for row in of_panel(rows, kept.PANEL) if row.config["noise"] == 0)


def test_a_claim_can_fail(rows) -> None:
    deep = next(row for row in rows if row.config.get("construction") == STAR)
    assert "right on every graph" in failing((*rows, changed(deep, wrong=1)))[0]
    narrow = of_panel(rows, PANEL)[0]
    config = {**narrow.config, "arm": DENSE, "r": 64, "width": 1, "test_graphs": 10**6}
    limited = dataclasses.replace(narrow, cell=dataclasses.replace(narrow.cell, config=config))
    (point,) = points([limited])
    assert ceiling(point) < 0.98
    assert "ceiling" in failing((changed(limited, accuracy=1.0),))[0]
    assert failing((changed(limited, accuracy=ceiling(point)),)) == []


@pytest.mark.parametrize("job", [0, 2], ids=["one layer", "two layers"])
def test_a_resumed_job_gives_the_same_numbers(rows, job: int) -> None:
    """The seeds of a job are trained together, whichever of them are still to come."""
    cells = planned()[job].cells
    (finished,) = trained.run(cells[1:])
    (row,) = [row for row in rows if row.cell.key == cells[1].key]
    assert finished.metrics == row.metrics


def test_a_resumed_start_from_built_weights_gives_the_same_numbers(rows) -> None:
    (cells,) = (job.cells for job in planned() if job.function is kept.run)
    (finished,) = kept.run(cells[-1:])
    (row,) = [row for row in rows if row.cell.key == cells[-1].key]
    assert finished.metrics == row.metrics


def test_arms_share_graphs_steps_and_candidates_and_differ_in_what_they_say() -> None:
    preset = PRESETS["quick"]
    setups = [trained.setup(preset, 16, 8, arm) for arm in ARMS]
    shared = {(s.recipe.steps, s.recipe.batch, s.recipe.check_every, s.learning_rates) for s in setups}
    assert len(shared) == 1
    configs = dict(zip(ARMS, (setup.config for setup in setups), strict=True))
    assert (configs[DENSE].experts, configs[EXPERTS].experts) == (1, 8)
    assert (configs[TWO].edges_meet, configs[APART].edges_meet) == (True, False)
    assert {config.width for config in configs.values()} == {8}


def test_the_least_sizes_of_the_separation() -> None:
    """At r - 1 the bound allows the width of the construction, at r it does not: by the bounds' own deciders."""
    found = {(each.statement, each.construction, "experts" in each.bound): each for each in separations(2)}
    assert len(found) == 6
    for (statement, construction, routed), each in found.items():
        width = built.DEEP[construction]
        assert (width(each.r), each.two_layers) == (each.two_layers, each.one_layer - 1)

        def suffices(r: int, statement=statement, routed=routed, width=width) -> bool:
            if statement == "own-message-bound":
                return message_suffices(r, 1, 8, width(r))
            return pattern_suffices(r, 4 * r, width(r), 2 if routed else 1, attention="softmax")

        assert suffices(each.r - 1) and not suffices(each.r)
    assert {each.construction for each in found.values()} == {STAR, DIGRAPH}


def test_a_model_beyond_the_range_of_the_table_is_measured_token_by_token() -> None:
    config = TwoLayerConfig(6, 8, hidden=1)
    weights = built_parameters(config)
    scores = {"w_query_1": 30 * weights["w_query_1"]}
    model = TwoLayerModel(config, weights | scores)
    with pytest.raises(InputError, match="token by token"):
        model.forward_table(torch.zeros(1, 8))
    assert measured_accuracy(model, 0, 300, torch.device("cpu")) == 1.0


def test_the_least_width_wants_half_of_the_seeds(rows) -> None:
    found = [point for point in points(of_panel(rows, PANEL)) if point.arm == TWO]
    assert least_width(found) is None
    first, second = found
    half = dataclasses.replace(second, rows=(changed(second.rows[0], accuracy=1.0), second.rows[1]))
    assert least_width([first, half]) == half.width


def test_the_page_from_all_rows_from_few_and_from_none(rows) -> None:
    whole = page(rows)
    assert [section.figure.name for section in whole.sections if section.figure] == ["accuracy", "seeds"]
    for section in whole.sections:
        if section.figure:
            assert b"<svg" in render(section.figure)[0]
    assert len(whole.sections) == 5
    said = {line[0]: line for line in headline(rows).rows}
    assert said["r = 4, two layers: least width where half of the seeds reach 99%"][2] == "built with 7"
    few = [row for row in rows if row.config.get("construction")]
    assert [section.title for section in page(few).sections] == ["Built by hand, on the same graphs"]
    assert page([]).sections == page([]).checks == ()


@pytest.mark.parametrize("name", PRESETS)
def test_dry_run_counts_what_is_planned(name: str) -> None:
    preset = PRESETS[name]
    for job, line in zip(STUDY.jobs(preset), STUDY.dry_run(preset), strict=True):
        assert (line.cells, line.device_hours > 0) == (len(job.cells), True)
        if job.function is trained.run:
            setup = Setup.of(job.cells[0])
            assert line.flops % (3 * setup.steps * (setup.seeds + len(setup.learning_rates))) == 0
            assert line.memory_bytes > 16 * setup.seeds * line.parameters


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("seeds=0", "every number must be positive"),
        ("seeds=2000", "at most 1000"),
        ("sizes=2", "4 or more"),
        ("shares=3.0", "2 at most"),
        ("experts=1", "2 or more"),
        ("noise_width=9", "need width 10"),
        ("noise=0.1,0.1", "each once"),
    ],
)
def test_settings_that_make_no_sense(setting: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        with_settings(PRESETS["quick"], [setting])
