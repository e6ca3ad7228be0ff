"""A page's headline and checks for the terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from experiments.report.page import Check, Entry, Page, Table
from experiments.report.statistics import Interval, number_text


def entry_text(entry: Entry) -> str:
    """An entry in words; an en dash for what was not measured."""
    if entry is None:
        return "–"
    if isinstance(entry, bool):
        return "yes" if entry else "no"
    return number_text(entry) if isinstance(entry, float) else str(entry)


def entry_payload(entry: Entry) -> object:
    """An entry for ``--json``."""
    if isinstance(entry, Interval):
        return {
            "value": entry.value,
            "low": entry.low,
            "high": entry.high,
            "level": entry.level,
            "method": entry.method,
        }
    return entry if entry is None or isinstance(entry, bool | int | float | str) else str(entry)


def headline(page: Page) -> RenderableType:
    """The headline table, and a line a check."""
    lines = [Text(f"{outcome_word(check)} {check.claim} ({check.detail})") for check in page.checks]
    return Group(rich_table(page.headline, page.title), *lines)


def outcome_word(check: Check) -> str:
    """A check's outcome, loud where it does not hold."""
    return "holds  " if check.holds else check.outcome.upper()


def rich_table(table: Table, title: str) -> RichTable:
    view = RichTable(title=title, title_justify="left")
    for column in table.columns:
        view.add_column(column, overflow="fold")  # a statement's id is never cut short
    for row in table.rows:
        view.add_row(*(Text(entry_text(entry)) for entry in row))
    return view


def rows_payload(table: Table) -> list[dict[str, object]]:
    """A table for ``--json``: one object a row, keyed by column."""
    return [dict(zip(table.columns, map(entry_payload, row), strict=True)) for row in table.rows]


def payload(page: Page) -> dict[str, object]:
    """The headline and the checks for ``--json``: a list with one object a row, keyed by column."""
    checks = [
        {
            "claim": check.claim,
            "holds": check.holds,
            "outcome": check.outcome,
            "detail": check.detail,
            "statement": check.statement,
        }
        for check in page.checks
    ]
    return {"title": page.title, "headline": rows_payload(page.headline), "checks": checks}
