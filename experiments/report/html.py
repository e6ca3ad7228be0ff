"""Pages as single HTML files that need nothing else: styles, figures and formulas are inside them."""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import jinja2
from markupsafe import Markup

from experiments.report.page import Entry, Page, Ref
from experiments.report.statistics import Interval, number_text
from experiments.report.terminal import entry_text
from experiments.store import Row

if TYPE_CHECKING:
    from theory.statements import Statement


def render_page(page: Page, drawings: Mapping[str, bytes], rows: Sequence[Row]) -> str:
    """``page`` as HTML.

    ``drawings`` maps a figure's name to its SVG; ``rows`` give the footer on where the numbers come from.  The text
    depends on these alone, not on the time, so the same store gives the same file.
    """
    from theory import statements

    cards = [statements.get(name) for name in page.statements()]
    return template("report/page.html.j2").render(
        page=page,
        css=style_sheet(),
        images={name: data_uri(svg) for name, svg in drawings.items()},
        cards=cards,
        formulas=formulas(cards),
        origin=origin(rows),
    )


def template(name: str) -> jinja2.Template:
    """The template of that name under ``experiments/``; the filters write entries, addresses and symbols."""

    def text_of(name: str) -> str:
        return files("experiments").joinpath(name).read_text(encoding="utf-8")

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(text_of),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(entry=_entry, slug=slug, words=_symbols)
    return environment.get_template(name)


def style_sheet() -> Markup:
    """What all pages share."""
    return Markup(files("experiments.report").joinpath("page.css").read_text(encoding="utf-8"))


def formulas(cards: Sequence[Statement]) -> dict[str, str]:
    """Statement id -> its formula as an image."""
    from experiments.report.formula import formula_svg

    return {card.id: data_uri(formula_svg(card.latex)) for card in cards}


def slug(text: str) -> str:
    """
    >>> slug("Critical width m*(r), by K")
    'critical-width-m-r-by-k'
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _entry(entry: Entry) -> Markup:
    if isinstance(entry, Ref):
        return Markup('<a href="#{0}">{0}</a>').format(entry.statement)
    if isinstance(entry, Interval):
        label = f"{entry.level:.0%} interval, {entry.method}"
        text = '<span title="{2}">{0} <span class="interval">{1}</span></span>'
        return Markup(text).format(number_text(entry.value), entry.bounds_text, label)
    return Markup("{}").format(entry_text(entry))


def _symbols(card: Statement) -> list[tuple[str, str]]:
    """A card's symbols as a reader sees them in the formula: ``ell`` is the name of a letter."""
    return [("ℓ" if name == "ell" else name.replace("^", ""), meaning) for name, meaning in card.symbols.items()]


def data_uri(svg: bytes) -> str:
    """An image as an address that holds it."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"


def origin(rows: Sequence[Row]) -> dict[str, Any]:
    """What the rows say about where they come from: every value that occurs, with the number of rows."""
    versions = Counter(", ".join(f"{name} {number}" for name, number in row.versions.items()) for row in rows)
    return {
        "cells": len(rows),
        "from": min((row.started for row in rows), default=None),
        "to": max((row.finished for row in rows), default=None),
        "facts": {
            "ended by": Counter(row.stopped for row in rows),
            "git revision": Counter(row.revision for row in rows),
            "device": Counter(f"{row.device}, {row.machine.get('cores')} cores" for row in rows),
            "versions": versions,
        },
    }
