"""``.. parrots:: COMMAND …`` runs a command while the pages are built and prints it with its output.

What a reader sees is what the program says; a command that fails is a warning, and so an error of ``make docs``.
``:exit: 1`` says which exit code is right, ``:lines: 9`` how much of the output to print.
"""

from __future__ import annotations

import contextlib
import io
import os
import shlex
from typing import Any
from unittest.mock import patch

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from experiments.cli import main

COLUMNS = "84"


def run_command(line: str) -> tuple[int, str]:
    """Exit code and standard output of ``parrots LINE``, as on a terminal of 84 columns, which fit the page."""
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), patch.dict(os.environ, {"COLUMNS": COLUMNS, "NO_COLOR": "1"}):
        code = main(shlex.split(line))
    return code, "\n".join(row.rstrip() for row in shown.getvalue().rstrip().splitlines())


class Parrots(SphinxDirective):
    """Run a command and print it with its output."""

    required_arguments = 1
    final_argument_whitespace = True
    option_spec = {"exit": directives.nonnegative_int, "lines": directives.positive_int}  # noqa: RUF012  # as docutils declares it

    def run(self) -> list[nodes.Node]:
        line = " ".join(self.arguments[0].split())
        code, output = run_command(line)
        if code != self.options.get("exit", 0):
            raise self.error(f"`parrots {line}` ends with exit code {code}: {output}")
        if not output:
            raise self.error(f"`parrots {line}` prints nothing")
        rows = output.splitlines()
        shown = rows[: self.options.get("lines", len(rows))]
        output = "\n".join([*shown, "…"] if len(shown) < len(rows) else shown)
        block = nodes.literal_block("", f"$ parrots {line}\n{output}", language="console")
        return [block]


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("parrots", Parrots)
    return {"version": "1", "parallel_read_safe": True}
