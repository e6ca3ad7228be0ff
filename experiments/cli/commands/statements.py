"""``parrots statements [ID]``: what is proved, by whom, and where it is tested and drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import tyro
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from experiments.cli.outcome import Outcome

if TYPE_CHECKING:
    from theory.statements import Statement


@dataclass(frozen=True)
class Statements:
    """List the statements, or show one: formula, assumptions, source, where it is tested and drawn."""

    id: tyro.conf.Positional[str | None] = None
    """Statement to show, such as thm-3.2; all are listed without it."""

    def run(self, console: Console) -> Outcome:
        """A list of statements, or one of them.

        Raises:
            InputError: no statement has that id.
        """
        from theory import statements

        if self.id is None:
            every = statements.all_statements()
            return Outcome([describe(statement) for statement in every], _list_view(every))
        statement = statements.get(self.id)
        return Outcome(describe(statement), _page_view(statement))


def describe(statement: Statement) -> dict[str, object]:
    """A statement as JSON has it; the formula both as text and in LaTeX, and the table of `own-coverage` with it."""
    table = {"coverage": coverage_rows()} if statement.id == "own-coverage" else {}
    return table | {
        "id": statement.id,
        "kind": statement.kind,
        "title": statement.title,
        "source": statement.source,
        "whose": statement.whose,
        "claim": statement.claim,
        "assumptions": list(statement.assumptions),
        "formula": str(statement.formula),
        "latex": statement.latex,
        "symbols": dict(statement.symbols),
        "quantities": list(statement.quantities),
        "says_not": list(statement.says_not),
        "cites": list(statement.cites),
        "tests": list(statement.tests),
        "figures": list(statement.figures),
    }


def coverage_rows() -> list[dict[str, object]]:
    """The table of `own-coverage` as JSON has it."""
    from theory.coverage import COVERAGE

    return [
        {
            "name": row.name,
            "model": row.model,
            "holds": row.holds,
            "why": row.why,
            "extra_bits": str(row.extra_bits),
            "statement": row.statement,
            "witnesses": list(row.witnesses),
        }
        for row in COVERAGE
    ]


def _coverage_view() -> Table:
    from theory.coverage import COVERAGE

    table = Table(box=None, padding=(0, 2, 1, 0), title="\nmodels, and whether the bounds hold", title_justify="left")
    table.add_column("model", ratio=5)
    table.add_column("holds", ratio=2)
    table.add_column("why", ratio=6)
    for row in COVERAGE:
        price = f"\nx = {row.extra_bits}" if row.extra_bits else ""
        witness = "".join(f"\nwitness: {name}" for name in row.witnesses)
        table.add_row(Text(row.model), Text(row.holds), Text(f"{row.why}{price}{witness}"))
    return table


def _list_view(every: tuple[Statement, ...]) -> Table:
    table = Table("id", "kind", "whose", "title", box=None, padding=(0, 2, 0, 0))
    for statement in every:
        table.add_row(statement.id, statement.kind, statement.whose, statement.title)
    table.caption = "`parrots statements ID` shows one."
    table.caption_justify = "left"
    return table


def _page_view(statement: Statement) -> Group:
    import sympy

    parts = Table.grid(padding=(0, 2, 1, 0))
    parts.add_column(style="bold", no_wrap=True)
    parts.add_column()
    formula = Text(sympy.pretty(statement.formula, use_unicode=True, wrap_line=False), no_wrap=True)
    parts.add_row("claim", Text(statement.claim))
    parts.add_row("formula", formula)
    parts.add_row("", Text("\n".join(f"{name}: {meaning}" for name, meaning in statement.symbols.items())))
    for name, lines in (("assumes", statement.assumptions), ("does not say", statement.says_not)):
        if lines:
            parts.add_row(name, Text("\n".join(f"– {line}" for line in lines)))
    parts.add_row("source", Text(statement.source))
    for name, words in (
        ("cites", statement.cites),
        ("bounds", statement.quantities),
        ("tested in", statement.tests),
        ("drawn in", statement.figures),
    ):
        if words:
            parts.add_row(name, Text(", ".join(words)))
    heading = Text(f"{statement.id}  {statement.title}  ({statement.kind}, {statement.whose})\n", style="bold")
    return Group(heading, parts, *([_coverage_view()] if statement.id == "own-coverage" else []))
