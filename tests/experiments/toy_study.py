"""A study that trains nothing: its cells take a fixed time and write down that they ran."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.report.page import Check, Figure, Page, Ref, Section, Table
from experiments.report.statistics import wilson
from experiments.store import Row
from experiments.studies import Cell, Estimate, Finished, Job
from theory.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure


@dataclass(frozen=True)
class Grid:
    jobs: int = 4
    cells: int = 3
    seconds: float = 0.0
    diary: str = ""
    fail: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.jobs < 1:
            raise InputError(f"jobs is {self.jobs}: give 1 or more")


def work(cells: tuple[Cell, ...]) -> Iterator[Finished]:
    """Each cell sleeps and adds the line "key process" to the diary, so that a test can count what really ran."""
    for cell in cells:
        if cell.config["fail"]:
            raise ArithmeticError("diverged\non purpose")
        time.sleep(cell.config["seconds"])
        if cell.config["diary"]:
            with Path(cell.config["diary"]).open("a") as diary:
                diary.write(f"{cell.key} {os.getpid()}\n")
        yield Finished(cell, {"accuracy": cell.seed / 100, "by_seed": [cell.seed]}, "budget", cell.config["seconds"])


@dataclass(frozen=True)
class ToyStudy:
    name: str = "toy"
    question: str = "does the machinery keep what it is given?"

    @property
    def presets(self) -> dict[str, Grid]:
        return {"quick": Grid(), "paper": Grid(jobs=1000)}

    def jobs(self, preset: Grid) -> tuple[Job, ...]:
        return tuple(
            Job(
                name=f"job {job}",
                cells=tuple(self._cell(preset, job, seed) for seed in range(preset.cells)),
                function=work,
                cost=preset.cells,
            )
            for job in range(preset.jobs)
        )

    def _cell(self, preset: Grid, job: int, seed: int) -> Cell:
        config = {
            "job": job,
            "seed": seed,
            "seconds": preset.seconds,
            "diary": preset.diary,
            "fail": job in preset.fail,
        }
        return Cell(self.name, "a", config)

    def dry_run(self, preset: Grid) -> tuple[Estimate, ...]:
        return (Estimate("a", preset.jobs * preset.cells, 10, 1000, 2**30, 0.5),)

    def page(self, rows: Sequence[Row]) -> Page:
        accuracy = wilson(sum(row.cell.seed for row in rows), 100 * len(rows))
        table = Table(("panel", "accuracy", "statement"), (("a", accuracy, Ref("thm-3.2")),))
        section = Section(
            "Accuracy of <nothing>",
            ("One paragraph.",),
            table,
            Figure("a", "a line that rises", lambda: draw(rows)),
            "Refuted if the line falls.",
            ("own-message-bound",),
        )
        check = Check(
            "no accuracy above 1", all(row.metrics["accuracy"] <= 1 for row in rows), f"{len(rows)} rows", "thm-3.2"
        )
        return Page("Toy", self.question, table, (section,), (check,))


def draw(rows: Sequence[Row]) -> MatplotlibFigure:  # matplotlib stays unimported until a figure is drawn
    from matplotlib.figure import Figure as MatplotlibFigure

    figure = MatplotlibFigure()
    axes = figure.add_subplot(xlabel="seed", ylabel="accuracy $\\geq$ 0")
    axes.plot(sorted(row.cell.seed for row in rows), sorted(row.metrics["accuracy"] for row in rows), label="toy")
    axes.legend()
    return figure


STUDY = ToyStudy()
