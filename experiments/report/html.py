"""A page as one HTML file that needs nothing else: styles, figures and formulas are inside it."""

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

_HERE = files("experiments.report")


def render_page(page: Page, drawings: Mapping[str, bytes], rows: Sequence[Row]) -> str:
    """``page`` as HTML.

    ``drawings`` maps a figure's name to its SVG; ``rows`` give the footer on where the numbers come from.  The text
    depends on these alone, not on the time, so the same store gives the same file.
    """
    from experiments.report.formula import formula_svg
    from theory import statements

    cards = [statements.get(name) for name in page.statements()]
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(entry=_entry, slug=slug, words=_symbols)
    template = environment.from_string((_HERE / "page.html.j2").read_text(encoding="utf-8"))
    return template.render(
        page=page,
        css=Markup((_HERE / "page.css").read_text(encoding="utf-8")),
        images={name: _data_uri(svg) for name, svg in drawings.items()},
        cards=cards,
        formulas={card.id: _data_uri(formula_svg(card.latex)) for card in cards},
        origin=_origin(rows),
    )


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


def _data_uri(svg: bytes) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"


def _origin(rows: Sequence[Row]) -> dict[str, Any]:
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
