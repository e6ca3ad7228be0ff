"""Every panel that a statement names is on the page of results and has figures to show."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from site_pages import DOCS

from experiments.studies import ORDER, STUDIES
from theory import statements


@pytest.fixture
def panels(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    monkeypatch.syspath_prepend(str(DOCS / "_ext"))
    import result_panels

    return SimpleNamespace(figures=result_panels.FIGURES, source=result_panels.picture_source)


@pytest.fixture
def copier(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(DOCS))
    import copy_results

    return copy_results


def test_every_named_panel_is_known(panels: SimpleNamespace) -> None:
    named = {panel for statement in statements.all_statements() for panel in statement.figures}
    assert named <= set(panels.figures)
    page = (DOCS / "results.rst").read_text(encoding="utf-8")
    assert [panel for panel in panels.figures if f".. panel:: {panel}\n" not in page] == []
    assert [panel for panel in named if f".. _panel-{panel.replace('/', '-')}:\n" not in page] == []


def test_every_panel_belongs_to_a_study(panels: SimpleNamespace) -> None:
    assert {panel.partition("/")[0] for panel in panels.figures} <= {*ORDER, *STUDIES}


def test_every_study_has_its_summary_on_the_page() -> None:
    page = (DOCS / "results.rst").read_text(encoding="utf-8")
    assert [study for study in STUDIES if f".. summary:: {study}\n" not in page] == []


def test_figures_are_shown_where_there_are_any(panels: SimpleNamespace, tmp_path: Path) -> None:
    noted: list[str] = []
    env = SimpleNamespace(srcdir=tmp_path, note_dependency=noted.append)
    assert panels.source(env, "width/b") == ""
    (tmp_path / "results" / "width").mkdir(parents=True)
    for name in ("width/critical-width.svg", "width/critical-curves.svg", "width/matched.svg", "critical-other.svg"):
        (tmp_path / "results" / name).touch()
    shown = panels.source(env, "width/b")
    assert ".. image:: /results/width/critical-width.svg" in shown
    assert ".. image:: /results/width/critical-curves.svg" in shown
    assert "matched" not in shown
    assert "other" not in shown
    assert len(noted) == 2


REPORT = {
    "study": "toy",
    "headline": [
        {"what": "m*|n|", "value": {"value": 5.125, "low": 5.0, "high": 5.3}, "statement": "thm-3.2"},
        {"what": "held", "value": True, "statement": None},
    ],
    "checks": [
        {"claim": "a", "holds": True, "outcome": "holds", "detail": "1"},
        {"claim": "b", "holds": False, "outcome": "refuted", "detail": "2"},
        {"claim": "c", "holds": False, "outcome": "not as expected", "detail": "3"},
    ],
}


def test_a_studys_folder_holds_its_report_and_nothing_older(copier: ModuleType, tmp_path: Path) -> None:
    figures, folder = tmp_path / "figures", tmp_path / "results" / "toy"
    figures.mkdir()
    folder.mkdir(parents=True)
    (folder / "older.svg").touch()
    for name in ("a.svg", "a.png"):
        (figures / name).touch()
    copier.keep({**REPORT, "files": [str(figures / "a.svg"), str(figures / "a.png")]}, folder)
    assert sorted(path.name for path in folder.iterdir()) == ["a.svg", "summary.rst.inc"]


def test_the_summary_says_what_was_refuted(copier: ModuleType) -> None:
    text = copier.summary(REPORT)
    assert "   * - what\n     - value\n     - statement\n" in text
    assert "   * - m\\*\\|n\\|\n     - 5.12 [5, 5.3]\n     - `thm-3.2`\n" in text
    assert "   * - held\n     - yes\n     - –\n" in text
    assert "* holds: a: 1.\n* **refuted**: b: 2.\n* **not as expected**: c: 3.\n" in text
