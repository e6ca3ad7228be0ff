"""``parrots constructions``: the hand-built models and what they cost."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from experiments.cli.outcome import Outcome


@dataclass(frozen=True)
class Constructions:
    """List the hand-built models: statement, depth, width, neurons, bits as functions of size."""

    def run(self, console: Console) -> Outcome:
        """One row a construction."""
        from parrots.constructions import CONSTRUCTIONS

        table = Table("name", "statement", "depth", "width", "neurons", "bits", "idea", box=None, padding=(0, 2, 0, 0))
        rows = []
        for entry in CONSTRUCTIONS.values():
            table.add_row(
                entry.name, entry.statement, str(entry.depth), entry.width, entry.neurons, entry.bits, entry.title
            )
            rows.append(
                {
                    "name": entry.name,
                    "statement": entry.statement,
                    "depth": entry.depth,
                    "width": entry.width,
                    "neurons": entry.neurons,
                    "bits": entry.bits,
                    "options": list(entry.options),
                    "title": entry.title,
                }
            )
        table.caption = "V vertices, r = V − 2; bits: of one coordinate of the state; g: `--digits` of `parrots solve`."
        table.caption_justify = "left"
        return Outcome(rows, table)
