"""``parrots bench``: ratios against what a user would use instead, in one run."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Annotated

import tyro
from rich.console import Console
from rich.table import Table

from experiments.cli.outcome import Outcome
from experiments.suggest import unknown_name

BENCHMARKS = {
    "ensemble": "one batched model of 12 members against a loop over 12 models, seconds a training step",
    "certify": "all 4^r inputs certified against the model's own evaluation in batches, inputs a second",
    "tasks": "random graphs with a shortest path each against a loop with networkx, graphs a second",
    "moe": "a decoder layer with experts against Mixtral's in transformers, seconds forward and backward",
}
"""Modules of :mod:`experiments.bench`, and what they measure: ``measure(*size)`` for each of ``SIZES`` gives an object
with ``cells()``, its row under ``HEAD``, and ``to_json()``."""


@dataclass(frozen=True)
class Bench:
    """Measure speed against what you would use instead: both sides in one run, the ratio printed."""

    name: Annotated[str, tyro.conf.Positional] = "ensemble"
    """Which one: ensemble (training), certify, tasks (data) or moe (a layer with experts)."""

    def run(self, console: Console) -> Outcome:
        """Prints ratios; judges nothing, because a busy machine is no error.

        Raises:
            InputError: no such benchmark.
        """
        if self.name not in BENCHMARKS:
            raise unknown_name("benchmark", self.name, BENCHMARKS)
        from rich.progress import track

        bench = importlib.import_module(f"experiments.bench.{self.name}")
        sizes = track(bench.SIZES, "measuring", console=console, transient=True, disable=not console.is_terminal)
        measured = [bench.measure(*size) for size in sizes]
        table = Table(*bench.HEAD, title=BENCHMARKS[self.name])
        for one in measured:
            table.add_row(*one.cells())
        return Outcome({"benchmark": self.name, "rows": [one.to_json() for one in measured]}, table)
