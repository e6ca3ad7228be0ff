"""``parrots solve GRAPH``: build the weights for a graph, ask the model, and hold its answer against an oracle."""

from __future__ import annotations

from dataclasses import dataclass

import tyro
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from experiments.cli.outcome import FALSE_OR_FAILED, FINE, Outcome


@dataclass(frozen=True)
class Solve:
    """Build the weights for a graph and answer: is there a length-2 path from the source to the target?"""

    graph: tyro.conf.Positional[str]
    """An edge list (two labels a line), .csv, .graphml, or a networkx graph by name (karate_club_graph).
    Lines of edge lists and CSV files are directed edges; undirected graphs get every edge both ways."""
    construction: str
    """Hand-built model, such as packed; `parrots constructions` lists them."""
    source: str
    """Label of the source."""
    target: str
    """Label of the target."""
    digits: int | None = None
    """g, vertices that share a coordinate (packed): more need less width, and more neurons and bits."""

    def run(self, console: Console) -> Outcome:
        """The model's answer and networkx's; exit code 1 if they differ.

        Raises:
            InputError: a graph, label, construction or size that does not exist or does not fit.
        """
        from parrots.constructions import build, get
        from parrots.graphs import load_graph
        from theory.errors import InputError
        from theory.oracles import length_2_path_networkx

        options = {} if self.digits is None else {"digits": self.digits}
        get(self.construction).check_options(options)
        graph = load_graph(self.graph)
        source, target = graph.find(self.source, "source"), graph.find(self.target, "target")
        if source == target:
            raise InputError(f"source and target are both {self.source!r}: give two different vertices.")
        solver = build(self.construction, vertices=graph.vertices, **options)
        for note in graph.notes:
            console.print(f"[yellow]note[/yellow] {escape(note)}", highlight=False, soft_wrap=True)
        answer = bool(solver.decide(graph.edges[None], source, target)[0])
        oracle = length_2_path_networkx(graph.digraph(), source, target)
        payload = {
            "answer": answer,
            "oracle": oracle,
            "construction": solver.construction,
            "statement": solver.statement,
            "vertices": solver.vertices,
            "width": solver.width,
            "heads": solver.heads,
            "bits": solver.bits,
            "neurons": solver.neurons,
        }
        return Outcome(payload, _view(self, payload), FINE if answer == oracle else FALSE_OR_FAILED)


def _view(asked: Solve, payload: dict[str, object]) -> Table:
    is_there = "yes, there is a" if payload["answer"] else "no, there is no"
    agrees = "agrees" if payload["answer"] == payload["oracle"] else "DISAGREES"
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_row("answer", f"{is_there} length-2 path from {escape(asked.source)} to {escape(asked.target)}")
    table.add_row("oracle", f"networkx {agrees}")
    for name in ("construction", "statement", "vertices", "width", "heads", "bits", "neurons"):
        table.add_row(name, str(payload[name]))
    return table
