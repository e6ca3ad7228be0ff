"""Directives that put measured results on a page where this checkout has them, and say so where it has none.

``.. panel:: width/a`` shows every ``results/width-a*.svg``; ``.. summary::`` includes ``results/summary.rst.inc``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

ABSENT = "Not measured in this checkout: ``make reproduce`` measures and draws it."


class Panel(SphinxDirective):
    """The pictures of one panel of a study; the content, if any, is their caption."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        name = self.arguments[0].replace("/", "-")
        folder = Path(self.env.srcdir) / "results"
        pictures = sorted(folder.glob(f"{name}*.svg"))
        for path in pictures:
            self.env.note_dependency(str(path))
        if not pictures:
            return self.parse_text_to_nodes(ABSENT)
        source = [
            f".. image:: /results/{path.name}\n   :alt: {self.arguments[0]}\n   :class: panel\n" for path in pictures
        ]
        return [*self.parse_text_to_nodes("\n".join(source)), *self.parse_content_to_nodes()]


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
