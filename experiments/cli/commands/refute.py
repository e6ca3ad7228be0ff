"""``parrots refute``: a graph that a one-layer model gets wrong, or what was tried."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import tyro
from rich.console import Console, Group
from rich.table import Table

from experiments.cli.outcome import FALSE_OR_FAILED, FINE, Outcome

if TYPE_CHECKING:
    from parrots.model import OneLayerModel
    from theory.refute import Attempt, Refutation, Search
    from theory.refute.schedule import Progress


@dataclass(frozen=True)
class Refute:
    """Search for a graph that a one-layer model gets wrong. Finding none proves nothing: ask certify for a proof."""

    model: Annotated[str, tyro.conf.Positional]
    """A checkpoint (.safetensors), or construction:NAME?vertices=V (for packed also &digits=g)."""
    seconds: float = 60.0
    """Time limit; the search ends with the first graph found."""
    methods: tuple[str, ...] = ()
    """Only these: sampling, all-inputs, exhaustive, birthday, lattice, neighbours, local. Without: all that apply."""
    evaluations: int | None = None
    """Logits after which each method stops."""
    seed: int = 0
    """Of the random choices; with --workers 1 the same seed makes the same search, as far as the time goes."""
    workers: int | None = None
    """Methods that run at one time; without: one a core."""

    def run(self, console: Console) -> Outcome:
        """Exit code 1 if a graph was found.

        Raises:
            InputError: no such model, an unknown method, a number out of range, or an r too large for a named method.
        """
        import os

        from parrots.models import resolve
        from theory.refute import Search

        search = Search(
            seconds=self.seconds,
            evaluations=self.evaluations,
            methods=self.methods or None,
            workers=(os.cpu_count() or 1) if self.workers is None else self.workers,
            seed=self.seed,
        )
        model = resolve(self.model)
        payload, refutation = refute_model(self.model, model, search, console)
        view = refutation_view(payload, refutation, model.config.intermediates)
        return Outcome(payload, view, FALSE_OR_FAILED if refutation.found else FINE)


def refute_model(
    name: str, model: OneLayerModel, search: Search, console: Console
) -> tuple[dict[str, object], Refutation]:
    """Search on the table of ``model``, with every candidate replayed on ``model`` itself and on networkx."""
    from parrots.extract import extract
    from parrots.replay import replay
    from theory.refute import Candidate, refute

    table = extract(model)
    r = table.r

    def refuted(candidate: Candidate) -> bool:
        return replay(model, candidate.edges(r)).refutes

    with _progress(console, search.seconds) as tell:
        result = refute(table, search, refuted, tell)
    found = result.found
    edges = found.edges(r) if found else None
    payload: dict[str, object] = {
        "model": name,
        "found": found is not None,
        "edges": edges,
        "method": result.method,
        "evaluations": result.evaluations,
        "seconds": result.seconds,
        "r": r,
        "margin": found.margin if found else None,
        "collision": asdict(found.collision) if found and found.collision else None,
        "attempts": [asdict(attempt) for attempt in result.attempts],
        "answered_rightly": result.answered_rightly,
        "undecided": result.undecided,
        **(asdict(replay(model, edges)) if edges is not None else {}),
    }
    return payload, result


@contextmanager
def _progress(console: Console, seconds: float) -> Iterator[Progress]:
    """A bar of the time spent, told by the search."""
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (TextColumn("refuting"), BarColumn(), TextColumn("{task.fields[left]:.0f} s left, {task.fields[method]}"))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=seconds, left=seconds, method="")

        def tell(left: float, method: str) -> None:
            bar.update(task, completed=seconds - left, left=left, method=method)

        yield tell


def refutation_view(payload: dict[str, object], result: Refutation, r: int) -> Group:
    """The verdict, and every attempt with its cost."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    if result.found is None:
        table.add_row("verdict", "[bold]not refuted after these attempts[/bold], which is no proof that it is right")
    else:
        table.add_row("verdict", f"[bold]REFUTED[/bold] by {result.method}")
        table.add_row("graph", f"source 0, target {r + 1}, edges {payload['edges']}")
        model, oracle = ("yes" if payload[key] else "no" for key in ("model_answer", "oracle"))
        table.add_row("replayed", f"model {model}, networkx {oracle}")
        table.add_row("margin", f"{result.found.margin:.4g}")
        if result.found.collision is not None:
            pair = result.found.collision
            kind = "the same message" if pair.exact else f"messages {pair.residual:.3g} apart"
            table.add_row("collision", f"{pair.side}'s sets {pair.first} and {pair.second}: {kind}")
    table.add_row("evaluations", f"{result.evaluations:,} in {result.seconds:.2f} s")
    for count, what in (
        (result.answered_rightly, "that the table gets wrong and the model, in its own precision, right"),
        (result.undecided, "with a margin below the rounding error"),
    ):
        if count:
            table.add_row("not counted", f"{count:,} graphs {what}")
    return Group(table, "", _attempts(result.attempts))


def _attempts(attempts: tuple[Attempt, ...]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("attempt", "evaluations", "seconds", "least margin", "least residual", "ended"):
        justify: Literal["right", "left"] = "left" if column in ("attempt", "ended") else "right"
        table.add_column(column, justify=justify, no_wrap=column != "ended", overflow="fold")
    for attempt in attempts:
        table.add_row(
            attempt.method,
            f"{attempt.evaluations:,}",
            f"{attempt.seconds:.2f}",
            "–" if attempt.margin is None else f"{attempt.margin:.3g}",
            "–" if attempt.residual is None else f"{attempt.residual:.3g}",
            attempt.ended,
        )
    return table
