"""``parrots verify``: hold the hand-built models against oracles, and say how."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from experiments.cli.outcome import FALSE_OR_FAILED, FINE, Outcome

METHODS = (
    "all-inputs: every star graph through the model, against scipy\n"
    "by-cases: every value of every coordinate, which proves all digraphs of that size\n"
    "samples: random digraphs of six families and random ends, against networkx and scipy\n"
    "direct: the same for weights to which the edge from source to target counts as a path\n"
    "large-graph: one random graph, without and with a path"
)

if TYPE_CHECKING:
    from parrots.constructions import Check


@dataclass(frozen=True)
class Verify:
    """Check hand-built models: all inputs where they are few, a proof by cases at any size, random digraphs."""

    construction: str | None = None
    """Only this one; all of them without it."""
    vertices: int | None = None
    """Only at this many vertices; a table of sizes without it."""

    def run(self, console: Console) -> Outcome:
        """One row a check; exit code 1 if anything is wrong.

        Raises:
            InputError: an unknown construction, or a size that does not exist or is too large.
        """
        from rich.progress import track

        from parrots.constructions import cases

        table = cases(self.construction, self.vertices)
        bar = track(table, "verifying", console=console, transient=True, disable=not console.is_terminal)
        checks = [case.run() for case in bar]
        wrong = any(check.wrong for check in checks)
        return Outcome(
            [dataclasses.asdict(check) for check in checks], _view(checks), FALSE_OR_FAILED if wrong else FINE
        )


def _view(checks: Sequence[Check]) -> Table:
    """A row for each construction and method, and one for each check that failed."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("construction", "method", "vertices", "inputs", "wrong"):
        table.add_column(name, justify="right" if name in ("inputs", "wrong") else "left")
    for (construction, method), group in groupby(checks, key=lambda check: (check.construction, check.method)):
        rows = list(group)
        sizes = ", ".join(str(V) for V in sorted({check.vertices for check in rows}))
        table.add_row(construction, method, sizes, f"{sum(check.inputs for check in rows):,}", _count(rows))
        for check in rows:
            if check.wrong:
                options = "".join(f", {name} {value}" for name, value in check.options.items())
                where = f"{check.vertices} (width {check.width}{options})"
                table.add_row("", "", where, f"{check.inputs:,}", _count([check]))
    table.caption = METHODS
    table.caption_justify = "left"
    return table


def _count(checks: Sequence[Check]) -> str:
    wrong = sum(check.wrong for check in checks)
    return f"[bold red]{wrong:,}[/bold red]" if wrong else "0"
