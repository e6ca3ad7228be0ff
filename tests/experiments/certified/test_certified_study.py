"""The study `certified` through the command line, its page from any rows, its grid, and what it refuses."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.cli import main
from experiments.report import statistics
from experiments.report.drawing import render, style
from experiments.report.html import render_page
from experiments.report.statistics import Interval
from experiments.store import Row, model_path, read_rows
from experiments.studies import with_settings
from experiments.studies.certified import STUDY
from experiments.studies.certified.cells import CONTROL, FED, Setup
from experiments.studies.certified.preset import PRESETS, CertifiedPreset
from experiments.studies.certified.report import PLAIN, WAYS, checks, critical_width, least_width, not_right, page
from experiments.studies.types import Cell
from parrots.checkpoint import load_model
from parrots.ensemble import EnsembleLayout
from parrots.extract import extract
from parrots.initialise import initial_parameters
from theory import statements
from theory.accounting import table_flops
from theory.certify import certify
from theory.errors import InputError

SETTINGS = ["sizes=4", "shares=0.5,1", "experts=1", "seeds=2", "steps=60", "rounds=1", "round_steps=20", "batch=32"]
TINY = with_settings(PRESETS["quick"], SETTINGS)


def run(out: Path, *more: str) -> int:
    changed = {setting.partition("=")[0] for setting in more}
    kept = [*(setting for setting in SETTINGS if setting.partition("=")[0] not in changed), *more]
    words = [word for setting in kept for word in ("--set", setting)]
    return main(["run", "certified", "--out", str(out), "--workers", "1", "--json", *words])


@pytest.fixture(scope="module", autouse=True)
def few_resamples() -> Iterator[None]:
    """How wide an interval is, is tested elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(statistics, "RESAMPLES", 20)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("certified") / "results"
    assert run(out) == 0
    return out


# Synthetic rows ----------------------------------------------------------------------------------------------------


def row(width: int, training: str, seed: int, wrong: list[int], undecided: list[int] | None = None, *, r: int = 8,
        experts: int = 1, grid: str = "one", finished: str = "2026-01-01") -> Row:  # fmt: skip
    config = {"r": r, "width": width, "experts": experts, "training": training, "seed": seed, "grid": grid}
    undecided = undecided or [0] * len(wrong)
    metrics = {
        "wrong": wrong, "undecided": undecided, "certified": wrong[-1] == undecided[-1] == 0, "rounds": len(wrong) - 1,
        "min_margin": 0.1, "inputs": 4**r, "errors": max(wrong),
    }  # fmt: skip
    return Row(Cell("certified", "a-loop", config), metrics, "certified", 1.0, "cpu", {}, "", {}, finished, finished)


ROWS = [
    row(4, FED, 0, [9, 3, 0]), row(4, CONTROL, 0, [9, 8, 7]), row(4, FED, 1, [5, 5, 5]), row(4, CONTROL, 1, [5, 4, 3]),
    row(6, FED, 0, [0]), row(6, CONTROL, 0, [0]), row(6, FED, 1, [2, 0]), row(6, CONTROL, 1, [2, 1, 1]),
    row(8, FED, 0, [0]), row(8, CONTROL, 0, [0]), row(8, FED, 1, [0]), row(8, CONTROL, 1, [0]),
    row(4, FED, 0, [1, 0], experts=4), row(4, CONTROL, 0, [1, 1, 1], experts=4), row(4, FED, 0, [60], r=10),
]  # fmt: skip


def expected_width(rows: list[Row], r: int, experts: int, way: str) -> tuple[float | None, int]:
    """Straight from the rows: for every seed the least width with no input wrong or undecided."""
    least: dict[int, float] = {}
    for one in rows:
        of = one.config
        if (of["r"], of["experts"], of["training"]) == (r, experts, CONTROL if way == CONTROL else FED):
            at = 0 if way == PLAIN else -1
            right = one.metrics["wrong"][at] + one.metrics["undecided"][at] == 0
            least[of["seed"]] = min(least.get(of["seed"], float("inf")), of["width"] if right else float("inf"))
    missed = sum(width == float("inf") for width in least.values())
    return (None if missed or not least else sum(least.values()) / len(least)), missed


def test_critical_widths_by_hand() -> None:
    assert (critical_width(ROWS, 8, 1, PLAIN)[0].value, critical_width(ROWS, 8, 1, PLAIN)[1]) == ((6 + 8) / 2, 0)
    assert critical_width(ROWS, 8, 1, CONTROL)[0].value == (6 + 8) / 2
    assert critical_width(ROWS, 8, 1, FED)[0].value == (4 + 6) / 2
    assert critical_width(ROWS, 8, 4, CONTROL) == (None, 1)
    # A seed that misses takes the mean away rather than out of it.
    assert critical_width([*ROWS, row(4, FED, 2, [7, 7])], 8, 1, FED) == (None, 1)
    assert critical_width([], 8, 1, FED) == (None, 0)


def test_an_undecided_input_is_no_certificate() -> None:
    open_ = row(4, FED, 0, [0, 0], [3, 0])
    assert not_right(open_) == [3, 0]
    assert critical_width([open_], 8, 1, PLAIN) == (None, 1)
    assert critical_width([open_], 8, 1, FED)[0].value == 4


@pytest.mark.parametrize("synthetic", [True, False])
def test_the_headline_is_what_the_rows_say(synthetic: bool, folder: Path) -> None:
    rows = ROWS if synthetic else list(read_rows(folder))
    made = {str(line[0]): line[1:3] for line in page(rows).headline.rows}
    sizes = {(one.config["r"], one.config["experts"]) for one in rows}
    assert len(made) == (1 + len(WAYS)) * len(sizes)
    for r, experts in sizes:
        block = "dense" if experts == 1 else f"{experts} experts"
        assert made[f"r = {r}, {block}: every model needs, any precision"] == (least_width(r, experts), None)
        for way in WAYS:
            mean, missed = made[f"r = {r}, {block}: certified, {way}"]
            value, expected_missed = expected_width(rows, r, experts, way)
            assert missed == expected_missed
            assert (mean.value if isinstance(mean, Interval) else mean) == value


def test_the_tables_shares_are_those_of_the_rows() -> None:
    (section, _) = page(ROWS).sections
    assert section.table is not None
    lines = {(line[0], line[1], line[2], line[3]): line for line in section.table.rows}
    assert lines[8, "dense", 4, FED][4:] == (2, lines[8, "dense", 4, FED][5], "0, 5", 4**8)
    assert lines[8, "dense", 4, FED][5].value == 1 / 2
    assert lines[8, "dense", 4, PLAIN][5:7] == (lines[8, "dense", 4, CONTROL][5], "9, 5")
    assert "plain training: 3 of 8" in section.paragraphs[0]
    assert "fed back: 6 of 8" in section.paragraphs[0]
    assert "without: 3 of 7" in section.paragraphs[0]


@pytest.mark.parametrize("grid", ["one", "another"])
def test_a_certified_model_below_the_bound_is_refuted(grid: str) -> None:
    assert [check.holds for check in checks(ROWS)] == [True]
    least = least_width(64, 1)
    assert least > 1
    for width, holds in ((least, True), (least - 1, False)):
        (check,) = page([*ROWS, row(width, FED, 0, [3, 0], r=64, grid=grid)]).checks
        assert (check.holds, check.statement) == (holds, "own-pattern-bound")
    (check,) = page([*ROWS, row(least - 1, FED, 0, [3, 1], r=64)]).checks
    assert check.holds
    assert checks([row(4, FED, 0, [1])]) == ()


# The page ------------------------------------------------------------------------------------------------------------


@settings(max_examples=10)
@given(st.sets(st.integers(0, len(ROWS) - 1), max_size=3))
def test_any_few_rows_give_a_page(chosen: set[int]) -> None:
    made = page([ROWS[i] for i in sorted(chosen)])
    assert len(made.sections) == (0 if not chosen else 1 + any(len(ROWS[i].metrics["wrong"]) > 1 for i in chosen))
    for section in made.sections:
        section.figure.draw()


def test_no_row_at_all_gives_a_page() -> None:
    assert "0 cells" in render_page(page([]), {}, [])
    assert page([]).sections == page([]).checks == ()


@pytest.mark.parametrize("rows", [ROWS[:1], ROWS[1:2], ROWS[4:5], ROWS], ids=["fed", "control", "certified", "all"])
def test_every_figure_draws_the_bound_and_has_a_panel(rows: list[Row], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[3] / "docs" / "_ext"))
    from result_panels import FIGURES

    for section in page(rows).sections:
        assert section.figure is not None
        assert any(fnmatch(f"{section.figure.name}.svg", glob) for glob in FIGURES[f"certified/{section.title[1]}"])
        with style():  # titles on the left
            axes = {one.get_title(loc="left"): one for one in section.figure.draw().axes}
        if section.title.startswith("(a)"):
            (bound,) = (line for line in axes["r = 8, dense"].lines if "bound" in str(line.get_label()))
            assert set(bound.get_xdata()) == {least_width(8, 1)}
            assert [line.get_label() for line in axes["r = 8, dense"].lines][: len(WAYS)] == list(WAYS)


def test_the_figure_shows_the_shares() -> None:
    vector, pixels = render(page(ROWS).sections[0].figure)
    assert vector.count(b"<path") > 10
    assert pixels.startswith(b"\x89PNG")
    drawing = page(ROWS).sections[0].figure.draw()
    lines = {line.get_label(): line for line in drawing.axes[0].lines}
    assert lines[FED].get_xydata().tolist() == [[4, 0.5], [6, 1], [8, 1]]
    assert lines[PLAIN].get_xydata().tolist() == lines[CONTROL].get_xydata().tolist() == [[4, 0], [6, 0.5], [8, 1]]


def test_statements_exist_and_those_drawn_are_named_by_the_section() -> None:
    made = page(ROWS)
    assert set(made.statements()) <= set(statements.ids())
    drawn = {(name, f"certified/{section.title[1]}") for section in made.sections for name in section.statements}
    for statement in statements.all_statements():
        assert {(statement.id, panel) for panel in statement.figures if panel.startswith("certified/")} <= drawn


def test_rows_of_two_grids_are_not_mixed() -> None:
    newer = [row(4, FED, 0, [0], grid="two", finished="2026-02-01")]
    for rows in ([*ROWS, *newer], [*newer, *ROWS]):
        made = page(rows)
        assert made.sections[0].title.startswith("Not shown")
        assert made.headline == page(newer).headline
        certified = sum(one.metrics["certified"] for one in rows)
        assert f"{certified} models are certified" in made.checks[0].detail  # the checks see all rows


# Through the command line --------------------------------------------------------------------------------------------


def test_every_cell_is_stored_with_the_model_that_was_certified(folder: Path) -> None:
    rows = read_rows(folder)
    assert {one.cell.key for one in rows} == {cell.key for job in STUDY.jobs(TINY) for cell in job.cells}
    assert any(one.metrics["certified"] for one in rows)
    assert any(not one.metrics["certified"] for one in rows)
    first = {}
    for one in rows:
        wrong = one.metrics["wrong"]
        assert one.stopped == ("certified" if one.metrics["certified"] else "used its rounds")
        assert len(wrong) == one.metrics["rounds"] + 1 <= TINY.rounds + 1
        assert one.metrics["certified"] or one.metrics["rounds"] == TINY.rounds
        assert one.metrics["certified"] == (wrong[-1] == 0)
        certificate = certify(extract(load_model(model_path(folder, one.cell.key))))
        assert (certificate.wrong, certificate.min_margin) == (wrong[-1], one.metrics["min_margin"])
        start = (one.config["width"], one.config["experts"], one.cell.seed)
        assert first.setdefault(start, wrong[0]) == wrong[0]  # both ways go on from the same model


def test_a_second_run_with_one_more_seed_adds_it_and_the_report_holds(folder: Path, tmp_path: Path) -> None:
    assert run(tmp_path, "seeds=1") == 0
    assert run(tmp_path) == 0
    assert {one.cell.key: one.metrics for one in read_rows(tmp_path)} == {
        one.cell.key: one.metrics for one in read_rows(folder)
    }
    assert main(["report", str(tmp_path)]) == 0
    assert (tmp_path / "figures" / "certified-widths.svg").exists()


# The grid ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PRESETS)
def test_the_cells_of_a_job_train_as_one_ensemble_and_are_counted(name: str) -> None:
    preset = PRESETS[name]
    jobs = STUDY.jobs(preset)
    keys = [cell.key for job in jobs for cell in job.cells]
    assert len(set(keys)) == len(keys)
    assert len(jobs) == len(preset.sizes) * len(preset.experts)
    for job, line in zip(jobs, STUDY.dry_run(preset), strict=True):
        setups = [Setup.of(cell) for cell in job.cells]
        EnsembleLayout(tuple(setup.config for setup in setups))
        assert {setup.training for setup in setups} == {FED, CONTROL}
        assert line.cells == len(job.cells) == 2 * preset.seeds * len({setup.width for setup in setups})
        assert line.device_hours == pytest.approx(line.flops / preset.device_flops / 3600)


def test_parameters_and_flops_are_counted_from_the_models() -> None:
    """Three forward passes a step, plain training once for both ways, two visits of all inputs after each round."""
    for job, line in zip(STUDY.jobs(TINY), STUDY.dry_run(TINY), strict=True):
        configs = [Setup.of(cell).config for cell in job.cells]
        count = max(sum(value.numel() for value in initial_parameters(config, 0).values()) for config in configs)
        assert line.parameters == count
        widest = max(configs, key=lambda config: config.width)
        plain = 3 * 60 * (sum(table_flops(config, 32) for config in configs) // 2 + table_flops(widest, 32))
        further = 3 * 20 * (sum(table_flops(config, 32) for config in configs) + table_flops(widest, 32))
        visits = 2 * 2 * sum(table_flops(config, 4**4) for config in configs)
        assert line.flops == plain + further + visits


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        ("sizes=13", "up to 12"),
        ("sizes=", "one or more"),
        ("sizes=8,8", "each once"),
        ("seeds=0", "positive"),
        ("seeds=1000000", "at most"),
        ("rounds=-1", "positive"),
        ("shares=0.5,-1", "positive"),
        ("shares=1e300", "shares up to 1"),
        ("fed_back=1", "at least one must be fed back and one not"),
        ("fed_back=0.001", "at least one must be fed back and one not"),
        ("size=8", "sizes"),
    ],
)
def test_a_preset_that_makes_no_sense_is_one_line(setting: str, text: str) -> None:
    with pytest.raises(InputError, match=text) as caught:
        with_settings(PRESETS["quick"], [setting])
    assert "\n" not in str(caught.value)


NUMBERS = st.one_of(st.integers(-3, 40), st.sampled_from([10**9, 2**70, "", "x", "nan", "inf"]), st.floats(-1, 3))
FIELDS = [field.name for field in dataclasses.fields(CertifiedPreset)]


@given(st.sampled_from(FIELDS), st.lists(NUMBERS, max_size=3))
def test_any_value_gives_a_grid_or_one_line(field: str, values: list[object]) -> None:
    try:
        preset = with_settings(PRESETS["quick"], [f"{field}={','.join(map(str, values))}"])
        jobs = STUDY.jobs(preset)
    except InputError as error:
        assert len(str(error)) > 20
        assert "\n" not in str(error)
        return
    assert sum(line.cells for line in STUDY.dry_run(preset)) == sum(len(job.cells) for job in jobs) > 0
