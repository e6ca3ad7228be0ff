"""The parts of a report: what a study hands over, before anything is written to a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from experiments.report.statistics import Interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure


@dataclass(frozen=True)
class Ref:
    """A statement's id; on the page a link to its card."""

    statement: str

    def __str__(self) -> str:
        return self.statement


Entry: TypeAlias = "str | int | float | bool | Interval | Ref | None"
"""What a table holds; ``None`` is a blank that means "not measured"."""


@dataclass(frozen=True)
class Table:
    """Columns with their units in the name ("width", "seconds"), and rows of as many entries."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Entry, ...], ...]

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"a row of {len(row)} entries in a table of {len(self.columns)} columns: {row}")


@dataclass(frozen=True)
class Figure:
    """A drawing: ``draw`` makes it inside the project's style, so it sets neither fonts, colours nor a background.

    Saved as ``NAME.svg`` (light and dark in one file) and ``NAME.png`` (white); ``alt`` says in words what is to be
    seen, for those who can't see it.
    """

    name: str
    alt: str
    draw: Callable[[], MatplotlibFigure]


@dataclass(frozen=True)
class Section:
    """One question of a report, with its answer as table, figure or both.

    ``caption`` belongs to the figure (to the table if there is none) and says what would refute the claim;
    ``statements`` are the ids that the section tests: each becomes a link, and its card is added to the page.
    """

    title: str
    paragraphs: tuple[str, ...] = ()
    table: Table | None = None
    figure: Figure | None = None
    caption: str = ""
    statements: tuple[str, ...] = ()


@dataclass(frozen=True)
class Check:
    """A claim that the rows could have refuted: ``holds`` says whether they did not, ``detail`` on how many rows."""

    claim: str
    holds: bool
    detail: str
    statement: str
    proved: bool = True
    """False for what a statement leads one to expect of training and no proof promises: rows that say otherwise do not
    refute the statement."""

    @property
    def outcome(self) -> str:
        """``holds``, ``refuted``, or for an expectation that the rows do not bear out ``not as expected``."""
        return "holds" if self.holds else "refuted" if self.proved else "not as expected"


@dataclass(frozen=True)
class Page:
    """A whole report.  ``headline`` is also what ``parrots report`` shows in the terminal."""

    title: str
    lead: str
    headline: Table
    sections: tuple[Section, ...]
    checks: tuple[Check, ...] = ()
    findings: tuple[str, ...] = ()
    """What was measured, in sentences with numbers (:func:`experiments.report.findings.finding`)."""

    def __post_init__(self) -> None:
        """Names of files and titles of sections are addresses: each once."""
        figures = [section.figure.name for section in self.sections if section.figure]
        for kind, names in (("figure", figures), ("section", [section.title for section in self.sections])):
            repeated = sorted({name for name in names if names.count(name) > 1})
            if repeated:
                raise ValueError(f"{kind} named twice on one page: {', '.join(repeated)}")

    def statements(self) -> tuple[str, ...]:
        """Every statement the page refers to, once, in order of first mention."""
        tables = [self.headline, *(section.table for section in self.sections if section.table)]
        named = [entry.statement for table in tables for row in table.rows for entry in row if isinstance(entry, Ref)]
        named += [name for section in self.sections for name in section.statements]
        named += [check.statement for check in self.checks]
        return tuple(dict.fromkeys(named))
