"""A run on standard error: a bar in a terminal, a line now and then elsewhere, with tokens a second and time left."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from experiments.progress import SECONDS_A_LINE, in_words, time_left

Show = Callable[[int, str], None]
"""Told of the steps that are done in all, and of what to say beside them."""


@contextlib.contextmanager
def display(console: Console, done: int, total: int, tokens: int) -> Iterator[Show]:
    """Follow steps ``done + 1`` to ``total`` of ``tokens`` tokens each."""
    start = last = time.monotonic()
    columns = (TextColumn("steps"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[said]}"))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("steps", total=total, completed=done, said="")

        def show(step: int, news: str) -> None:
            nonlocal last
            now = time.monotonic()
            left = in_words(time_left(now - start, step - done, total - done))
            speed = (step - done) * tokens / max(now - start, 1e-9)
            said = f"{speed:,.0f} tokens/s, time left: {left}{news and f', {news}'}"
            bar.update(task, completed=step, said=said)
            if not console.is_terminal and now - last >= SECONDS_A_LINE:
                last = now
                console.print(f"step {step:,}/{total:,}, {said}", markup=False, highlight=False)

        yield show
