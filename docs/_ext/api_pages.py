"""``.. api:: PACKAGE`` prints the reference of every public module below a package: none can be forgotten.

Docstrings are reStructuredText with one addition, a section ``Raises:``.
"""

from __future__ import annotations

import pkgutil
import re
import sys
from importlib import import_module
from typing import Any

import sphinx.util.inspect
from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_refnode


def public_modules(package: str) -> dict[str, bool]:
    """The package and all modules below it whose name has no leading underscore, in order: is it a package?"""
    found = pkgutil.walk_packages(import_module(package).__path__, f"{package}.")
    return {package: True} | {module.name: module.ispkg for module in found if "._" not in module.name}


class Api(SphinxDirective):
    """One section a module; a package's own section has what is defined in it, and not what it re-exports."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        lines = []
        for name, is_package in public_modules(self.arguments[0]).items():
            if is_package and not import_module(name).__doc__:
                continue
            lines += [f"``{name}``", "-" * (len(name) + 4), "", f".. automodule:: {name}"]
            lines += ["   :members:", "   :show-inheritance:"]
            lines += ["   :ignore-module-all:", ""] if is_package else [""]
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


def resolve_short(
    app: Sphinx, env: BuildEnvironment, node: addnodes.pending_xref, text: nodes.TextElement
) -> nodes.Node | None:
    """Find what a name stands for that an annotation shortens or a package re-exports; None if it is not ours."""
    if node.get("refdomain") != "py":
        return None
    target = node["reftarget"]
    package, _, short = target.rpartition(".")
    objects = env.domains.python_domain.objects
    top = f"{package.split('.')[0]}."
    defined = [name for name in objects if name.endswith(f".{target}")]
    defined = defined or [name for name in objects if name.startswith(top) and name.endswith(f".{short}")]
    if len(defined) == 1:
        found = objects[defined[0]]
        return make_refnode(app.builder, node["refdoc"], found.docname, found.node_id, [text.deepcopy()], defined[0])
    # What has no docstring is not documented; it exists if a module or class of ours defines it.
    modules = env.domains.python_domain.modules
    if not package and any(short in vars(import_module(name)) for name in modules):
        return text
    return text if _is_ours(node.get("py:module"), node.get("py:class"), target) else None


def _is_ours(module: str | None, owner: str | None, target: str) -> bool:
    """Whether ``target``, written in a docstring of ``module`` or of its class ``owner``, is there."""
    if module is None:
        return False
    *path, last = target.split(".")
    known = vars(import_module(module))
    holders = [known.get(path[-1]), sys.modules.get(".".join(path))] if path else [known.get(owner)]
    return any(hasattr(holder, last) or last in getattr(holder, "__annotations__", {}) for holder in holders if holder)


def name_in_full(app: Sphinx, doctree: nodes.document) -> None:
    """A short name in an annotation means what its module imports under that name, whatever else bears it."""
    for node in doctree.findall(addnodes.pending_xref):
        target, module = node.get("reftarget", ""), node.get("py:module")
        if node.get("refdomain") == "py" and module and "." not in target:
            found = vars(import_module(module)).get(target)
            if isinstance(found, type) and found.__module__.partition(".")[0] == module.partition(".")[0]:
                node["reftarget"] = f"{found.__module__}.{found.__qualname__}"


def _alias_text(alias: Any) -> str:
    return alias.name


def readable_default(
    app: Sphinx, what: str, name: str, obj: object, options: object, signature: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """Sphinx can't parse a signature with ``<factory>``, which stands for a dataclass default made afresh."""
    return (signature and signature.replace("<factory>", "...")), returns


def raises_fields(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Turn a section ``Raises:`` of a docstring into fields."""
    try:
        start = next(row for row, line in enumerate(lines) if line.strip() == "Raises:")
    except StopIteration:
        return
    indent = len(lines[start]) - len(lines[start].lstrip())
    for row in range(start + 1, len(lines)):
        entry = re.match(rf"\s{{{indent + 4}}}(\w+): (.*)", lines[row])
        if entry:
            lines[row] = f":raises {entry[1]}: {entry[2]}"
    lines[start] = ""


def setup(app: Sphinx) -> dict[str, Any]:
    # Sphinx 9.0 prints an alias that is nested in `list[...]` or a union as TypeAliasForwardRef('NDArray').
    sphinx.util.inspect.TypeAliasForwardRef.__repr__ = _alias_text
    app.add_directive("api", Api)
    app.connect("autodoc-process-docstring", raises_fields)
    app.connect("autodoc-process-signature", readable_default)
    app.connect("doctree-read", name_in_full)
    app.connect("missing-reference", resolve_short)
    return {"version": "1", "parallel_read_safe": True}
