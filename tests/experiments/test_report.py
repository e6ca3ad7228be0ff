"""The report: intervals against independent values, files from the store alone, a page that needs nothing else."""

from __future__ import annotations

import csv
import dataclasses
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pyarrow.parquet
import pytest
import toy_study
from hypothesis import given
from hypothesis import strategies as st

from experiments import runner
from experiments.report import drawing
from experiments.report.export import to_table
from experiments.report.formula import formula_svg
from experiments.report.html import render_page
from experiments.report.page import Figure, Page, Ref, Section, Table
from experiments.report.statistics import Interval, bootstrap, number_text, slope, wilson
from experiments.report.write import write_report
from theory import statements
from theory.errors import InputError


@pytest.fixture(scope="module")
def rows():
    jobs = toy_study.STUDY.jobs(toy_study.Grid(jobs=2))
    return tuple(row for job in jobs for row in runner.execute(job).rows)


@pytest.fixture(scope="module")
def page(rows):
    """The toy page, with every statement there is and a table too wide for a phone."""
    page = toy_study.STUDY.page(rows)
    wide = Table(tuple(f"a long column {i}" for i in range(12)), (tuple(range(12)),))
    (section,) = page.sections
    both = (dataclasses.replace(section, statements=statements.ids()), Section("Wide", ("&amp; <b>",), wide))
    return dataclasses.replace(page, sections=both)


@pytest.fixture(scope="module")
def folder(page, rows, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    write_report(page, rows, folder)
    return folder


# Intervals ---------------------------------------------------------------------------------------------------------


@given(st.integers(1, 10**6), st.floats(0, 1))
def test_wilson_agrees_with_its_closed_form(trials, share):
    successes = int(share * trials)
    interval = wilson(successes, trials)
    z, rate = 1.959963984540054, successes / trials
    centre = (rate + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z / (1 + z**2 / trials) * (rate * (1 - rate) / trials + z**2 / (4 * trials**2)) ** 0.5
    assert interval.low == pytest.approx(centre - half, abs=1e-9)
    assert interval.high == pytest.approx(centre + half, abs=1e-9)


@pytest.mark.parametrize(("successes", "trials"), [(1, 0), (-1, 3), (4, 3)])
def test_wilson_refuses_an_impossible_rate(successes, trials):
    with pytest.raises(InputError, match="0 <= successes <= trials"):
        wilson(successes, trials)


def test_bootstrap_of_a_mean_agrees_with_theory_and_with_itself():
    sample = np.random.default_rng(1).normal(5, 2, 400)
    interval = bootstrap([sample], np.mean)
    half = 1.96 * sample.std() / 20
    assert interval.low == pytest.approx(sample.mean() - half, abs=0.03)
    assert interval.high == pytest.approx(sample.mean() + half, abs=0.03)
    assert interval == bootstrap([sample], np.mean)


def test_bootstrap_of_a_slope_draws_pairs():
    x = np.arange(20.0)
    exact = bootstrap([x, 3 * x + 1], slope, paired=True)
    assert (exact.low, exact.value, exact.high) == pytest.approx((3, 3, 3))


def test_bootstrap_of_two_samples_contains_its_value():
    interval = bootstrap([[1, 2, 3], [2, 2, 8]], lambda above, below: float(np.mean(above) / np.mean(below)))
    assert interval.value == pytest.approx(0.5)
    assert interval.low < 0.5 < interval.high


def test_bootstrap_says_where_it_has_no_interval():
    assert bootstrap([[3.0]], np.mean) == Interval(3, 3, 3, "one value, no interval")
    assert np.isnan(slope([2, 2], [1, 5]))


@pytest.mark.parametrize(("samples", "paired"), [([[]], False), ([[1, 2], [1, 2, 3]], True)])
def test_bootstrap_refuses_what_has_no_statistic(samples, paired):
    with pytest.raises(InputError):
        bootstrap(samples, np.mean, paired=paired)


@given(st.floats(-1e300, 1e300))
def test_a_number_is_shown_near_its_value_and_never_rounded_up_to_1(value):
    shown = float(number_text(value).replace(",", ""))
    assert shown == pytest.approx(value, rel=5.1e-3)
    if value < 1:
        assert shown < 1


@given(st.floats(1e-12, 0.5))
def test_a_rate_below_1_never_shows_as_1(miss):
    assert float(number_text(1 - miss)) < 1


# Tables ------------------------------------------------------------------------------------------------------------


def test_a_table_needs_a_full_row():
    with pytest.raises(ValueError, match="a row of 1 entries in a table of 2 columns"):
        Table(("a", "b"), ((1,),))


def test_csv_and_parquet_hold_every_row_flat(folder, rows):
    parquet = pyarrow.parquet.read_table(folder / "cells.parquet").to_pylist()
    with (folder / "cells.csv").open(newline="") as file:
        text = list(csv.DictReader(file))
    assert len(parquet) == len(text) == len(rows)
    for row, exact, plain in zip(rows, parquet, text, strict=True):
        assert exact["key"] == plain["key"] == row.cell.key
        assert exact["config.seed"] == row.cell.seed == int(plain["config.seed"])
        assert exact["metrics.accuracy"] == row.metrics["accuracy"] == float(plain["metrics.accuracy"])
        assert exact["metrics.by_seed"] == f"[{row.cell.seed}]"


def test_columns_keep_one_kind(rows):
    values = [1, 2.5, None, True, "a", [1], 2**70]
    for first, second, kind in [(1, 2, int), (1, 2.5, float), (True, False, bool), (1, "a", str), (1, 2**70, str)]:
        pair = [dataclasses.replace(rows[0], metrics={"x": {"y": value}}) for value in (first, second)]
        column = to_table([*pair, dataclasses.replace(rows[0], metrics={})])["metrics.x.y"].to_pylist()
        assert [type(value) for value in column] == [kind, kind, type(None)]
    mixed = [dataclasses.replace(rows[0], metrics={"x": value}) for value in values]
    assert to_table(mixed)["metrics.x"].to_pylist() == ["1", "2.5", None, "true", '"a"', "[1]", str(2**70)]


# Figures -----------------------------------------------------------------------------------------------------------


def test_figures_are_the_same_bytes_again_whatever_the_users_settings(folder, page, rows, tmp_path):
    import matplotlib

    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "svg.hashsalt": None}):
        write_report(page, rows, tmp_path)
    for name in ("a.svg", "a.png"):
        assert (tmp_path / "figures" / name).read_bytes() == (folder / "figures" / name).read_bytes()
    assert (tmp_path / "index.html").read_bytes() == (folder / "index.html").read_bytes()


def test_an_svg_follows_the_page_and_describes_itself(folder):
    root = ElementTree.fromstring((folder / "figures" / "a.svg").read_text())
    drawn = ElementTree.tostring(root).decode()
    assert root.find("{http://www.w3.org/2000/svg}desc").text == "a line that rises"
    style = root.find("{http://www.w3.org/2000/svg}style").text
    assert "prefers-color-scheme: dark" in style
    assert drawn.count("currentColor") > 10
    assert drawing.INK not in drawn.replace(style, "")


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("paper", ["#ffffff", "#16181d"])
def test_colours_show_on_light_and_dark(paper):
    assert paper in drawing._PAPER
    for colour in drawing.COLOURS.values():
        pair = sorted((luminance(colour), luminance(paper)))
        assert (pair[1] + 0.05) / (pair[0] + 0.05) > 2.2


def test_the_style_file_has_the_named_colours_and_ink():
    import matplotlib
    from matplotlib.colors import to_hex

    with drawing.style():
        cycle = matplotlib.rcParams["axes.prop_cycle"].by_key()["color"]
        assert [to_hex(colour) for colour in cycle] == list(drawing.COLOURS.values())
        assert {to_hex(matplotlib.rcParams[f"{part}.color"]) for part in ("text", "xtick", "ytick", "grid")} == {
            drawing.INK
        }


@pytest.mark.parametrize("name", statements.ids())
def test_every_formula_can_be_drawn(name):
    svg = formula_svg(statements.get(name).latex).decode()
    assert svg.count("<use ") >= 3
    assert "¤" not in svg


def test_a_name_occurs_once_on_a_page():
    empty = Table((), ())
    figure = Figure("a", "alt", lambda: None)
    with pytest.raises(ValueError, match="section named twice on one page: A"):
        Page("t", "l", empty, (Section("A"), Section("A")))
    with pytest.raises(ValueError, match="figure named twice on one page: a"):
        Page("t", "l", empty, (Section("A", figure=figure), Section("B", figure=figure)))


# The page ----------------------------------------------------------------------------------------------------------


class Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.ids, self.targets, self.images, self.outside = [], [], [], []

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        if "id" in found:
            self.ids.append(found["id"])
        if tag == "a":
            self.targets.append(found["href"])
        if tag == "img":
            self.images.append(found["alt"])
        self.outside += [
            value for key, value in attributes if key in ("src", "href") and not value.startswith(("#", "data:"))
        ]


def test_the_page_is_whole_and_every_link_has_its_card(folder):
    text = (folder / "index.html").read_text()
    links = Links()
    links.feed(text)
    assert links.outside == []
    assert "<script" not in text
    assert len(links.ids) == len(set(links.ids))
    assert {target.removeprefix("#") for target in links.targets} <= set(links.ids)
    assert set(statements.ids()) <= set(links.ids)
    assert all(links.images)
    assert "Accuracy of &lt;nothing&gt;" in text
    assert "&amp;amp; &lt;b&gt;" in text


def test_every_number_shows_its_interval_and_its_method(folder):
    text = re.sub(r"\s+", " ", (folder / "index.html").read_text())
    interval = wilson(sum([0, 1, 2] * 2), 600)
    assert f'0.01 <span class="interval">[{interval.low:.3g}, {interval.high:.3g}]' in text
    assert "95% interval, Wilson, n = 600" in text


def test_an_unknown_statement_is_refused(rows):
    page = Page("t", "l", Table(("s",), ((Ref("thm-9.9"),),)), ())
    with pytest.raises(InputError, match=re.escape("thm-9.9")):
        render_page(page, {}, rows)


def test_a_figure_that_fails_leaves_the_older_report_whole(folder, page, rows, tmp_path):
    write_report(page, rows, tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    (section, wide) = page.sections
    broken = dataclasses.replace(section, figure=dataclasses.replace(section.figure, draw=lambda: 1 / 0))
    with pytest.raises(ZeroDivisionError):
        write_report(dataclasses.replace(page, lead="new", sections=(broken, wide)), rows, tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_no_half_file_is_left_where_renaming_fails(page, rows, tmp_path):
    (tmp_path / "index.html" / "in the way").mkdir(parents=True)
    with pytest.raises(OSError):
        write_report(page, rows, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["index.html"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1200])
def test_the_page_in_a_browser_without_network(folder: Path, browser, scheme, width):
    """Nothing is asked from outside, nothing overflows the screen, every picture shows, ink and paper differ."""
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, offline=True)
    tab = context.new_page()
    trouble: list[str] = []
    tab.on("console", lambda message: trouble.append(message.text))
    tab.on("request", lambda request: trouble.append(request.url) if request.url.startswith("http") else None)
    tab.goto((folder / "index.html").as_uri())
    seen = tab.evaluate(
        """() => ({
            overflow: document.documentElement.scrollWidth - innerWidth,
            pictures: [...document.images].map(image => image.complete && image.naturalWidth > 0),
            wide: [...document.querySelectorAll('.scroll')].some(box => box.scrollWidth > box.clientWidth),
            small: Math.min(...[...document.querySelectorAll('figure img')].map(image => image.clientWidth)),
            paper: getComputedStyle(document.body).backgroundColor,
        })"""
    )
    context.close()
    assert trouble == []
    assert seen["overflow"] <= 0
    assert len(seen["pictures"]) == 1 + len(statements.ids())
    assert all(seen["pictures"])
    assert seen["wide"]
    assert seen["small"] >= 440  # css pixels, below which the labels can't be read
    assert seen["paper"] == {"light": "rgb(255, 255, 255)", "dark": "rgb(22, 24, 29)"}[scheme]
