"""Directives that print lists from the code: what is whose, which models are covered, the asymptotic forms.

``.. whose:: paper`` lists the statements of one origin (``paper``, ``classical``, ``ours``).
``.. coverage::`` prints :data:`theory.coverage.COVERAGE`; ``.. asymptotics::`` prints
:func:`theory.bounds.asymptotics.forms` with the limits that sympy finds while the page is built.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sympy
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from statement_card import WHOSE, escape

from theory import statements
from theory.coverage import COVERAGE, Coverage
from theory.statements import Statement

if TYPE_CHECKING:
    from theory.bounds.asymptotics import Form

PAPER = "jelassi2025"
"""Key of the paper in the bibliography: on its own page of origins it need not be cited on every line."""


def whose_source(whose: str) -> str:
    lines = [".. list-table::", "   :header-rows: 1", "   :widths: 25 45 30", ""]
    lines += ["   * - Statement", "     - What it says", "     - Source and earlier work"]
    for item in statements.all_statements():
        if item.whose == whose:
            lines += [f"   * - `{item.id}`", f"     - {escape(item.title)} ({item.kind})", f"     - {_credit(item)}"]
    return "\n".join(lines)


def _credit(item: Statement) -> str:
    """Source, works cited, and what the statement says about earlier work."""
    source = [] if item.whose == "ours" else [f"{escape(item.source)}."]
    cites = ", ".join(f":cite:t:`{key}`" for key in item.cites if key != PAPER)
    earlier = [escape(text) for text in item.says_not if "earlier" in text or "classical" in text]
    return "  ".join([*source, *([f"See {cites}."] if cites else []), *earlier]) or "See its page."


def coverage_source() -> str:
    return "\n".join(line for row in COVERAGE for line in _coverage_entry(row))


def _coverage_entry(row: Coverage) -> list[str]:
    elsewhere = f" (`{row.statement}`)" if row.statement != "own-coverage" else ""
    witness = f"  Witness: {', '.join(f'``{name}``' for name in row.witnesses)}." if row.witnesses else ""
    lines = [escape(row.model), f"   **{row.holds}**{elsewhere}: {escape(row.why)}.{witness}", ""]
    if row.extra_bits:
        lines += ["   .. math::", "", f"      x = {sympy.latex(row.extra_bits)}", ""]
    return lines


def asymptotics_source() -> str:
    from theory.bounds.asymptotics import forms

    return "\n".join(line for form in forms() for line in _form_entry(form))


def _form_entry(form: Form) -> list[str]:
    named = ", ".join(f"`{name}`" for name in form.statements)
    goes = rf"{sympy.latex(form.variable)} \to {sympy.latex(form.towards)}"
    formula = rf"\lim_{{{goes}}} {form.shape} = {sympy.latex(form.value())}"
    return [f"{escape(form.says)}", f"   From {named}.", "", "   .. math::", "", f"      {formula}", ""]


class Whose(SphinxDirective):
    """The statements of one origin."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        if self.arguments[0] not in WHOSE:
            raise self.error(f"origin {self.arguments[0]!r}: give {', '.join(WHOSE)}")
        return self.parse_text_to_nodes(whose_source(self.arguments[0]))


class CoverageTable(SphinxDirective):
    """Which models the width bounds cover."""

    def run(self) -> list[nodes.Node]:
        return self.parse_text_to_nodes(coverage_source())


class Asymptotics(SphinxDirective):
    """The asymptotic forms."""

    def run(self) -> list[nodes.Node]:
        return self.parse_text_to_nodes(asymptotics_source())


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("whose", Whose)
    app.add_directive("coverage", CoverageTable)
    app.add_directive("asymptotics", Asymptotics)
    return {"version": "1", "parallel_read_safe": True}
