"""Check every formula at build time: MathJax reports bad TeX only in the reader's browser."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from math_core import LatexError, LatexToMathML
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def formula_error(tex: str, display: bool) -> str | None:
    """What is wrong with a formula, in one line, or None."""
    try:
        LatexToMathML().convert_with_local_state(tex, displaystyle=display)
    except LatexError as error:
        drawing = COLOUR.sub("", str(error)).splitlines()
        return next((line for line in drawing if line.strip()), "unreadable")
    return None


def lint(app: Sphinx, doctree: nodes.document) -> None:
    for kind, display in ((nodes.math, False), (nodes.math_block, True)):
        for node in doctree.findall(kind):
            problem = formula_error(_as_shown(node.astext(), display), display)
            if problem:
                logger.warning("bad formula: %s in %r", problem, node.astext(), location=node, type="math_lint")


def _as_shown(tex: str, display: bool) -> str:
    # Sphinx wraps a display of several lines in `split`, which the checker doesn't know; `aligned` is alike.
    return rf"\begin{{aligned}}{tex}\end{{aligned}}" if display and r"\\" in tex else tex


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("doctree-read", lint)
    return {"version": "1", "parallel_read_safe": True}
