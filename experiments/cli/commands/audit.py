"""``parrots audit``: what the theory says of a language model, from its ``config.json`` alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from experiments.cli.outcome import Outcome


@dataclass(frozen=True)
class Audit:
    """Count a language model from its config.json: parameters in total and active, FLOPs a token, the width law of one
    of its layers, what it can memorise, and what the theory does not say of it. Several are shown side by side."""

    files: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """config.json files of Hugging Face models, or folders that hold one."""
    bits: int = 16
    """p, bits of a parameter, an attention weight and a value."""
    context: int = 4096
    """The place of the token whose FLOPs are counted, from 1."""
    vertices: int | None = None
    """V, of the graph that widths are asked for; the largest whose edges the longest sequence holds without it."""
    digits: int = 4
    """Of a number that is looked up without the book: facts are counted in these."""

    def run(self, console: Console) -> Outcome:
        """Raises:
        InputError: no file, no readable configuration of a known family, or a number out of range.
        """
        from experiments.audit import terminal
        from experiments.audit.record import record
        from theory.errors import InputError

        if not self.files:
            raise InputError("no file given: give one or more config.json, or folders that hold one.")
        records = [record(path, self.bits, self.context, self.vertices, self.digits) for path in self.files]
        view = terminal.one(records[0]) if len(records) == 1 else terminal.several(records)
        return Outcome({"models": records}, view)
