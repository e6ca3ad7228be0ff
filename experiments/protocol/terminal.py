"""A run for the terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from experiments.protocol.report import Report
from theory.protocol.steps import Numbers, Step

COLOURS = {"Alice": "blue", "Bob": "dark_orange3", "both": "default"}
MOST_NUMBERS = 12
MOST_HEX = 64


def view(report: Report) -> RenderableType:
    """The steps, then what they show."""
    table = Table(box=None, padding=(0, 2, 0, 0), title=escape(report.subject), title_justify="left")
    table.add_column("who", no_wrap=True)
    table.add_column("step")
    table.add_column("bits", justify="right", no_wrap=True)
    for step in report.steps:
        says = Group(step.says, *(Text(line, style="dim") for line in _details(step, report.transcript.message)))
        table.add_row(f"[{COLOURS[step.who]}]{step.who}[/]", says, str(step.bits) if step.bits else "")
    facts = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for name, text in report.facts():
        facts.add_row(f"[bold]{name}[/bold]", escape(text))
    return Group(table, Text(), facts)


def listed(numbers: Numbers, most: int = MOST_NUMBERS) -> str:
    """
    >>> listed((1, 0.25, 1 / 3), most=2)
    '1, 0.25 and 1 more'
    """
    shown = ", ".join(str(n) if isinstance(n, int) else f"{n:.6g}" for n in numbers[:most])
    return shown if len(numbers) <= most else f"{shown} and {len(numbers) - most} more"


def _details(step: Step, message: bytes) -> list[str]:
    lines = [f"{name}: {listed(numbers)}" for name, numbers in step.numbers]
    if step.bits:
        text = message.hex()
        lines.append(text if len(text) <= MOST_HEX else f"{text[:MOST_HEX]}…")
    return lines
