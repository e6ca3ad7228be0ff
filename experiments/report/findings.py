"""Sentences for a page's start, made of numbers that its headline holds."""

from __future__ import annotations

from experiments.report.page import Entry, Table
from experiments.report.terminal import entry_text


def finding(headline: Table, text: str, **places: tuple[str, str]) -> tuple[str, ...]:
    """``text`` with every ``{name}`` replaced by the entry at ``places[name]``; nothing where an entry is missing.

    A place is a row, by what its first entry begins with, and a column.  The first such row counts.

    >>> table = Table(("what", "width"), (("r = 8, dense", 6),))
    >>> finding(table, "Width {least} is enough.", least=("r = 8", "width"))
    ('Width 6 is enough.',)
    >>> finding(table, "Width {least} is enough.", least=("r = 9", "width"))
    ()
    """
    entries = {name: entry(headline, row, column) for name, (row, column) in places.items()}
    if any(value is None for value in entries.values()):
        return ()
    return (text.format(**{name: entry_text(value) for name, value in entries.items()}),)


def entry(headline: Table, row: str, column: str) -> Entry:
    """The entry in ``column`` of the first row that begins with ``row``; None if there is no such row."""
    found = (values for values in headline.rows if str(values[0]).startswith(row))
    return next((values[headline.columns.index(column)] for values in found), None)
