"""Every panel that a statement names is on the page of results and has figures to show."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from site_pages import DOCS

from theory import statements


@pytest.fixture
def panels(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    monkeypatch.syspath_prepend(str(DOCS / "_ext"))
    import result_panels

    return SimpleNamespace(figures=result_panels.FIGURES, source=result_panels.picture_source)


def test_every_named_panel_is_known(panels: SimpleNamespace) -> None:
    named = {panel for statement in statements.all_statements() for panel in statement.figures}
    assert named == set(panels.figures)
    page = (DOCS / "results.rst").read_text(encoding="utf-8")
    assert [panel for panel in named if f".. panel:: {panel}\n" not in page] == []


def test_figures_are_shown_where_there_are_any(panels: SimpleNamespace, tmp_path: Path) -> None:
    noted: list[str] = []
    env = SimpleNamespace(srcdir=tmp_path, note_dependency=noted.append)
    assert panels.source(env, "width/b") == ""
    (tmp_path / "results").mkdir()
    for name in ("critical-width.svg", "critical-curves.svg", "matched.svg"):
        (tmp_path / "results" / name).touch()
    shown = panels.source(env, "width/b")
    assert ".. image:: /results/critical-width.svg" in shown
    assert ".. image:: /results/critical-curves.svg" in shown
    assert "matched" not in shown
    assert len(noted) == 2
