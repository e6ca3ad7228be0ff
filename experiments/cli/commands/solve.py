"""``parrots solve GRAPH``: build the weights for a graph, ask the model, and hold its answer against an oracle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import tyro
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from experiments.cli.outcome import FALSE_OR_FAILED, FINE, Outcome

if TYPE_CHECKING:
    from theory.questions import Question


@dataclass(frozen=True)
class Solve:
    """Build the weights for a graph and answer a question about two of its vertices."""

    graph: tyro.conf.Positional[str]
    """An edge list (two labels a line), .csv, .graphml, or a networkx graph by name (karate_club_graph).
    Lines of edge lists and CSV files are directed edges; undirected graphs get every edge both ways."""
    construction: str
    """Hand-built model, such as packed; `parrots constructions` lists them."""
    source: str
    """Label of the source."""
    target: str
    """Label of the target."""
    question: Literal["length-2-path", "distance-at-most-2", "reachable-in-two", "connected", "triangle"] = (
        "length-2-path"
    )
    """length-2-path: a path source, i, target through a third vertex; the edge from source to target does not count.
    distance-at-most-2: a shortest path of one or two edges.
    reachable-in-two: a walk of one or two edges (for two different ends it is there iff the distance is at most 2).
    On star instances only, where every edge leaves the source or enters the target:
    connected: a path of any length.
    triangle: a directed 3-cycle, once the edge from target to source is added."""
    digits: int | None = None
    """g, vertices that share a coordinate (packed): more need less width, and more neurons and bits."""

    def run(self, console: Console) -> Outcome:
        """The model's answer and networkx's; exit code 1 if they differ.

        Raises:
            InputError: a graph, label, construction or size that does not exist or does not fit, or a question that the
                construction or the graph is not for.
        """
        from parrots.constructions import CONSTRUCTIONS, build, get
        from parrots.graphs import load_graph
        from theory.errors import InputError
        from theory.questions import QUESTIONS, check_star

        entry, question = get(self.construction), QUESTIONS[self.question]
        if question.direct and "direct" not in entry.options:
            able = ", ".join(name for name, other in CONSTRUCTIONS.items() if "direct" in other.options)
            raise InputError(
                f"`{entry.name}` does not count the edge from source to target, as {question.name} asks: give one of "
                f"{able}, or ask length-2-path."
            )
        options = ({} if self.digits is None else {"digits": self.digits}) | ({"direct": 1} if question.direct else {})
        entry.check_options(options)
        graph = load_graph(self.graph)
        source, target = graph.find(self.source, "source"), graph.find(self.target, "target")
        if source == target:
            raise InputError(f"source and target are both {self.source!r}: give two different vertices.")
        check_star(question, graph.edges, source, target)
        if "slots" in entry.options:
            options["slots"] = max(len(graph.edges), graph.vertices)
        solver = build(self.construction, vertices=graph.vertices, **options)
        for note in graph.notes:
            console.print(f"[yellow]note[/yellow] {escape(note)}", highlight=False, soft_wrap=True)
        answer = bool(solver.decide(graph.edges[None], source, target)[0])
        oracle = question.oracle(graph.digraph(), source, target)
        payload = {
            "question": question.name,
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
        return Outcome(payload, _view(self, question, payload), FINE if answer == oracle else FALSE_OR_FAILED)


def _view(asked: Solve, question: Question, payload: dict[str, object]) -> Table:
    is_there = "yes, there is a" if payload["answer"] else "no, there is no"
    asked_for = question.asks.format(source=asked.source, target=asked.target)
    agrees = "agrees" if payload["answer"] == payload["oracle"] else "DISAGREES"
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_row("answer", f"{is_there} {escape(asked_for)}")
    table.add_row("oracle", f"networkx {agrees}")
    for name in ("construction", "statement", "vertices", "width", "heads", "bits", "neurons"):
        table.add_row(name, str(payload[name]))
    return table
