"""Lists that pages print from the code: every statement under its origin, every kind of model, every limit."""

from __future__ import annotations

import sympy
from bs4 import BeautifulSoup
from site_pages import Site

from theory import statements
from theory.bounds.asymptotics import forms
from theory.coverage import COVERAGE


def page(site: Site, name: str) -> BeautifulSoup:
    return BeautifulSoup((site.html / f"{name}.html").read_text(encoding="utf-8"), "lxml")


def test_every_statement_is_listed_under_its_origin(site: Site) -> None:
    sections = page(site, "whose").select("article section section")
    listed = [[row.select_one("td").get_text() for row in section.select("tbody tr")] for section in sections]
    origins = ("paper", "classical", "ours")
    assert listed == [[item.id for item in statements.all_statements() if item.whose == whose] for whose in origins]
    assert sum(map(len, listed)) == len(statements.ids())


def test_every_kind_of_model_is_listed_with_its_price_and_witness(site: Site) -> None:
    soup = page(site, "derivations/own-coverage")
    terms = [term.get_text().replace("’", "'") for term in soup.select("dt")]  # quotes are set by the typesetter
    assert [term for term in terms if term in {row.model for row in COVERAGE}] == [row.model for row in COVERAGE]
    text = soup.select_one("article").get_text()
    assert all(name in text for row in COVERAGE for name in row.witnesses)
    assert all(sympy.latex(row.extra_bits) in text for row in COVERAGE)


def test_every_limit_is_printed(site: Site) -> None:
    formulas = [node.get_text() for node in page(site, "asymptotics").select("div.math")]
    assert len(formulas) == len(forms())
    for form, formula in zip(forms(), formulas, strict=True):
        assert form.shape in formula
        assert formula.strip().endswith(rf"= {sympy.latex(form.value())}\]")
