"""``parrots report``: tables, figures and a page from a store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.text import Text
from tyro.conf import Positional

from experiments.cli.outcome import FALSE_OR_FAILED, FINE, Outcome


@dataclass(frozen=True)
class Report:
    """Make tables, figures and a self-contained page from the results in a folder, and from nothing else.

    Exit code 1 if a check that the page makes does not hold.
    """

    dir: Positional[Path]
    """Folder that `parrots run` wrote to."""

    def run(self, console: Console) -> Outcome:
        from experiments import studies
        from experiments.report.terminal import headline, payload
        from experiments.report.write import write_report
        from experiments.store import read_rows
        from theory.errors import InputError

        rows = read_rows(self.dir)
        if not rows:
            raise InputError(f"the store in {self.dir} has no finished cell yet: run its study first")
        names = sorted({row.cell.study for row in rows})
        views: list[RenderableType] = []
        reports: list[dict[str, object]] = []
        holds = True
        for name in names:
            chosen = [row for row in rows if row.cell.study == name]
            page = studies.get(name).page(chosen)
            folder = self.dir if len(names) == 1 else self.dir / name
            files = write_report(page, chosen, folder)
            views += [headline(page), Text(f"{len(chosen)} cells; open {folder / 'index.html'}")]
            reports.append(
                {"study": name, "cells": len(chosen), **payload(page), "files": [str(file) for file in files]}
            )
            holds = holds and all(check.holds for check in page.checks)
        return Outcome({"reports": reports}, Group(*views), FINE if holds else FALSE_OR_FAILED)
