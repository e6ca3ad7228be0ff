"""Directives that put measured results on a page where this checkout has them, and say so where it has none.

``.. panel:: width/a`` shows the figures of that panel from the folder ``results``, copied there from a report's
``figures``; ``.. summary::`` includes ``results/summary.rst.inc``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective

# The files that a report writes for each panel.
FIGURES = {
    "width/a": ("index-r*.svg", "index-float.svg"),
    "width/b": ("critical-*.svg",),
    "width/c": ("certified.svg",),
    "width/d": ("matched.svg",),
}
ABSENT = "Not measured in this checkout: ``make reproduce`` measures and draws it."


def picture_source(env: BuildEnvironment, panel: str) -> str:
    """The pictures of a panel as reStructuredText; empty where this checkout has none."""
    found = [path for pattern in FIGURES[panel] for path in sorted((Path(env.srcdir) / "results").glob(pattern))]
    for path in found:
        env.note_dependency(str(path))
    alt = f"Panel {panel} of the quick run; the page of results says what is drawn."
    return "\n".join(f".. image:: /results/{path.name}\n   :alt: {alt}\n   :class: panel\n" for path in found)


class Panel(SphinxDirective):
    """The pictures of one panel of a study."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        return self.parse_text_to_nodes(picture_source(self.env, self.arguments[0]) or ABSENT)


class Summary(SphinxDirective):
    """The quick run's table."""

    def run(self) -> list[nodes.Node]:
        path = Path(self.env.srcdir) / "results" / "summary.rst.inc"
        if not path.exists():
            return self.parse_text_to_nodes(ABSENT)
        self.env.note_dependency(str(path))
        return self.parse_text_to_nodes(path.read_text(encoding="utf-8"), allow_section_headings=True)


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("panel", Panel)
    app.add_directive("summary", Summary)
    return {"version": "1", "parallel_read_safe": True}
