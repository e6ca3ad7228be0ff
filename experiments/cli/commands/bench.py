"""``parrots bench``: ratios against what a user would use instead, in one run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import tyro
from rich.console import Console
from rich.table import Table

from experiments.cli.outcome import Outcome
from experiments.suggest import unknown_name

BENCHMARKS = {"ensemble": "one batched model of 12 members against a loop over 12 models, seconds a training step"}
SIZES = ((8, 1), (16, 1), (32, 1), (8, 16), (16, 16), (32, 16))
"""(r, K) of the ensemble benchmark."""


@dataclass(frozen=True)
class Bench:
    """Measure speed against what you would use instead: both sides in one run, the ratio printed."""

    name: Annotated[str, tyro.conf.Positional] = "ensemble"
    """Which one: ensemble."""

    def run(self, console: Console) -> Outcome:
        """Prints ratios; judges nothing, because a busy machine is no error.

        Raises:
            InputError: no such benchmark.
        """
        if self.name not in BENCHMARKS:
            raise unknown_name("benchmark", self.name, BENCHMARKS)
        from rich.progress import track

        from experiments.bench.ensemble import measure

        sizes = track(SIZES, "measuring", console=console, transient=True, disable=not console.is_terminal)
        ratios = [measure(r, K) for r, K in sizes]
        table = Table("r", "experts", "members", "ensemble [ms]", "loop [ms]", "ratio", title=BENCHMARKS[self.name])
        for one in ratios:
            milliseconds = (f"{one.ensemble * 1e3:.2f}", f"{one.loop * 1e3:.2f}")
            table.add_row(str(one.r), str(one.experts), str(one.members), *milliseconds, f"{one.ratio:.1f}")
        rows = [
            {"r": one.r, "experts": one.experts, "members": one.members, "ensemble_seconds": one.ensemble,
             "loop_seconds": one.loop, "ratio": one.ratio}
            for one in ratios
        ]  # fmt: skip
        return Outcome({"benchmark": self.name, "rows": rows}, table)
