"""Directives that put measured results on a page where this checkout has them, and say so where it has none.

``.. panel:: width/a`` shows the figures of panel a of the study ``width``, ``.. summary:: width`` its headline and
checks: from the folder ``results/width``, which ``docs/copy_results.py`` fills from a report.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective

# STUDY/PANEL -> the figures, among those that the study's report writes, that the panel shows: one line a panel.
FIGURES = {
    "width/a": ("index-r*.svg", "index-float.svg"),
    "width/b": ("critical-*.svg",),
    "width/c": ("certified.svg",),
    "width/d": ("matched.svg",),
    "memoriser/a": ("count.svg",),
    "memoriser/b": ("load.svg",),
    "memoriser/c": ("bits.svg",),
    "memorisation/a": ("largest.svg",),
    "memorisation/b": ("density.svg",),
    "memorisation/c": ("experts.svg",),
    "precision/a": ("precision-frontier.svg",),
    "precision/b": ("precision-formats.svg",),
    "certified/a": ("certified-widths.svg",),
    "certified/b": ("certified-rounds.svg",),
    "refuted/a": ("evaluations.svg",),
    "routing-boundary/a": ("boundary.svg", "accuracy.svg"),
    "routing-boundary/b": ("seeds.svg", "basin.svg"),
    "routing-boundary/c": ("slots.svg",),
    "depth/a": ("accuracy.svg",),
    "depth/b": ("seeds.svg",),
    "soft-moe/a": ("targets.svg",),
    "soft-moe/b": ("slots-*.svg",),
    "specialisation/a": ("retained.svg", "experts.svg", "rates.svg"),
    "specialisation/b": ("subsets.svg",),
    "phone-book/a": ("bits.svg",),
    "phone-book/b": ("books.svg",),
    "shortest-path/a": ("models.svg",),
    "shortest-path/b": ("depth.svg",),
    "shortest-path/c": ("larger.svg",),
    "routing/a": ("memory.svg",),
    "routing/b": ("paths.svg",),
    "routing/c": ("memory-loads.svg", "paths-loads.svg"),
}
ABSENT = "Not measured in this checkout: ``make reproduce-all`` measures and draws it."


def picture_source(env: BuildEnvironment, panel: str) -> str:
    """The pictures of a panel as reStructuredText; empty where this checkout has none."""
    study = panel.partition("/")[0]
    folder = results_folder(env) / study
    found = [path for pattern in FIGURES[panel] for path in sorted(folder.glob(pattern))]
    for path in found:
        env.note_dependency(str(path))
    alt = f"Panel {panel} of the quick run; the page of results says what is drawn."
    return "\n".join(f".. image:: /results/{study}/{path.name}\n   :alt: {alt}\n   :class: panel\n" for path in found)


def results_folder(env: BuildEnvironment) -> Path:
    """Where measured results lie, a folder a study."""
    return Path(env.srcdir) / "results"


class Panel(SphinxDirective):
    """The pictures of one panel of a study."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        panel = self.arguments[0]
        if panel not in FIGURES:
            raise self.error(f"unknown panel {panel!r}: add it to FIGURES in docs/_ext/result_panels.py")
        return self.parse_text_to_nodes(picture_source(self.env, panel) or ABSENT)


class Summary(SphinxDirective):
    """The headline and the checks of a study's quick run."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        path = results_folder(self.env) / self.arguments[0] / "summary.rst.inc"
        if not path.exists():
            return self.parse_text_to_nodes(ABSENT)
        self.env.note_dependency(str(path))
        return self.parse_text_to_nodes(path.read_text(encoding="utf-8"), allow_section_headings=True)


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("panel", Panel)
    app.add_directive("summary", Summary)
    return {"version": "1", "parallel_read_safe": True}
