"""The story: a chapter a statement, nothing shown twice, verdicts that follow the checks, files from stores alone."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from pathlib import Path

import pytest

from experiments.cli import main
from experiments.report.page import Check, Figure, Page, Ref, Section, Table
from experiments.story.chapters import HOLDS, REFUTED, SHOWN, UNEXPECTED, UNMEASURED, Chapter, chapters
from experiments.story.page import Story
from experiments.story.predicted import INTERMEDIATES, predictions, size
from experiments.story.runs import Told, tell
from theory import statements
from theory.bounds import bounds_table
from theory.errors import InputError

TINY = ["sequences=64", "width=4", "experts=1,2", "load_experts=4", "load_widths=2", "bit_sequences=16", "seeds=1"]


def drawing() -> object:
    from matplotlib.figure import Figure as Drawing

    return Drawing(figsize=(1, 1))


def told(study: str, *, holds: bool = True) -> Told:
    """A run whose page speaks of two statements: a check on the first, a headline row and a shared figure on both."""
    figure = Figure(f"{study}-drawn", "nothing", drawing)
    sections = (
        Section("Widths", ("text",), figure=figure, statements=("thm-3.2", "own-packed")),
        Section("Limits", ("small",)),
    )
    headline = Table(("what", "width", "statement"), (("least", 7, Ref("thm-3.2")), ("built", 5, Ref("own-packed"))))
    page = Page(f"Page of {study}", "lead", headline, sections, (Check("claim", holds, "1 model", "thm-3.2"),))
    return Told(study, "question?", page, (), Path("results") / study / "index.html")


def of(found: tuple[Chapter, ...], statement: str) -> Chapter:
    return next(chapter for chapter in found if chapter.statement.id == statement)


def test_every_statement_has_its_chapter_in_reading_order():
    assert [chapter.statement.id for chapter in chapters([])] == list(statements.ids())
    assert {chapter.verdict for chapter in chapters([])} == {UNMEASURED}


def test_evidence_is_what_a_study_says_of_the_statement():
    found = chapters([told("width"), told("routing", holds=False)])
    bound = of(found, "thm-3.2")
    assert [part.told.study for part in bound.evidence] == ["width", "routing"]
    assert bound.evidence[0].lines == Table(("what", "width"), (("least", 7),))
    assert bound.verdict == REFUTED
    assert of(found, "own-packed").verdict == SHOWN
    assert of(found, "thm-3.3").evidence == ()
    assert of(chapters([told("width")]), "thm-3.2").verdict == HOLDS


def test_a_figure_is_shown_once_and_linked_from_then_on(tmp_path):
    run = told("width")
    found = chapters([run])
    assert [section.title for section in of(found, "thm-3.2").evidence[0].sections] == ["Widths"]
    later = of(found, "own-packed").evidence[0]
    assert (later.sections, [place.title for place in later.elsewhere]) == ((), ["Widths"])
    text = Story([run]).html(tmp_path)
    assert text.count('alt="nothing"') == 1
    assert 'href="#width-widths"' in text


def test_checks_are_told_in_the_lead_and_in_brief(tmp_path):
    run = told("width", holds=False)
    run = dataclasses.replace(run, page=dataclasses.replace(run.page, findings=("Width 7 was enough.",)))
    story = Story([run])
    assert "1 checks that could have refuted a statement, and 1 did" in story.lead()
    assert [check.statement for check in story.failed] == ["thm-3.2"]
    assert "Width 7 was enough." in story.html(tmp_path)
    assert "width" not in story.missing and "phone-book" in story.missing


def test_an_expectation_that_fails_does_not_refute_the_statement(tmp_path):
    run = told("width")
    expected = Check("trained as well", False, "1 model", "thm-3.2", proved=False)
    story = Story([dataclasses.replace(run, page=dataclasses.replace(run.page, checks=(*run.page.checks, expected)))])
    assert of(story.chapters, "thm-3.2").verdict == UNEXPECTED
    assert "1 checks that could have refuted a statement, and 0 did; 1 more are" in story.lead()
    assert [check.claim for check in story.failed] == ["trained as well"]
    assert "✗ not as expected" in story.html(tmp_path)


@pytest.mark.parametrize("statement", ["thm-3.2", "own-message-bound", "own-packed", "own-slots-bound"])
def test_predictions_are_the_bounds_at_both_sizes(statement):
    table = predictions(statement)
    assert table is not None
    for column, r in enumerate(INTERMEDIATES, start=2):
        rows = {row.quantity: row for row in bounds_table(size(r)) if row.statement == statement}
        for line in table.rows:
            value = rows[str(line[0]).replace(" ", "_")].value
            if isinstance(value, int) and not isinstance(value, bool):
                assert line[column] == f"{value:,}"


def test_a_statement_without_bounds_predicts_no_number():
    assert predictions("own-coverage") is None


# The command -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("story")
    out = folder / "memoriser"
    assert main(["run", "memoriser", "--out", str(out), "--workers", "1", "--json", "--set", *TINY]) == 0
    assert main(["report", str(out), "--json"]) in (0, 1)
    return folder


def test_the_command_writes_a_page_that_needs_nothing_else(results, capsys):
    capsys.readouterr()
    code = main(["story", str(results), "--json"])
    shown = json.loads(capsys.readouterr().out)
    (run,) = tell([results])
    failed = [check for check in run.page.checks if not check.holds]
    assert code == (1 if failed else 0)
    text = (results / "story.html").read_text()
    assert "<script" not in text and "http://" not in re.sub(r"<svg[^>]*>", "", text)
    ids = re.findall(r' id="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    targets = re.findall(r'href="([^"]+)"', text)
    assert {target[1:] for target in targets if target.startswith("#")} <= set(ids)
    assert {target for target in targets if not target.startswith("#")} == {"memoriser/index.html"}
    kept = json.loads((results / "story.json").read_text())
    assert kept == {name: shown[name] for name in kept}
    told_checks = [
        check for line in kept["statements"] for part in line["measured"] for check in part["checks"]
    ]  # fmt: skip
    assert len(told_checks) == len(run.page.checks)


def test_the_same_stores_tell_the_same_story(results, tmp_path):
    assert main(["story", str(results / "memoriser"), "--out", str(tmp_path), "--json"]) in (0, 1)
    first = (tmp_path / "story.html").read_bytes()
    assert main(["story", str(results), "--out", str(tmp_path), "--json"]) in (0, 1)
    assert (tmp_path / "story.html").read_bytes() == first


def test_a_folder_without_store_and_a_study_twice_are_refused(results, tmp_path, capsys):
    assert main(["story", str(tmp_path)]) == 2
    assert "no store in" in capsys.readouterr().err
    shutil.copytree(results / "memoriser", tmp_path / "again")
    with pytest.raises(InputError, match="memoriser stands in"):
        tell([results, tmp_path])
