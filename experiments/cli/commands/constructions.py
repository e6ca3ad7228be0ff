"""``parrots constructions``: the hand-built models and what they cost."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console, Group
from rich.table import Column, Table
from rich.text import Text

from experiments.cli.outcome import Outcome


@dataclass(frozen=True)
class Constructions:
    """List the hand-built models: statement, depth, width, neurons, bits, sharpness as functions of size."""

    def run(self, console: Console) -> Outcome:
        """One row a construction."""
        from parrots.constructions import CONSTRUCTIONS

        names = ("name", "depth", "width", "neurons", "bits", "beta")
        table = Table(
            *(Column(name, no_wrap=name == "name", overflow="fold") for name in names), box=None, padding=(0, 2, 0, 0)
        )
        rows = []
        for entry in CONSTRUCTIONS.values():
            costs = (str(entry.depth), entry.width, entry.neurons, entry.bits, entry.beta)
            table.add_row(entry.name, *costs)
            rows.append(
                {
                    "name": entry.name,
                    "statement": entry.statement,
                    "depth": entry.depth,
                    "width": entry.width,
                    "neurons": entry.neurons,
                    "bits": entry.bits,
                    "beta": entry.beta,
                    "options": list(entry.options),
                    "title": entry.title,
                }
            )
        table.caption = (
            "V vertices, r = V − 2, N tokens; bits: of one coordinate of the state; beta: factor of attention scores;\n"
            "g: `--digits` of `parrots solve`."
        )
        table.caption_justify = "left"
        ideas = "\n".join(f"{entry.name} ({entry.statement}): {entry.title}" for entry in CONSTRUCTIONS.values())
        return Outcome(rows, Group(table, "", Text(ideas)))
