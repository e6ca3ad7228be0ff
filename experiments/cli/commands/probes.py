"""``parrots probes``: questions for language models, in lm-eval's format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from experiments.cli.outcome import Outcome
from experiments.suggest import unknown_name
from theory.errors import InputError

if TYPE_CHECKING:
    from experiments.probes.probe import Probe


@dataclass(frozen=True)
class Probes:
    """Write probe tasks for language models: paths of two edges, shortest paths, lookup with the phone-book open or
    closed. lm-eval reads the folder, and a README in it says how to run it; writing needs no lm-eval."""

    out: Path
    """Folder to write, new or empty; the same files again are fine."""
    tasks: tuple[str, ...] = ("length2", "shortest-path", "open-book", "closed-book")
    """Which kinds."""
    vertices: tuple[int, ...] = (4, 8, 16, 32, 64)
    """Sizes: vertices between the ends (length2), of the graph (shortest-path), entries in the prompt (open-book)."""
    entries: tuple[int, ...] = (100, 1000, 10_000)
    """Sizes of the closed book."""
    examples: int = 500
    """Questions at each size; of the closed book no more than its entries."""
    seed: int = 0
    """Another seed asks other questions of the same kinds."""
    trained: Path | None = None
    """Instead of all these: a folder of `parrots train`, to ask the task of that run in its own tokens, of the decoder
    that `parrots export` writes."""

    def run(self, console: Console) -> Outcome:
        """
        Raises:
            InputError: an unknown kind, a size out of range, a folder that holds other files, or one that is no run.
        """
        from experiments.probes.folder import KINDS, write

        for kind in self.tasks:
            if kind not in KINDS:
                raise unknown_name("probe", kind, KINDS)
        for name in ("tasks", "vertices", "entries"):
            if not getattr(self, name):
                raise InputError(f"--{name}: give one or more.")
        if not 2 <= self.examples <= MOST_EXAMPLES:
            raise InputError(f"--examples {self.examples}: give from 2 to {MOST_EXAMPLES:,}.")
        with console.status("drawing questions"):
            made, content = self._trained(self.trained) if self.trained else self._probes()
        write(content, self.out)
        return Outcome({"out": self.out, "tasks": [_described(probe) for probe in made]}, _view(self.out, made))

    def _probes(self) -> tuple[Sequence[Probe], dict[str, bytes]]:
        from experiments.probes.folder import files, probes

        made = probes(self.tasks, self.vertices, self.entries, self.examples, self.seed)
        return made, files(made, self.seed)

    def _trained(self, run: Path) -> tuple[Sequence[Probe], dict[str, bytes]]:
        from experiments.probes.lm_eval_format import task_files
        from experiments.probes.own_task import own_task, readme

        probe = own_task(run, self.examples)
        return (probe,), {**task_files(probe), "README.md": readme(probe).encode()}


MOST_EXAMPLES = 100_000


def _described(probe: Probe) -> dict[str, Any]:
    return {
        "task": probe.name,
        "group": probe.group,
        "size": probe.size,
        "asked": len(probe.asked),
        "shortcuts": dict(probe.shortcuts),
    }


def _view(out: Path, made: Sequence[Probe]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), caption_justify="left")
    for column in ("task", "asked", "best shortcut", "right"):
        table.add_column(column, justify="right" if column in ("asked", "right") else "left", no_wrap=True)
    for probe in made:
        rule, share = max(probe.shortcuts.items(), key=lambda one: one[1])
        table.add_row(probe.name, f"{len(probe.asked):,}", rule, f"{share:.3g}")
    table.caption = f"{out / 'README.md'} says how to run them"
    return table
