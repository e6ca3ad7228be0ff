"""A chapter a statement: what it predicts, and what each study measured about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from experiments.report.html import slug
from experiments.report.page import Check, Ref, Section, Table
from experiments.story.predicted import predictions
from experiments.story.runs import Told
from theory import statements
from theory.statements import Statement

HOLDS, REFUTED, UNEXPECTED, SHOWN = "holds", "refuted", "not as expected", "shown"
UNMEASURED = "by proof and tests"


@dataclass(frozen=True)
class Place:
    """Where in the story a study's figure stands: it is shown once."""

    study: str
    title: str

    @property
    def anchor(self) -> str:
        return f"{self.study}-{slug(self.title)}"


@dataclass(frozen=True)
class Evidence:
    """What one study has to say of one statement."""

    told: Told
    checks: tuple[Check, ...]
    lines: Table | None
    """Rows of the study's headline that refer to the statement."""
    sections: tuple[Section, ...]
    """Those that test it and are shown here."""
    elsewhere: tuple[Place, ...]
    """Those that an earlier chapter shows."""


@dataclass(frozen=True)
class Chapter:
    """One statement."""

    statement: Statement
    predicted: Table | None
    evidence: tuple[Evidence, ...]

    @property
    def checks(self) -> tuple[Check, ...]:
        return tuple(check for part in self.evidence for check in part.checks)

    @property
    def verdict(self) -> str:
        """The worst outcome of the checks; ``shown`` where there are numbers and no check."""
        outcomes = {check.outcome for check in self.checks}
        for outcome in (REFUTED, UNEXPECTED, HOLDS):
            if outcome in outcomes:
                return outcome
        return SHOWN if self.evidence else UNMEASURED


def chapters(told: Sequence[Told]) -> tuple[Chapter, ...]:
    """Every statement of the registry, in reading order."""
    shown: set[Place] = set()
    return tuple(
        Chapter(statement, predictions(statement.id), tuple(_evidence(statement.id, told, shown)))
        for statement in statements.all_statements()
    )


def untold(told: Told) -> tuple[Section, ...]:
    """The sections of a study's page that test no statement: what its size can't show, what is left out."""
    return tuple(section for section in told.page.sections if not section.statements)


def _evidence(statement: str, told: Sequence[Told], shown: set[Place]) -> Iterator[Evidence]:
    for study in told:
        checks = tuple(check for check in study.page.checks if check.statement == statement)
        lines = _lines(study.page.headline, statement)
        testing = [section for section in study.page.sections if statement in section.statements]
        new = tuple(section for section in testing if Place(study.study, section.title) not in shown)
        old = tuple(Place(study.study, section.title) for section in testing if section not in new)
        shown.update(Place(study.study, section.title) for section in new)
        if checks or lines or testing:
            yield Evidence(study, checks, lines, new, old)


def _lines(headline: Table, statement: str) -> Table | None:
    """The rows that refer to ``statement``, without the column that says so."""
    rows = [row for row in headline.rows if Ref(statement) in row]
    if not rows:
        return None
    kept = [index for index in range(len(headline.columns)) if not any(isinstance(row[index], Ref) for row in rows)]
    return Table(
        tuple(headline.columns[index] for index in kept), tuple(tuple(row[index] for index in kept) for row in rows)
    )
