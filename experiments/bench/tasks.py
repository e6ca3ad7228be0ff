"""Examples of the shortest-path task against a loop with networkx, graphs a second.

The other side is what one writes without the batches: a graph, queries until one is in reach, a shortest path by
networkx, once as such and once with the tokens that a model reads (edges in random order and orientation).  Ours always
makes the tokens, and keeps the splits apart.  A sample of ours is checked by networkx in the same run.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

import networkx as nx
import torch

from experiments.tasks.graphs.text import END, QUERY
from experiments.tasks.shortest_path import ShortestPath

SIZES = ((50, 75, 1, 10**6), (50, 75, 2, 10**6), (20, 30, 1, 10**6), (100, 150, 1, 10**5))
"""(vertices, edges, threads, graphs of ours in a round)."""
HEAD = (
    "vertices",
    "edges",
    "threads",
    "ours [1/s]",
    "networkx [1/s]",
    "ratio",
    "with tokens [1/s]",
    "ratio",
    "ratio, CPU",
)
BATCH = 2**14
LOOPED = 500
"""Of networkx, in a round: its rate does not depend on how many."""
CHECKED = 200


@dataclass(frozen=True)
class Rates:
    """Seconds a graph by the clock and of the processor: ours, a loop for graph and path, a loop with tokens."""

    vertices: int
    edges: int
    threads: int
    graphs: int
    checked: int
    ours: tuple[float, float]
    loop: tuple[float, float]
    loop_with_tokens: tuple[float, float]

    @property
    def ratio(self) -> float:
        """How many times faster than networkx finds a graph and a path."""
        return self.loop[0] / self.ours[0]

    @property
    def ratio_with_tokens(self) -> float:
        return self.loop_with_tokens[0] / self.ours[0]

    @property
    def ratio_of_processor_time(self) -> float:
        """As :attr:`ratio`, by the processor's time, which programs beside this one do not take."""
        return self.loop[1] / self.ours[1]

    def cells(self) -> tuple[str, ...]:
        """A row under :data:`HEAD`."""
        size = (str(self.vertices), str(self.edges), str(self.threads))
        plain = (f"{1 / self.ours[0]:,.0f}", f"{1 / self.loop[0]:,.0f}", f"{self.ratio:.0f}")
        tokens = (f"{1 / self.loop_with_tokens[0]:,.0f}", f"{self.ratio_with_tokens:.0f}")
        return (*size, *plain, *tokens, f"{self.ratio_of_processor_time:.0f}")

    def to_json(self) -> dict[str, object]:
        return {
            "vertices": self.vertices, "edges": self.edges, "threads": self.threads, "graphs": self.graphs,
            "checked": self.checked, "graphs_a_second": 1 / self.ours[0], "networkx_a_second": 1 / self.loop[0],
            "ratio": self.ratio, "networkx_with_tokens_a_second": 1 / self.loop_with_tokens[0],
            "ratio_with_tokens": self.ratio_with_tokens, "ratio_of_processor_time": self.ratio_of_processor_time,
        }  # fmt: skip


def measure(vertices: int, edges: int, threads: int, graphs: int, rounds: int = 3) -> Rates:
    """Best of ``rounds`` alternating rounds, so that both meet the same machine.

    Raises:
        RuntimeError: when networkx finds one of our paths wrong.
    """
    task = ShortestPath(vertices=vertices, edges=edges)
    rng = random.Random(0)
    works: tuple[tuple[Callable[[int], None], int], ...] = (
        (lambda round_: _ours(task, round_ * graphs, graphs), graphs),
        (lambda _: _loop(task, rng, tokens=False), LOOPED),
        (lambda _: _loop(task, rng, tokens=True), LOOPED),
    )
    fastest = [(float("inf"), float("inf"))] * len(works)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for round_ in range(rounds):
            for which, (work, count) in enumerate(works):
                began = time.perf_counter(), time.process_time()
                work(round_)
                spent = (time.perf_counter() - began[0]) / count, (time.process_time() - began[1]) / count
                fastest[which] = min(fastest[which][0], spent[0]), min(fastest[which][1], spent[1])
    finally:
        torch.set_num_threads(before)
    check(task, task.examples("train", rounds * graphs - CHECKED, CHECKED).tokens)
    return Rates(vertices, edges, threads, graphs, CHECKED, *fastest)


def check(task: ShortestPath, tokens: torch.Tensor) -> None:
    """Compare sequences ``[batch, length]`` with networkx.

    Raises:
        RuntimeError: naming the first one whose graph has another size, or whose path is no shortest one.
    """
    for number, row in enumerate(tokens.tolist()):
        edges, (source, target) = row[: task.prompt - 3], row[task.prompt - 2 : task.prompt]
        graph = nx.Graph(list(zip(edges[::2], edges[1::2], strict=True)))
        path = row[task.prompt : row.index(END)]
        right = (
            graph.number_of_edges() == task.edge_count
            and (path[0], path[-1]) == (source, target)
            and nx.is_path(graph, path)
            and len(path) == nx.shortest_path_length(graph, source, target) + 1
        )
        if not right:
            raise RuntimeError(f"example {number} is wrong: {task.show(tokens[number])}")


def _ours(task: ShortestPath, first: int, graphs: int) -> None:
    for start in range(first, first + graphs, BATCH):
        task.examples("train", start, min(BATCH, first + graphs - start))


def _loop(task: ShortestPath, rng: random.Random, tokens: bool) -> None:
    for _ in range(LOOPED):
        graph, path = _graph_and_path(task, rng)
        if tokens:
            _sequence(graph, path, rng, task.text.first_vertex)


def _graph_and_path(task: ShortestPath, rng: random.Random) -> tuple[nx.Graph[int], list[int]]:
    graph = nx.gnm_random_graph(task.vertices, task.edge_count, seed=rng)
    while True:
        source, target = rng.sample(range(task.vertices), 2)
        try:
            path = nx.shortest_path(graph, source, target)
        except nx.NetworkXNoPath:
            continue
        if len(path) <= task.longest + 1:
            return graph, path


def _sequence(graph: nx.Graph[int], path: list[int], rng: random.Random, first_vertex: int) -> list[int]:
    edges = list(graph.edges)
    rng.shuffle(edges)
    tokens = []
    for tail, head in edges:
        tokens += [tail, head] if rng.random() < 0.5 else [head, tail]
    written = [vertex + first_vertex for vertex in (*tokens, path[0], path[-1], *path)]
    return [*written[: len(tokens)], QUERY, *written[len(tokens) :], END]
