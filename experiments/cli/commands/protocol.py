"""``parrots protocol MODEL``: Alice and Bob on one graph, every bit counted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from rich.console import Console
from rich.markup import escape

from experiments.cli.outcome import FALSE_OR_FAILED, FINE, Outcome

if TYPE_CHECKING:
    from experiments.protocol.report import Report
    from parrots.star_instances import NamedGraph


@dataclass(frozen=True)
class Protocol:
    """Run the two-party protocol on a one-layer model: Alice holds the edges from the source and sends one message,
    Bob holds all others, finishes the model alone and answers. Prints every step and counts every bit."""

    model: Annotated[str, tyro.conf.Positional]
    """A checkpoint (.safetensors), or construction:NAME?vertices=V (for packed also &digits=g)."""
    graph: str = "star"
    """A file or networkx name as for `parrots solve`, or a random star of the model's size: star?density=0.5&seed=3.
    Without a density half of all stars have a path."""
    source: str | None = None
    """Label of the source; a random star has its own."""
    target: str | None = None
    """Label of the target."""
    only_star: bool = False
    """Leave out the edges that no length-2 path can use."""
    bits: int | None = None
    """p: round the weights and values of a float model to p-bit integers first, and run that model."""
    out: Path | None = None
    """Write the run as one HTML page that opens offline."""

    def run(self, console: Console) -> Outcome:
        """Exit code 1 if Bob's answer is not the model's own.

        Raises:
            InputError: no such model or graph, a graph that the model cannot hold, bits that are out of range, or an
                --out that cannot be written.
        """
        from experiments.protocol.report import Report
        from experiments.protocol.terminal import view
        from parrots.model import with_value_bits
        from parrots.models import resolve
        from parrots.protocol import run
        from parrots.star_instances import graph_for

        model = resolve(self.model)
        if self.bits is not None:
            model = with_value_bits(model, self.bits)
        graph = graph_for(self.graph, model.config.vertices, self.source, self.target)
        graph = _fitted(graph, model.config.edge_slots, self.only_star)
        transcript = run(model, graph.edges, graph.vertices)
        for note in graph.notes:
            console.print(f"[yellow]note[/yellow] {escape(note)}", highlight=False, soft_wrap=True)
        report = Report(self.model, self.graph, model.config, self.bits, graph.labels, transcript)
        if self.out is not None:
            _write(report, self.out)
            console.print(f"written: {escape(str(self.out))}", highlight=False, soft_wrap=True)
        return Outcome(report.payload(), view(report), FINE if report.agrees else FALSE_OR_FAILED)


def _write(report: Report, path: Path) -> None:
    from experiments.protocol.page import write_page
    from theory.errors import InputError

    try:
        write_page(report, path)
    except OSError as error:
        raise InputError(
            f"--out {str(path)[:200]!r} cannot be written ({error.strerror}): give the name of a file in a folder that "
            "can be."
        ) from error


def _fitted(graph: NamedGraph, slots: int, only_star: bool) -> NamedGraph:
    """``graph``, without the edges beside the star if they are not wanted."""
    from theory.errors import InputError

    star = graph.star()
    if only_star:
        return star
    if len(star.edges) <= slots < len(graph.edges):
        raise InputError(
            f"the graph has {len(graph.edges)} edges and the model {slots} slots: give --only-star to leave out those "
            f"that no length-2 path can use, which keeps {len(star.edges)}."
        )
    return graph
