"""The page from synthetic rows, complete or not; a row above a ceiling or below a bound is REFUTED and ends with 1."""

from __future__ import annotations

import dataclasses
from contextlib import closing
from fnmatch import fnmatch
from itertools import chain, combinations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from width_rows import PANELS, SYNTHETIC, index_metrics, synthetic_rows

from experiments.cli import main
from experiments.report import statistics
from experiments.report.drawing import render
from experiments.report.html import render_page
from experiments.store import Row, Store
from experiments.studies.width import ceiling, certified, critical
from experiments.studies.width.report import page
from theory import statements
from theory.bounds import pattern_min_width

ROWS = synthetic_rows()
SUBSETS = list(chain.from_iterable(combinations(PANELS, n) for n in range(len(PANELS) + 1)))


@pytest.fixture(scope="module", autouse=True)
def few_resamples():
    """Every page computes dozens of intervals; how wide they are is tested elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(statistics, "RESAMPLES", 20)
        yield


@pytest.fixture(scope="module")
def whole():
    return page(ROWS)


def known_figures(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[str, ...]]:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[3] / "docs" / "_ext"))
    import result_panels

    return {panel: globs for panel, globs in result_panels.FIGURES.items() if panel.startswith("width/")}


def test_a_complete_store_gives_a_section_a_panel_and_holds(whole):
    assert {section.title[:3] for section in whole.sections} == {"(a)", "(b)", "(c)", "(d)"}
    assert len(whole.checks) == 4
    assert all(check.holds for check in whole.checks)
    for section in whole.sections:
        assert section.caption
        assert section.statements
        assert section.table.rows


def test_every_figure_draws_and_has_a_name_that_the_docs_show(whole, monkeypatch):
    names = []
    for section in whole.sections:
        if section.figure:
            svg, png = render(section.figure)
            assert svg.count(b"<path") > 10
            assert png.startswith(b"\x89PNG")
            names.append((section.title[1], f"{section.figure.name}.svg"))
    patterns = known_figures(monkeypatch)
    for panel, name in names:
        assert any(fnmatch(name, pattern) for pattern in patterns[f"width/{panel}"]), name
    for panel, globs in patterns.items():
        assert all(any(panel[-1] == key and fnmatch(name, glob) for key, name in names) for glob in globs)


def test_statements_exist_and_those_drawn_are_named_by_the_section(whole):
    assert set(whole.statements()) <= set(statements.ids())
    drawn = {(name, f"width/{section.title[1]}") for section in whole.sections for name in section.statements}
    for statement in statements.all_statements():
        for panel in (panel for panel in statement.figures if panel.startswith("width/")):
            assert (statement.id, panel) in drawn, f"{statement.id} says it is drawn in {panel}"


def test_the_headline_has_bound_construction_measured_certified_and_effect(whole):
    what = [row[0] for row in whole.headline.rows]
    for words in ("any precision", "measured", "trained, dense", "packed", "built by hand, dense", "certified"):
        assert any(words in text for text in what), words
    assert sum(text.startswith("effect of K") for text in what) == len(critical.ARMS) - 1


@pytest.mark.parametrize("panels", SUBSETS, ids=lambda panels: "+".join(panels) or "none")
def test_a_store_of_some_panels_gives_a_page(panels):
    rows = [row for row in ROWS if row.panel in panels]
    made = page(rows)
    assert len(made.sections) >= len(panels)
    assert all(check.holds for check in made.checks)


def test_no_row_at_all_gives_a_page():
    assert "0 cells" in render_page(page([]), {}, [])


@settings(max_examples=5)
@given(st.sets(st.integers(0, len(ROWS) - 1), min_size=1, max_size=4))
def test_any_few_rows_give_a_page_whose_figures_draw(chosen):
    for section in page([ROWS[i] for i in sorted(chosen)]).sections:
        if section.figure:
            render(section.figure)


def test_two_settings_in_one_store_are_said_to_be_two():
    changed = synthetic_rows(dataclasses.replace(SYNTHETIC, matched_r=32, matched_steps=9))
    others = [dataclasses.replace(row, finished="2026-02-01T00:00:00.000+00:00") for row in changed]
    made = page([*ROWS, *others])
    assert made.sections[0].title.startswith("Not shown")
    assert "r = 16, dense width 24, 600 steps" in made.sections[0].paragraphs[1]
    assert made.headline.rows[-1][:2] == ("not shown: cells of other settings in this store", 5 * SYNTHETIC.seeds)
    assert "Not shown" not in page(ROWS).sections[0].title


# Planted refutations -------------------------------------------------------------------------------------------------


def first(panel: str, **fields: object) -> Row:
    return next(row for row in ROWS if row.panel == panel and all(row.config[k] == v for k, v in fields.items()))


def too_good_at_index() -> Row:
    """One bit of message, and right everywhere: above the ceiling, on all inputs."""
    return with_index(first(ceiling.INDEX, r=8, width=1, message_bits=1), [0] * 8)


def too_good_on_samples() -> Row:
    return with_index(first(ceiling.INDEX, r=16, width=1, message_bits=1), [0] * 16)


def too_many_bits() -> Row:
    """Below the ceiling on average, and still too much: two coordinates without an error through one bit."""
    asked = 2**8
    return with_index(first(ceiling.INDEX, r=8, width=1, message_bits=1), [0, 0, *[asked // 2] * 6])


def too_good_float() -> Row:
    return with_index(first(ceiling.FLOAT, width=1), [0] * SYNTHETIC.float_r)


def with_index(row: Row, wrong: list[int]) -> Row:
    metrics = index_metrics(len(wrong), wrong, row.metrics["asked_by_coordinate"], row.metrics["all_inputs"])
    return dataclasses.replace(row, metrics={**row.metrics, **metrics})


def certified_below_the_bound() -> Row:
    row = next(row for row in ROWS if row.panel == certified.PANEL)
    least = pattern_min_width(64, row.config["hidden"], attention="softmax")
    assert least > 1
    cell = dataclasses.replace(row.cell, config={**row.config, "r": 64, "width": least - 1})
    return dataclasses.replace(row, cell=cell, metrics={**row.metrics, "wrong": 0, "undecided": 0})


PLANTED = {
    "no model lies above the INDEX ceiling": (too_good_at_index, too_good_on_samples),
    "no model's answers need more bits, coordinate by coordinate, than its message has": (too_many_bits,),
    "no unquantised model lies above the precision-free ceiling": (too_good_float,),
    "no certified model is narrower than the lower bound": (certified_below_the_bound,),
}


@pytest.mark.parametrize(("claim", "plant"), [(claim, plant) for claim, plants in PLANTED.items() for plant in plants])
def test_a_planted_row_is_refuted_and_the_report_exits_with_1(claim, plant, tmp_path, capsys):
    planted = plant()
    with closing(Store(tmp_path)) as store:
        store.append([planted])
    assert main(["report", str(tmp_path)]) == 1
    printed = " ".join(capsys.readouterr().out.split())
    assert f"REFUTED {claim}" in printed
    assert "✗ refuted" in (tmp_path / "index.html").read_text()
    (check,) = [check for check in page([*ROWS, planted]).checks if check.claim == claim]
    assert not check.holds
    assert check.statement in statements.ids()


def test_a_planted_row_of_other_settings_is_refuted_too():
    planted = too_good_at_index()
    other = dataclasses.replace(planted.cell, config={**planted.config, "grid": "other"})
    checks = page([dataclasses.replace(planted, cell=other), *ROWS]).checks
    assert not all(check.holds for check in checks)


def test_an_undecided_model_is_not_certified():
    row = next(row for row in ROWS if row.panel == certified.PANEL and row.config["width"] == row.config["r"])
    undecided = dataclasses.replace(row, metrics={**row.metrics, "undecided": 3})
    for measured, width in ((undecided, None), (row, row.config["width"])):
        assert [line[1] for line in page([measured]).headline.rows if "certified" in line[0]] == [width]
