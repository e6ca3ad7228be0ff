"""The runs that a story is told of: folders of stores, and each study's page."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from experiments import studies
from experiments.report.page import Page
from experiments.store import FILE, Row, read_rows
from theory.errors import InputError


@dataclass(frozen=True)
class Told:
    """One study's run."""

    study: str
    question: str
    page: Page
    rows: tuple[Row, ...]
    report: Path
    """Where `parrots report` writes its own page, written or not."""

    def link(self, start: Path) -> str | None:
        """The address of its own page from the folder ``start``, None where there is none."""
        return Path(os.path.relpath(self.report, start)).as_posix() if self.report.is_file() else None

    @property
    def hours(self) -> float:
        """Hours of computing, over all cells."""
        return sum(row.seconds for row in self.rows) / 3600


def tell(folders: Iterable[Path]) -> tuple[Told, ...]:
    """Every study with finished cells in ``folders``, in the order of studies; a folder is a store or holds stores.

    Raises:
        InputError: a folder without a store, a study that stands in two stores, or a store that can't be read.
    """
    found: dict[str, Told] = {}
    for store in stores(folders):
        rows = read_rows(store)
        names = sorted({row.cell.study for row in rows})
        for name in names:
            if name in found:
                raise InputError(
                    f"{name} stands in {found[name].report.parent} and in {store}: give folders with each study once."
                )
            chosen = tuple(row for row in rows if row.cell.study == name)
            study = studies.get(name)
            report = (store if len(names) == 1 else store / name) / "index.html"
            found[name] = Told(name, study.question, study.page(chosen), chosen, report)
    return tuple(found[name] for name in studies.STUDIES if name in found)


def stores(folders: Iterable[Path]) -> Iterator[Path]:
    """The folders themselves where they are stores, else the stores right below them.

    Raises:
        InputError: a folder that is none and has none.
    """
    for folder in folders:
        inside = [folder] if (folder / FILE).is_file() else sorted(path.parent for path in folder.glob(f"*/{FILE}"))
        if not inside:
            raise InputError(
                f"no store in {folder} nor in a folder in it: `parrots run STUDY` makes results/STUDY-quick."
            )
        yield from inside
