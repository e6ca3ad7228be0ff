"""Directives that print what can be set, from the dataclasses: routers, tasks, recipes, presets.

``.. settings:: experiments.training.recipe.Recipe`` lists the fields of a dataclass with their defaults and meanings.
``.. router:: token-choice`` says of a router what it costs and what it may look at, and lists its settings.
``.. router-table::`` does so for all routers, a line each.
``.. task:: phone-book`` shows a decoded example, what shortcuts reach, and the settings.
``.. presets:: phone-book`` lists a study's presets side by side.
"""

from __future__ import annotations

import dataclasses
import importlib
import re
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.docutils import SphinxDirective
from statement_card import escape

WIDTH, EXPERTS, TOKENS = 64, 8, 1024
"""The layer whose cost the table of routers gives."""
LINE = 84
"""Characters of a line that fits the page."""
SHOWN = 200
"""Examples on which shortcuts are measured while the pages are built."""


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], widths: Sequence[int] | None = None) -> list[str]:
    """A list-table of reStructuredText."""
    lines = [".. list-table::", "   :header-rows: 1"]
    lines += [f"   :widths: {' '.join(map(str, widths))}"] if widths else []
    lines.append("")
    for row in (heads, *rows):
        first, *others = row
        lines += [f"   * - {first}", *(f"     - {entry}" for entry in others)]
    return [*lines, ""]


def field_meanings(kind: type) -> dict[str, str]:
    """Field -> what stands below it in the source, in the class itself or in one that it derives from."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if dataclasses.is_dataclass(base):
            documented = ModuleAnalyzer.for_module(base.__module__).find_attr_docs()
            found |= {
                attribute: plain_start(" ".join(lines).strip())
                for (owner, attribute), lines in documented.items()
                if owner == base.__name__
            }
    return found


def plain_start(text: str) -> str:
    """``(b) Layers.`` and ``K.`` begin sentences here, no numbered lists."""
    return re.sub(r"^(?=\(?\w+[.)])", r"\\", text)


def settings_source(kind: type, own: bool = False) -> list[str]:
    """The fields of a dataclass, or only its ``own`` ones: name, default, meaning."""
    meanings = field_meanings(kind)
    rows = [
        (f"``{field.name}``", default_text(field), meanings.get(field.name, "–"))
        for field in dataclasses.fields(kind)
        if not own or field.name in vars(kind)["__annotations__"]
    ]
    return table(("setting", "default", "meaning"), rows, (20, 20, 60))


def default_text(field: dataclasses.Field[Any]) -> str:
    if field.default is not dataclasses.MISSING:
        return f"``{field.default}``"
    return "required" if field.default_factory is dataclasses.MISSING else f"``{field.default_factory()}``"


def load(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


class Settings(SphinxDirective):
    """The fields of any dataclass."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        return self.parse_text_to_nodes("\n".join(settings_source(load(self.arguments[0]))))


class RouterTable(SphinxDirective):
    """All routers as they are by default, a line each."""

    def run(self) -> list[nodes.Node]:
        return self.parse_text_to_nodes("\n".join(router_table_source()))


def router_table_source() -> list[str]:
    from parrots.decoder.routers import ROUTERS
    from theory.accounting.feed_forward import swiglu

    dense = swiglu(WIDTH, WIDTH)
    rows = []
    for name, kind in ROUTERS.items():
        router = kind(experts=EXPERTS)
        counted = router.count(WIDTH, WIDTH, TOKENS)
        costs = (counted.router + counted.experts, counted.router + counted.active, counted.flops / (2 * TOKENS))
        yes_no = ("yes" if answer else "no" for answer in (router.causal, router.token_wise))
        rows.append((f":ref:`{name} <router-{name}>`", *yes_no, *(f"{cost / dense:.2f}" for cost in costs)))
    heads = ("router", "causal", "a token by itself", "total", "active", "FLOPs")
    said = (
        f"Costs are multiples of those of a dense layer of the same width and hidden units, here {WIDTH} of both, for "
        f"{EXPERTS} experts and a batch of {TOKENS} tokens; settings are the defaults."
    )
    return [*table(heads, rows), said, ""]


class RouterCard(SphinxDirective):
    """The settings of one router; with ``:own:`` without those it shares with the router it derives from."""

    required_arguments = 1
    option_spec = {"own": directives.flag}  # noqa: RUF012  # as docutils declares it

    def run(self) -> list[nodes.Node]:
        from parrots.decoder.routers import ROUTERS

        if self.arguments[0] not in ROUTERS:
            raise self.error(f"no router {self.arguments[0]!r}: there are {', '.join(ROUTERS)}")
        kind = ROUTERS[self.arguments[0]]
        where = f"Code: :mod:`{kind.__module__}`."
        return self.parse_text_to_nodes("\n".join([*settings_source(kind, "own" in self.options), where]))


class TaskCard(SphinxDirective):
    """One task with its default settings."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        from experiments import tasks

        kind = tasks.get(self.arguments[0])
        task = kind()
        examples = task.examples("test", 0, SHOWN)
        shown = nodes.literal_block("", textwrap.fill(task.show(examples.tokens[0]), LINE), language="text")
        length = f"{examples.prompt} tokens are given, {task.length - examples.prompt} are to be written; "
        lines = [f"{length}{len(task.vocabulary)} tokens in the vocabulary.", ""]
        lines += [f"What shortcuts reach on {SHOWN} test examples:", ""]
        lines += baselines_source(task.baselines(examples))
        lines += settings_source(kind)
        return [shown, *self.parse_text_to_nodes("\n".join(lines))]


def baselines_source(baselines: dict[str, dict[str, float]]) -> list[str]:
    metrics = list(dict.fromkeys(metric for reached in baselines.values() for metric in reached))
    rows = [
        (escape(name), *(f"{reached[metric]:.3g}" if metric in reached else "–" for metric in metrics))
        for name, reached in baselines.items()
    ]
    return table(("shortcut", *(f"``{metric}``" for metric in metrics)), rows)


class Presets(SphinxDirective):
    """The presets of a study, a line a field."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        from experiments import studies

        name = self.arguments[0]
        if name in studies.ORDER and name not in studies.STUDIES:
            return self.parse_text_to_nodes(f"The study ``{name}`` is not in this checkout.")
        presets = studies.get(name).presets
        kinds = {type(preset) for preset in presets.values()}
        meanings = {name: text for kind in kinds for name, text in field_meanings(kind).items()}
        names = dict.fromkeys(field.name for kind in kinds for field in dataclasses.fields(kind))
        rows = [
            (
                f"``{name}``",
                *(value_text(getattr(preset, name, "–")) for preset in presets.values()),
                meanings.get(name, "–"),
            )
            for name in names
        ]
        widths = (18, *(14 for _ in presets), 40)
        return self.parse_text_to_nodes("\n".join(table(("setting", *presets, "meaning"), rows, widths)))


def value_text(value: Any) -> str:
    """A value of a preset, numbers as short as they can be written."""
    if isinstance(value, tuple):
        return ", ".join(map(value_text, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else escape(str(value))


DIRECTIVES = {
    "settings": Settings,
    "router": RouterCard,
    "router-table": RouterTable,
    "task": TaskCard,
    "presets": Presets,
}


def setup(app: Sphinx) -> dict[str, Any]:
    for name, directive in DIRECTIVES.items():
        app.add_directive(name, directive)
    return {"version": "1", "parallel_read_safe": True}
