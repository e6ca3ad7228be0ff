"""``parrots bench tasks``: both sides draw the same law of graphs, ratios are of what was measured, ours is checked."""

from __future__ import annotations

import json
import random

import networkx as nx
import pytest

from experiments.bench import tasks
from experiments.bench.tasks import HEAD, Rates, check, measure
from experiments.cli import main
from experiments.tasks.shortest_path import ShortestPath

RATES = Rates(50, 75, 2, 1000, 10, ours=(1e-6, 2e-6), loop=(1e-4, 1e-4), loop_with_tokens=(2e-4, 3e-4))


def test_prints_rates_and_ratios(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(tasks, "SIZES", ((50, 75, 2, 1000),))
    monkeypatch.setattr(tasks, "measure", lambda *size: RATES)
    assert main(["bench", "tasks", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert row["ratio"] == pytest.approx(100) and row["ratio_with_tokens"] == pytest.approx(200)
    assert row["ratio_of_processor_time"] == pytest.approx(50) and row["graphs_a_second"] == pytest.approx(1e6)
    assert main(["bench", "tasks"]) == 0
    assert "1,000,000" in capsys.readouterr().out
    assert len(RATES.cells()) == len(HEAD)


def test_measures_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "LOOPED", 5)
    monkeypatch.setattr(tasks, "CHECKED", 20)
    rates = measure(12, 18, 1, 3000, rounds=2)
    assert (rates.vertices, rates.edges, rates.threads, rates.graphs, rates.checked) == (12, 18, 1, 3000, 20)
    assert rates.ratio > 1 and rates.loop_with_tokens[0] > 0  # thousands of graphs in batches beat five in a loop


def test_both_sides_make_the_same_kind_of_sequence() -> None:
    task, rng = ShortestPath(vertices=12, edges=18), random.Random(0)
    for _ in range(20):
        graph, path = tasks._graph_and_path(task, rng)
        row = tasks._sequence(graph, path, rng, task.text.first_vertex)
        padded = row + [0] * (task.length - len(row))
        written = task.examples("train", 0, 1).tokens.new_tensor([padded])
        check(task, written)  # reads it as one of ours
        assert nx.is_path(graph, path)


@pytest.mark.parametrize("place", [0, -1])
def test_a_wrong_path_is_found(place: int) -> None:
    task = ShortestPath(vertices=12, edges=18, distances=(3, 8))
    tokens = task.examples("train", 0, 5).tokens
    check(task, tokens)
    if place == 0:  # the path leaves from elsewhere
        tokens[3, task.prompt] = tokens[3, task.prompt + 1]
    else:  # not all edges are there
        tokens[3, 0], tokens[3, 1] = tokens[3, 2], tokens[3, 3]
    with pytest.raises(RuntimeError, match="example 3 is wrong"):
        check(task, tokens)
