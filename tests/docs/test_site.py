"""The built site: no warning, a page for every statement, links that lead somewhere."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup
from site_pages import DOCS, ROOT, Site, page_names

from theory import statements


def test_builds_without_a_warning(site: Site) -> None:
    assert site.returncode == 0, site.warnings


def test_every_source_has_its_page(site: Site) -> None:
    assert page_names()
    assert [name for name in page_names() if not (site.html / f"{name}.html").exists()] == []


@pytest.mark.parametrize("statement_id", statements.ids())
def test_every_statement_has_a_page_with_its_parts(statement_id: str) -> None:
    text = (DOCS / "derivations" / f"{statement_id}.rst").read_text(encoding="utf-8")
    for part in (f".. statement:: {statement_id}\n", f".. evidence:: {statement_id}\n", ">>> ", "\nCode\n----\n"):
        assert part in text
    assert statements.get(statement_id).kind == "definition" or ".. prf:proof::" in text


@pytest.mark.parametrize("statement_id", statements.ids())
def test_the_card_on_the_page_is_the_registrys(site: Site, statement_id: str) -> None:
    statement = statements.get(statement_id)
    shown = _soup(site.html / "derivations" / f"{statement_id}.html")
    formulas = [node.get_text() for node in shown.select("div.math")]
    assert any(statement.latex in formula for formula in formulas)
    prose = " ".join(shown.select_one("article").get_text().split())
    for text in (*statement.assumptions, *statement.says_not, *statement.symbols.values(), *statement.tests):
        assert _plain(text) in _plain(prose)


def test_every_test_file_that_a_page_names_exists() -> None:
    named = {path for statement in statements.all_statements() for path in statement.tests}
    assert named
    assert sorted(path for path in named if not (ROOT / path).exists()) == []


def test_local_links_and_anchors_resolve(site: Site) -> None:
    checked, dead = 0, []
    for page in site.html.rglob("*.html"):
        for link in _soup(page).select("a[href], link[href], script[src], img[src]"):
            target = link.get("href") or link.get("src")
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            checked += 1
            if not _resolves(page, unquote(parts.path), unquote(parts.fragment)):
                dead.append(f"{page.relative_to(site.html)} -> {target}")
    assert checked > 0
    assert dead == []


def test_a_dead_anchor_is_noticed(site: Site) -> None:
    assert _resolves(site.html / "index.html", "tour.html", "install")
    assert not _resolves(site.html / "index.html", "tour.html", "no-such-section")
    assert not _resolves(site.html / "index.html", "no-such-page.html", "")


def _resolves(page: Path, path: str, fragment: str) -> bool:
    target = (page.parent / path).resolve() if path else page
    if target.is_dir():
        target /= "index.html"
    if not target.exists():
        return False
    return not fragment or target.suffix != ".html" or fragment in _anchors(target)


@cache
def _anchors(page: Path) -> frozenset[str]:
    return frozenset(node["id"] for node in _soup(page).select("[id]")) | {"", "top"}


@cache
def _soup(page: Path) -> BeautifulSoup:
    return BeautifulSoup(page.read_text(encoding="utf-8"), "lxml")


def _plain(text: str) -> str:
    # The page has typographic quotes and prints the marks around code as a style.
    return " ".join(text.translate(str.maketrans("’‘“”", "''\"\"")).replace("`", "").split())
