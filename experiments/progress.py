"""Progress on standard error: a bar in a terminal, a line now and then elsewhere, both with the time left."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bar

from experiments.studies.types import Job

SECONDS_A_LINE = 10.0
"""Between two lines where there is no terminal to draw a bar in."""


def time_left(elapsed: float, done: float, total: float) -> float | None:
    """Seconds left if cost goes on at the rate so far; ``None`` before anything is done."""
    return elapsed * (total - done) / done if done > 0 else None


def in_words(seconds: float | None) -> str:
    """
    >>> in_words(75), in_words(3700), in_words(None)
    ('1 min 15 s', '1 h 2 min', 'unknown')
    """
    if seconds is None:
        return "unknown"
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 60} min {whole % 60} s" if whole >= 60 else f"{whole} s"


@contextlib.contextmanager
def counting(console: Console, what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Follow ``total`` equal parts of ``what``: the function given is told how many more are done."""
    done, start = 0, time.monotonic()
    last = start
    with Bar(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=total)

        def advance(more: int) -> None:
            nonlocal done, last
            done, now = done + more, time.monotonic()
            bar.advance(task, more)
            if not console.is_terminal and now - last >= SECONDS_A_LINE:
                last = now
                left = in_words(time_left(now - start, done, total))
                console.print(f"{what}: {done:,}/{total:,}, time left: {left}", markup=False, highlight=False)

        yield advance


class Progress:
    """Follows the cells of a run; the time left comes from the jobs' costs, not from their number."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextlib.contextmanager
    def track(self, jobs: Sequence[Job], skipped: int) -> Iterator[None]:
        """Follow ``jobs``, whose cells come on top of ``skipped`` ones that are stored already."""
        self._cost_of_cell = {job.name: job.cost / len(job.cells) for job in jobs}
        self._left_in_job = {job.name: len(job.cells) for job in jobs}
        self._cells = sum(self._left_in_job.values())
        self._total = sum(job.cost for job in jobs)
        self._done_cells, self._done = 0, 0.0
        self._start = time.monotonic()
        if skipped:
            self._console.print(f"{skipped} cells are in the store already, {self._cells} to do")
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[left]}"),
        )
        with Bar(*columns, console=self._console, disable=not self._console.is_terminal, transient=True) as self._bar:
            self._task = self._bar.add_task("cells", total=self._cells, left="time left: unknown")
            yield

    def advance(self, job: str, cells: int, failed: bool) -> None:
        """``cells`` more of ``job`` are stored; a failed job's other cells will not come in this run."""
        self._left_in_job[job] -= cells
        self._done_cells += cells
        self._done += cells * self._cost_of_cell[job]
        if failed:
            self._done += self._left_in_job[job] * self._cost_of_cell[job]
            self._console.print(f"failed: {job}", markup=False)
        left = f"time left: {in_words(time_left(time.monotonic() - self._start, self._done, self._total))}"
        self._bar.update(self._task, completed=self._done_cells, left=left)
        if not self._console.is_terminal and not self._left_in_job[job]:
            self._console.print(f"{self._done_cells}/{self._cells} cells, {left}; finished {job}", markup=False)
