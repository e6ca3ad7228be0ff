"""``.. parrots:: COMMAND …`` runs a command while the pages are built and prints it with its output.

What a reader sees is what the program says; a command that fails is a warning, and so an error of ``make docs``.
``:exit: 1`` says which exit code is right, ``:lines: 9`` how much of the output to print.

``.. session::`` runs several lines ``$ parrots …``, or other commands, in a folder that all sessions of a page share
and that ends with the build.  A line may end in ``# exit 2``: of such a command the error is printed.
"""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import subprocess
import tempfile
import textwrap
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
    code, shown, _ = run_and_hear(line)
    return code, shown


def run_and_hear(line: str) -> tuple[int, str, str]:
    """The same and standard error."""
    shown, said = io.StringIO(), io.StringIO()
    with (
        contextlib.redirect_stdout(shown),
        contextlib.redirect_stderr(said),
        patch.dict(os.environ, {"COLUMNS": COLUMNS, "NO_COLOR": "1"}),
    ):
        code = main(shlex.split(line))
    return code, *("\n".join(row.rstrip() for row in text.getvalue().rstrip().splitlines()) for text in (shown, said))


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


_folders: dict[str, tempfile.TemporaryDirectory] = {}
"""Page -> folder of its sessions."""


class Session(SphinxDirective):
    """Commands one after the other in the page's folder, each with its output."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        folder = _folders.setdefault(self.env.docname, tempfile.TemporaryDirectory())
        with contextlib.chdir(folder.name):
            text = "\n".join(self._one(line.removeprefix("$ ")) for line in self.content if line.strip())
        return [nodes.literal_block("", text, language="console")]

    def _one(self, line: str) -> str:
        command, _, code = line.partition("  # exit ")
        expected = int(code or 0)
        if command.startswith("parrots "):
            found, shown, said = run_and_hear(command.removeprefix("parrots "))
        else:
            finished = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
            found, shown, said = finished.returncode, finished.stdout.rstrip(), finished.stderr.rstrip()
        if found != expected:
            raise self.error(f"`{command}` ends with exit code {found}: {said or shown}")
        output = textwrap.fill(said.splitlines()[-1], int(COLUMNS)) if expected else shown
        return "\n".join([folded(f"$ {command}"), *([output] if output else [])])


def folded(line: str) -> str:
    """A command over as many lines as it needs to fit the page."""
    return " \\\n".join(textwrap.wrap(line, int(COLUMNS) - 2, subsequent_indent="    ", break_on_hyphens=False))


def forget_folder(app: Sphinx, docname: str, content: list[str]) -> None:
    """A page that is read again begins in an empty folder."""
    if docname in _folders:
        _folders.pop(docname).cleanup()


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("parrots", Parrots)
    app.add_directive("session", Session)
    app.connect("source-read", forget_folder)
    return {"version": "1", "parallel_read_safe": True}
