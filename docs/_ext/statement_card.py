"""Directives and a role that print a statement from the registry, so that a page can't drift from the code.

``.. statement:: ID`` prints what it says: claim, formula, assumptions, symbols, whose it is.
``.. evidence:: ID`` prints what holds it: tests, figures, and what it does not say.
The default role links a statement's id to its page and prints anything else as code.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import sympy
from docutils import nodes
from result_panels import picture_source
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective, SphinxRole

from theory import statements
from theory.errors import InputError
from theory.statements import Statement

WHOSE = {
    "paper": "The paper's.",
    "ours": "This project's.",
    "classical": "Classical, applied here to transformers.",
}


def page_of(statement_id: str) -> str:
    """Document name of a statement's page."""
    return f"/derivations/{statement_id}"


def escape(text: str) -> str:
    """Plain text as reStructuredText; ids and code between backticks stay marked."""
    return re.sub(r"([\\*|])|(?<=\w)(_)(?=\W|$)", lambda match: "\\" + match[0], text)


def statement_source(statement: Statement, env: BuildEnvironment) -> str:
    """The card as reStructuredText."""
    symbols = [
        f":math:`{sympy.latex(sympy.Symbol(name))}`\n   {escape(text)}" for name, text in statement.symbols.items()
    ]
    cites = ", ".join(f":cite:t:`{key}`" for key in statement.cites)
    return "\n".join(
        [
            f".. prf:{statement.kind}:: {escape(statement.title)}",
            f"   :label: {statement.id}",
            "   :nonumber:",
            "",
            f"   {escape(statement.claim)}",
            "",
            "   .. math::",
            "",
            f"      {statement.latex}",
            "",
            ":Id: ``" + statement.id + "``",
            ":Whose: " + _whose(statement),
            *([f":Cites: {cites}"] if cites else []),
            "",
            ".. rubric:: Symbols",
            "",
            ".. rst-class:: symbols",
            "",
            *symbols,
            "",
            ".. rubric:: Assumptions",
            "",
            *_bullets(escape(text) for text in statement.assumptions),
        ]
    )


def evidence_source(statement: Statement, env: BuildEnvironment) -> str:
    """What holds the statement, and its limits, as reStructuredText."""
    panels = [f":ref:`panel {panel} <panel-{panel.replace('/', '-')}>` of the results" for panel in statement.figures]
    return "\n".join(
        [
            ".. rubric:: Tests",
            "",
            *_bullets(f"``{path}``" for path in statement.tests),
            "",
            *([".. rubric:: Figures", "", *_bullets(panels), ""] if panels else []),
            *(picture_source(env, panel) for panel in statement.figures),
            ".. rubric:: What it does not say",
            "",
            *_bullets(escape(text) for text in statement.says_not),
        ]
    )


def _whose(statement: Statement) -> str:
    # "ours" already says that the source is this project.
    return WHOSE[statement.whose] + ("" if statement.whose == "ours" else f"  {escape(statement.source)}.")


def _bullets(texts: Iterable[str]) -> list[str]:
    return [f"* {text}" for text in texts]


class Card(SphinxDirective):
    """Print one part of a statement, made by ``source``."""

    required_arguments = 1
    source: Callable[[Statement, BuildEnvironment], str]

    def run(self) -> list[nodes.Node]:
        try:
            statement = statements.get(self.arguments[0])
        except InputError as error:
            raise self.error(str(error)) from error
        return self.parse_text_to_nodes(type(self).source(statement, self.env), allow_section_headings=False)


class StatementCard(Card):
    source = staticmethod(statement_source)


class EvidenceCard(Card):
    source = staticmethod(evidence_source)


class StatementList(SphinxDirective):
    """All statements with their pages, in reading order."""

    def run(self) -> list[nodes.Node]:
        lines = [f"* `{item.id}`: {escape(item.title)}.  {WHOSE[item.whose]}" for item in statements.all_statements()]
        return self.parse_text_to_nodes("\n".join(lines))


class Mention(SphinxRole):
    """A statement's id becomes a link to its page; other text is printed as code."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        code = nodes.literal(self.rawtext, self.text)
        if self.text not in statements.ids():
            return [code], []
        link = addnodes.pending_xref(
            self.rawtext,
            code,
            refdomain="std",
            reftype="doc",
            reftarget=page_of(self.text),
            refexplicit=True,
            refwarn=True,
        )
        link["refdoc"] = self.env.docname
        return [link], []


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("statement", StatementCard)
    app.add_directive("evidence", EvidenceCard)
    app.add_directive("statements", StatementList)
    app.add_role("mention", Mention())
    return {"version": "1", "parallel_read_safe": True}
