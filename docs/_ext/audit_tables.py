"""``.. audited-models::`` audits the published configurations of the tests while the page is built, a row each.

``.. model-families::`` lists every ``model_type`` that is read, with its class in transformers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docutils import nodes
from settings_tables import table
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

CONFIGS = Path(__file__).parents[2] / "tests" / "configs"
BITS, CONTEXT, DIGITS = 16, 4096, 4


def models_source() -> list[str]:
    from experiments.audit.record import record
    from experiments.planning.amounts import short

    rows = []
    for path in sorted(CONFIGS.glob("*.json")):
        found = record(path, BITS, CONTEXT, None, DIGITS)
        counts, width = found["parameters"], found["width"]
        exact = f"{counts['all']['total']:,}"
        active = [short(counts[name]["active"]) for name in ("all", "all but embedding")]
        reach = (width["value_width"], width["largest_vertices"], width["fits"])
        rows.append((f"``{path.stem}``", exact, *active, short(found["flops"]["all"]), *map("{:,}".format, reach)))
    heads = ("file", "total", "active", "without embedding", "FLOPs", "D", "V ≤", "V fits")
    return table(heads, rows)


def families_source() -> list[str]:
    from parrots.interop.families import FAMILIES

    rows = ((f"``{kind}``", ", ".join(f"``{name}``" for name in read.architectures)) for kind, read in FAMILIES.items())
    return table(("``model_type``", "class in transformers"), rows)


class AuditedModels(SphinxDirective):
    """The published models, audited."""

    def run(self) -> list[nodes.Node]:
        return self.parse_text_to_nodes("\n".join(models_source()))


class ModelFamilies(SphinxDirective):
    """What is read."""

    def run(self) -> list[nodes.Node]:
        return self.parse_text_to_nodes("\n".join(families_source()))


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("audited-models", AuditedModels)
    app.add_directive("model-families", ModelFamilies)
    return {"version": "1", "parallel_read_safe": True}
