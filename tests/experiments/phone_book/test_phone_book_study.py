"""The study `phone-book`: a tiny run through the command line, the page from whole, partial and no rows, checks."""

from __future__ import annotations

import dataclasses

import pytest
from book_rows import TINY, by_active, synthetic_rows
from hypothesis import given
from hypothesis import strategies as st

from experiments.cli import main
from experiments.report.drawing import render
from experiments.store import Row, read_rows
from experiments.studies import with_settings
from experiments.studies.phone_book import STUDY
from experiments.studies.phone_book.analysis import book_points, density, explained, most_for_each_parameter
from experiments.studies.phone_book.bisection import Bisection
from experiments.studies.phone_book.cells import BITS, BOOKS, BookSetup
from experiments.studies.phone_book.preset import PRESETS
from experiments.studies.phone_book.report import checks, headline, page
from experiments.studies.selection import of_panel
from theory.errors import InputError


@pytest.fixture(scope="module")
def rows(tmp_path_factory) -> tuple[Row, ...]:
    out = tmp_path_factory.mktemp("phone-book") / "results"
    assert main(["run", "phone-book", "--out", str(out), "--workers", "1", "--json", "--set", *TINY]) == 0
    return read_rows(out)


def failing(rows: list[Row]) -> list[str]:
    return [check.claim for check in checks(rows) if not check.holds]


def test_a_run_measures_every_cell(rows) -> None:
    expected = {cell.key for job in STUDY.jobs(with_settings(PRESETS["quick"], TINY)) for cell in job.cells}
    assert {row.cell.key for row in rows} == expected
    for row in of_panel(rows, BITS):
        assert {"bits", "correct", "digits_right", "baselines", "book_bits"} <= row.metrics.keys()
        assert 0 <= row.metrics["bits"] <= row.metrics["book_bits"]
    for row in of_panel(rows, BOOKS):
        assert row.metrics["largest"] == 0, "three steps learn no book"
        assert row.metrics["recalled"].keys() == {"8", "4"}
    assert all(row.metrics["counted"] == BookSetup.of(row.cell).counts.total for row in rows)


def test_every_seed_has_its_own_book() -> None:
    (job, *_) = STUDY.jobs(PRESETS["quick"])
    books = {BookSetup.of(cell).task_of(cell.seed).examples("test", 0, 5).tokens.sum().item() for cell in job.cells}
    assert len(books) == len(job.cells)


def test_the_page_of_a_run_that_learned_nothing_is_whole(rows) -> None:
    whole = page(rows)
    assert [section.figure.name for section in whole.sections if section.figure] == ["bits", "books"]
    for section in whole.sections:
        if section.figure:
            assert len(render(section.figure)[0]) > 1000


def test_bits_of_the_total_alone() -> None:
    rows = synthetic_rows()
    found = explained(book_points(of_panel(rows, BITS)))
    assert found is not None and found.total.value > 0.999 and found.difference.low > 0
    assert failing(rows) == []
    most = most_for_each_parameter(book_points(of_panel(rows, BITS)))
    assert most is not None and most[0] == pytest.approx(0.5 * 1.02)


def test_bits_of_the_active_parameters_alone_refute_the_claim() -> None:
    claims = failing(synthetic_rows(by_active))
    assert len(claims) == 2
    assert all("active" in claim for claim in claims)


def test_bits_a_parameter_are_those_of_the_seeds() -> None:
    point = book_points(of_panel(synthetic_rows(), BITS))[0]
    found = density(point, point.counts.total)
    assert found is not None and found.value == pytest.approx(0.5 * 1.01)


def test_a_model_that_recalls_more_than_its_book_or_miscounts_is_seen() -> None:
    rows = synthetic_rows()
    more = dataclasses.replace(rows[0], metrics={**rows[0].metrics, "bits": 30_000.0})
    assert failing([more, *rows[1:]]) == ["no model recalls more bits than its book holds"]
    wrong = dataclasses.replace(rows[0], metrics={**rows[0].metrics, "counted": 1})
    assert failing([wrong, *rows[1:]]) == ["parameters counted from the tensors are those of the formula"]


def test_pages_of_no_rows_and_of_some() -> None:
    assert page(()).sections == ()
    some = synthetic_rows()[:4]
    assert page(some).sections and headline(some).rows
    for panel in (BITS, BOOKS):
        assert page(of_panel(synthetic_rows(), panel)).sections


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_can_be_estimated(name) -> None:
    estimates = STUDY.dry_run(PRESETS[name])
    assert sum(line.cells for line in estimates) == sum(len(job.cells) for job in STUDY.jobs(PRESETS[name]))
    assert all(line.flops > 0 and line.memory_bytes > 0 for line in estimates)


def test_the_paper_preset_is_the_papers_grid() -> None:
    paper = PRESETS["paper"]
    assert (paper.layers, paper.widths, paper.tests) == (12, (256, 512, 1024), 1000)
    assert paper.books == (100_000, 500_000, 1_000_000, 1_500_000, 2_000_000, 2_500_000, 3_000_000)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("books=8,4", "ascending"),
        ("entries=500000", "names"),
        ("threshold=1", "below 1"),
        ("book_widths=5", "some of the widths"),
        ("heads=3", "multiple"),
        ("widths=", "one or more"),
    ],
)
def test_presets_that_make_no_sense_are_refused(setting, said, capsys) -> None:
    assert main(["run", "phone-book", "--dry-run", "--set", setting]) == 2
    assert said in capsys.readouterr().err


@given(st.sets(st.integers(1, 1000), min_size=1), st.integers(0, 1000))
def test_bisection_finds_the_largest_size_in_few_steps(sizes, capacity) -> None:
    search = Bisection(sorted(sizes), threshold=0.9)
    while (size := search.next()) is not None:
        search.tell(0.95 if size <= capacity else 0.9)
    assert search.largest == max((size for size in sizes if size <= capacity), default=0)
    assert len(search.told) <= len(sizes).bit_length()


def test_sizes_are_refused_before_work_starts() -> None:
    with pytest.raises(InputError, match="ascending"):
        dataclasses.replace(PRESETS["quick"], books=(10, 5))
