"""``.. explorer:: bounds`` and ``.. explorer:: protocol``: the two halves of the interactive page.

The scripts lie in ``_static/explore`` and compute in the reader's browser.  What they show of statements and models is
put into the page here, at build time: links and titles from the registry, tables of real models.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from docutils import nodes
from explore_models import models
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from theory import statements

TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "explore"), undefined=StrictUndefined, autoescape=True
)
SCRIPTS = {
    "bounds": (
        *("enclosure", "message", "entropy", "ceilings", "pattern", "size", "constructions", "bounds"),
        *("verdict", "draw", "bounds_page"),
    ),
    "protocol": ("protocol", "graph", "cards", "protocol_page"),
}

# Fields of a size as `parrots bounds` names them; those with `most` have a slider.
FIELDS = (
    {"name": "vertices", "letter": "V", "label": "vertices", "start": 514, "least": 3, "most": 1_000_000},
    {"name": "width", "letter": "D", "label": "width", "start": 8, "least": 1, "most": 100_000},
    {"name": "bits", "letter": "p", "label": "bits of a weight or value", "start": 8, "least": 1, "most": 64},
    {"name": "experts", "letter": "K", "label": "experts", "start": 16, "least": 1, "most": 10_000},
    {
        "name": "neurons",
        "letter": "h",
        "label": "hidden units of an expert",
        "start": 2048,
        "least": 1,
        "most": 1_000_000,
    },
    {"name": "heads", "letter": "H", "label": "heads", "start": 1, "least": 1, "most": None},
    {"name": "set_size", "letter": "k", "label": "edges into d (planted)", "start": 16, "least": 1, "most": None},
)

TABLES = (
    {
        "caption": "Lower bounds: what a model needs to be right on every graph",
        "columns": ("bound", "least width", "bits at D, of r =", "width D is"),
        "quantities": ("min_width", "message_bits", "ruled_out"),
        "rows": (
            ("thm-3.2", "closed form", "p-bit weights and values; the paper's theorem with constants"),
            ("own-message-bound", "messages counted", "p-bit weights and values"),
            ("own-entropy-bound", "entropy of the message", "p-bit weights and values, worst case"),
            ("own-pattern-bound", "answer patterns", "real numbers, ReLU units, top-1 linear router"),
        ),
    },
    {
        "caption": "Ceilings: how often a model of width D can be right",
        "columns": ("ceiling", "accuracy at most"),
        "quantities": ("accuracy_ceiling",),
        "rows": (
            ("own-index-ceiling", "INDEX", "p bits; A uniform, B one vertex"),
            ("own-planted-ceiling", "planted", "p bits; B of k vertices, A meets it in one or none"),
            ("own-pattern-ceiling", "INDEX, any precision", "real numbers, ReLU units, top-1 linear router"),
        ),
    },
    {
        "caption": "Weights built by hand, right on every graph",
        "columns": ("construction", "width", "hidden units", "bits a coordinate"),
        "quantities": ("construction_width", "construction_neurons", "construction_bits"),
        "rows": (
            ("thm-3.3", "dense", "one coordinate a vertex"),
            ("own-packed", "packed", "base-3 digits, as many as p bits and h units allow"),
        ),
    },
    {
        "caption": "Models that the bounds above do not speak of: they mix tokens twice, or route across tokens",
        "columns": ("model", "width", "at least"),
        "quantities": ("construction_width", "min_width"),
        "rows": (
            ("own-two-layer", "two layers", "built by hand; source and target fixed"),
            ("own-cross-token", "attention and cross-token routing", "one layer, built by hand, in three forms"),
            ("own-soft-moe", "Soft MoE without attention", "K experts of one slot each, built by hand"),
            ("own-slots-bound", "Soft MoE without attention", "K slots, p-bit weights and values: the bound"),
        ),
    },
    {
        "caption": "Matched parameters",
        "columns": ("statement", "experts"),
        "quantities": ("critical_experts",),
        "rows": (
            ("cor-3.4", "too narrow from this K on", "a mixture with the parameters of the dense model of width V"),
        ),
    },
)


def bounds_values(link: Callable[[str], str]) -> dict[str, Any]:
    """What the first half needs: fields, and tables whose rows are linked."""

    def row(statement: str, label: str, holds: str) -> dict[str, str]:
        return {"statement": statements.get(statement).id, "label": label, "holds": holds, "link": link(statement)}

    return {
        "fields": FIELDS,
        "tables": [{**table, "rows": [row(*entry) for entry in table["rows"]]} for table in TABLES],
    }


def protocol_values(link: Callable[[str], str]) -> dict[str, Any]:
    """What the second half needs: the models whose conversations it shows."""
    return {"models": list(models())}


VALUES: dict[str, Callable[[Callable[[str], str]], dict[str, Any]]] = {
    "bounds": bounds_values,
    "protocol": protocol_values,
}


class Explorer(SphinxDirective):
    """One half of the page, with its scripts."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        (part,) = self.arguments

        def link(statement: str) -> str:
            return self.env.app.builder.get_relative_uri(self.env.docname, f"derivations/{statement}")

        html = TEMPLATES.get_template(f"{part}.html.j2").render(VALUES[part](link))
        root = "../" * self.env.docname.count("/") + "_static/explore"
        tags = [f'<script src="{root}/{name}.js"></script>' for name in SCRIPTS[part]]
        start = f'<script>Explore.{part}Page.start(document.getElementById("explore-{part}"));</script>'
        return [nodes.raw("", "\n".join([html, *tags, start]), format="html")]


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("explorer", Explorer)
    return {"version": "1", "parallel_read_safe": True}
