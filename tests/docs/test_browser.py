"""Every page seen in a headless browser: formulas drawn, nothing from outside, nothing wider than the screen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from site_pages import PHONE, WIDE, Site, Visit, page_names, see


def test_every_page_was_seen(visits: dict[str, Visit]) -> None:
    assert set(page_names()) <= set(visits)


def test_every_formula_is_drawn(visits: dict[str, Visit]) -> None:
    assert sum(visit.formulas for visit in visits.values()) > 0
    assert {name: (v.formulas, v.rendered) for name, v in visits.items() if v.formulas != v.rendered} == {}
    assert {name: visit.broken for name, visit in visits.items() if visit.broken} == {}


def test_nothing_comes_from_outside(visits: dict[str, Visit]) -> None:
    assert {name: visit.outside for name, visit in visits.items() if visit.outside} == {}


def test_the_console_is_quiet(visits: dict[str, Visit]) -> None:
    assert {name: visit.console for name, visit in visits.items() if visit.console} == {}


def test_no_page_is_wider_than_the_screen(visits: dict[str, Visit]) -> None:
    for width in (WIDE, PHONE):
        assert {name: v.excess[width] for name, v in visits.items() if v.excess[width] > 0} == {}


def test_a_bad_page_is_noticed(site: Site, browser: Any, tmp_path: Path) -> None:
    good = (site.html / "notation.html").read_text(encoding="utf-8").replace("_static", f"{site.html.as_uri()}/_static")
    planted = (
        r'<span class="math">\(\nosuchmacro\)</span><img src="https://outside.invalid/x.png">'
        '<div style="width: 2000px">wide</div><script>throw new Error("planted")</script>'
    )
    page = tmp_path / "bad.html"
    page.write_text(good.replace("</article>", f"{planted}</article>"), encoding="utf-8")
    seen = see(browser.new_context(), page)
    assert seen.broken
    assert seen.outside == ["https://outside.invalid/x.png"]
    assert any("planted" in text for text in seen.console)
    assert seen.excess[WIDE] > 0 and seen.excess[PHONE] > 0
