"""The shortest-path task against networkx and scipy: what is drawn, what is right, and what shortcuts reach."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import shortest_path
from torch import Tensor

from experiments.tasks.graphs.text import ABSENT, END
from experiments.tasks.shortest_path import ShortestPath
from experiments.tasks.task import PAD, Examples
from theory.errors import InputError

MINIATURE = ShortestPath(vertices=8, family="tree", distances=(2, 3), encoding="edges")


def graphs_of(task: ShortestPath, tokens: Tensor) -> list[tuple[nx.Graph, int, int, list[int]]]:
    """Graph, source, target and path of every sequence, read from the texts of its tokens."""
    read = []
    for row in tokens.tolist():
        texts = [task.vocabulary[token] for token in row]
        edges = texts[: task.prompt - 3]
        if task.encoding == "vertices":
            edges = [f"{a}-{b}" for a, b in zip(edges[::2], edges[1::2], strict=True)]
        graph = nx.Graph(tuple(map(int, edge.split("-"))) for edge in edges if edge not in ("_", "_-_"))
        assert graph.number_of_edges() == task.edge_count  # none is listed twice
        assert texts[task.prompt - 3] == "?"
        answer = texts[task.prompt : texts.index("<end>")]
        assert set(texts[task.prompt + len(answer) + 1 :]) <= {"<pad>"}
        source, target = map(int, texts[task.prompt - 2 : task.prompt])
        read.append((graph, source, target, list(map(int, answer))))
    return read


@st.composite
def tasks(draw: st.DrawFn) -> ShortestPath:
    vertices = draw(st.integers(6, 80))
    family = draw(st.sampled_from(["uniform", "tree"]))
    most = vertices * (vertices - 1) // 2
    edges = draw(st.integers(vertices - 1, min(most, 3 * vertices)))
    return ShortestPath(
        vertices=vertices,
        edges=edges,
        family=family,
        distances=(draw(st.integers(1, 2)), draw(st.integers(2, 9))),
        encoding=draw(st.sampled_from(["vertices", "edges"])),
        labels=vertices + draw(st.sampled_from([0, 1, 20])),
        slots=edges + draw(st.sampled_from([0, 1, 7])),
        seed=draw(st.integers(-5, 2**65)),
    )


@settings(max_examples=25, deadline=None)
@given(tasks(), st.sampled_from(["train", "validation", "test"]))
def test_every_example_is_a_graph_with_its_first_shortest_path(task: ShortestPath, split: str) -> None:
    try:
        examples = task.examples(split, 0, 12)
    except InputError as error:  # a dense graph may have no two vertices at distance 2
        assert "there are too few graphs of this size" in str(error)
        return
    assert examples.tokens.shape == (12, task.length)
    for graph, source, target, path in graphs_of(task, examples.tokens):
        assert path == min(nx.all_shortest_paths(graph, source, target))
        assert task.distances[0] <= len(path) - 1 <= task.distances[1]
        assert len(graph) <= task.vertices and max(graph) < task.label_count
        if task.family == "tree":
            assert nx.is_connected(graph) and len(graph) == task.vertices
    graded = task.grade(examples, examples.answer)
    assert all((values == 1).all() for values in graded.values())


@pytest.mark.parametrize(
    "task",
    [
        ShortestPath(vertices=64, edges=400, family="tree", distances=(1, 3)),  # slots beyond a byte, a full word
        ShortestPath(vertices=130, edges=390, distances=(2, 12), labels=200),  # three words a set, four a label's
        ShortestPath(vertices=3, edges=2, family="tree", distances=(1, 2), labels=9),
    ],
    ids=["many edges", "many vertices", "tiny"],
)
def test_sizes_at_the_edges_of_words_and_bytes(task: ShortestPath) -> None:
    examples = task.examples("train", 0, 40)
    for graph, source, target, path in graphs_of(task, examples.tokens):
        assert path == min(nx.all_shortest_paths(graph, source, target))
    assert (task.grade(examples, examples.answer)["exact"] == 1).all()


@settings(max_examples=15, deadline=None)
@given(tasks(), st.integers(0, 9000), st.integers(0, 40), st.integers(1, 7))
def test_an_example_does_not_depend_on_how_it_is_asked_for(
    task: ShortestPath, first: int, count: int, step: int
) -> None:
    try:
        whole = task.examples("train", first, count).tokens
    except InputError:
        return
    again = replace(task)  # drawn anew
    parts = [again.examples("train", first + i, min(step, count - i)).tokens for i in range(0, count, step)]
    assert torch.equal(whole, torch.cat([whole[:0], *parts]))


def test_threads_change_nothing() -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = ShortestPath(vertices=12).examples("train", 100, 20_000).tokens
        torch.set_num_threads(3)
        assert torch.equal(one, ShortestPath(vertices=12).examples("train", 100, 20_000).tokens)
    finally:
        torch.set_num_threads(before)


def test_graphs_are_uniform() -> None:
    """All 20 graphs with 3 edges on 4 vertices, every order and orientation of an edge, every query, equally often."""
    task = ShortestPath(vertices=4, edges=3, distances=(1, 3))
    tokens = np.concatenate([task.examples("train", 0, 40_000).tokens.numpy()])
    pairs = tokens[:, :6].reshape(-1, 3, 2) - task.text.first_vertex
    for place in range(3):
        counts = Counter(map(tuple, pairs[:, place].tolist()))
        # Splits take whole graphs away, so that only the two directions of an edge are equally likely.
        for (a, b), count in counts.items():
            assert abs(count - counts[b, a]) < 5 * math.sqrt(count)
    connected = Counter(frozenset(map(frozenset, row)) for row in pairs.tolist())
    orders = Counter(tuple(map(frozenset, row)) for row in pairs.tolist())
    for graph, count in connected.items():
        ways = [orders[order] for order in orders if frozenset(order) == graph]
        assert len(ways) == 6 and max(abs(way - count / 6) for way in ways) < 5 * math.sqrt(count / 6)
    trees = [count for graph, count in connected.items() if nx.is_connected(nx.Graph(map(tuple, graph)))]
    spanning = [c for g, c in connected.items() if len(set().union(*g)) == 4]
    assert max(spanning) - min(spanning) < 6 * math.sqrt(np.mean(spanning)) and len(trees) > 10


def test_trees_are_uniform() -> None:
    task = ShortestPath(vertices=4, edges=3, family="tree", distances=(1, 3))
    pairs = task.examples("train", 0, 30_000).tokens.numpy()[:, :6].reshape(-1, 3, 2)
    counts = Counter(frozenset(map(frozenset, row)) for row in pairs.tolist())
    assert 10 <= len(counts) <= 16  # Cayley: 4^2 labelled trees, less those of other splits
    assert max(counts.values()) - min(counts.values()) < 6 * math.sqrt(30_000 / len(counts))


@pytest.mark.parametrize("task", [ShortestPath(vertices=5), MINIATURE, ShortestPath()], ids=["tiny", "small", "paper"])
def test_no_graph_is_in_two_splits(task: ShortestPath) -> None:
    def graphs(task: ShortestPath, split: str, count: int) -> set[bytes]:
        tokens = task.examples(split, 0, count).tokens.numpy()  # type: ignore[arg-type]
        tail, head = task.text.read_edges(tokens[:, : task.prompt - 3])
        codes = np.minimum(tail, head) * task.label_count + np.maximum(tail, head)
        return {row.tobytes() for row in np.sort(codes, axis=1).astype(np.int16)}

    train, validation, test = (
        graphs(task, "train", 100_000),
        graphs(task, "validation", 2000),
        graphs(task, "test", 2000),
    )
    assert train and validation and test
    assert not (train & test or train & validation or validation & test)
    assert not train & graphs(replace(task, seed=task.seed + 1), "test", 300)  # nor with another seed


def test_a_split_without_graphs_is_an_error() -> None:
    with pytest.raises(InputError, match="can be a test example: there are too few graphs"):
        ShortestPath(vertices=2, edges=1).examples("test", 0, 1)
    with pytest.raises(InputError, match="can be a train example"):
        ShortestPath(vertices=6, edges=15, distances=(2, 3)).examples("train", 0, 1)  # complete: all at distance 1


def brute_force(task: ShortestPath, examples: Examples, written: Tensor) -> list[dict[str, float]]:
    result = []
    for (graph, source, target, reference), row in zip(graphs_of(task, examples.tokens), written.tolist(), strict=True):
        walk = row[: row.index(END)] if END in row else []
        vertices = [token - task.text.first_vertex for token in walk]
        valid = bool(walk) and vertices[0] == source and vertices[-1] == target
        valid = valid and all(graph.has_edge(a, b) for a, b in pairwise(vertices))
        graph.add_nodes_from((source, target))
        distance = nx.shortest_path_length(graph, source, target)
        hop = [token - task.text.first_vertex for token in row[:2]]
        first = hop[0] == source and graph.has_edge(*hop)
        result.append(
            {
                "valid": valid,
                "correct": valid and len(walk) - 1 == distance,
                "exact": vertices == reference,
                "first_hop": first and nx.shortest_path_length(graph, hop[1], target) == distance - 1,
                "optimal": (len(walk) - 1 == distance) if valid else math.nan,
                "length_ratio": (len(walk) - 1) / distance if valid else math.nan,
            }
        )
    return result


@pytest.mark.parametrize(
    "task", [MINIATURE, ShortestPath(vertices=7, labels=9, slots=12), ShortestPath(vertices=70)], ids=["a", "b", "c"]
)
def test_grades_are_what_networkx_says(task: ShortestPath) -> None:
    """Right answers with tokens exchanged, cut off, repeated or from outside the vocabulary."""
    examples = task.examples("test", 0, 400)
    rng = np.random.default_rng(0)
    written = examples.answer.clone()
    width = written.shape[1]
    for row in range(100, 400):
        for _ in range(rng.integers(1, 4)):
            token = rng.choice([PAD, END, 2, 3, -1, 10**6, *range(4, 4 + task.label_count)])
            written[row, rng.integers(0, width)] = int(token)
    graded = task.grade(examples, written)
    for row, expected in enumerate(brute_force(task, examples, written)):
        for name, value in expected.items():
            assert graded[name][row].item() == pytest.approx(float(value), nan_ok=True), (row, name)
    assert set(graded["valid"][100:].tolist()) == {0.0, 1.0}


def test_any_shortest_path_is_correct_and_a_longer_one_is_valid() -> None:
    task = ShortestPath(vertices=10, edges=25, distances=(2, 6))
    examples = task.examples("test", 0, 200)
    others, longer = examples.answer.clone(), examples.answer.clone()
    has_other, has_longer = torch.zeros(200, dtype=torch.bool), torch.zeros(200, dtype=torch.bool)
    for row, (graph, source, target, path) in enumerate(graphs_of(task, examples.tokens)):
        for walk in nx.all_simple_paths(graph, source, target, cutoff=len(path)):
            tokens = [vertex + task.text.first_vertex for vertex in walk] + [END]
            tokens += [PAD] * (others.shape[1] - len(tokens))
            if len(walk) == len(path) and walk != path:
                others[row], has_other[row] = torch.tensor(tokens), True
            elif len(walk) == len(path) + 1:
                longer[row], has_longer[row] = torch.tensor(tokens), True
    assert has_other.sum() > 20 and has_longer.sum() > 100
    graded = task.grade(examples, others)
    assert (graded["correct"] == 1).all() and torch.equal(graded["exact"] == 0, has_other)
    graded = {name: values[has_longer] for name, values in task.grade(examples, longer).items()}
    assert (graded["valid"] == 1).all() and (graded["correct"] == 0).all() and (graded["optimal"] == 0).all()
    assert (graded["length_ratio"] > 1).all()


def test_what_follows_the_end_does_not_count_and_no_end_is_wrong() -> None:
    examples = MINIATURE.examples("test", 0, 100)
    written = examples.answer.clone()
    length = (written != PAD).sum(1)
    after = torch.arange(written.shape[1]) >= length[:, None]
    written[after] = END
    assert (MINIATURE.grade(examples, written)["exact"] == 1).all()
    written[after] = MINIATURE.text.first_vertex
    assert (MINIATURE.grade(examples, written)["correct"] == 1).all()
    written[written == END] = PAD
    graded = MINIATURE.grade(examples, written)
    assert (graded["correct"] == 0).all() and (graded["exact"] == 0).all() and (graded["valid"] == 0).all()
    assert (graded["first_hop"] == 1).all()
    written[:, 0] = END
    assert (MINIATURE.grade(examples, written)["valid"] == 0).all()
    with pytest.raises(InputError, match="written answers of shape"):
        MINIATURE.grade(examples, written[:, 1:])


def test_distances_are_those_of_scipy() -> None:
    task = ShortestPath(vertices=60, edges=90, distances=(1, 20))
    examples = task.examples("validation", 0, 60)
    for row, (graph, source, target, path) in zip(examples.tokens, graphs_of(task, examples.tokens), strict=True):
        tail, head = task.text.read_edges(row[None, : task.prompt - 3].numpy())
        matrix = coo_array((np.ones(tail.size), (tail[0], head[0])), shape=(60, 60))
        assert shortest_path(matrix, directed=False, unweighted=True, indices=source)[target] == len(path) - 1
        assert graph.has_edge(path[0], path[1])


def test_random_walks_take_the_steps_they_may() -> None:
    """A random neighbour is right on the first hop as often as the share of right neighbours says."""
    examples = MINIATURE.examples("test", 0, 3000)
    expected, reach = [], []
    for graph, source, target, path in graphs_of(MINIATURE, examples.tokens):
        distance = nx.single_source_shortest_path_length(graph, target)
        expected.append(np.mean([distance[v] == distance[source] - 1 for v in graph[source]]))
        reach.append(len(path) == 3 and np.mean([distance[v] == 1 for v in graph[source]]))
    measured = MINIATURE.baselines(examples)
    assert measured["random walk"]["first_hop"] == pytest.approx(np.mean(expected), abs=0.03)
    sight = measured["target in sight"]
    assert sight["correct"] > max(np.mean(reach), measured["random walk"]["correct"])
    assert measured["highest degree"]["first_hop"] > measured["random walk"]["first_hop"]
    assert MINIATURE.baselines(examples) == measured
    assert all(0 <= m["correct"] <= m["valid"] < 1 for m in measured.values())


def test_larger_graphs_keep_the_vocabulary() -> None:
    task = ShortestPath(vertices=10, edges=15, labels=30, slots=20, distances=(1, 5))
    larger = task.larger(12)
    assert (larger.vertices, larger.edges, larger.slots, larger.length) == (12, 18, 20, task.length)
    assert larger.vocabulary == task.vocabulary
    assert task.larger(30).slots == 45
    assert MINIATURE.larger(8).edge_count == 9
    for graph, *_ in graphs_of(larger, larger.examples("test", 0, 20).tokens):
        assert len(graph) <= 12
    seen = set(task.examples("train", 0, 500).tokens[:, :40].flatten().tolist())
    assert len(seen) == 31  # all 30 labels and the token for no edge
    with pytest.raises(InputError, match="vertices 31 with 30 labels"):
        task.larger(31)
    with pytest.raises(InputError, match="sequences of shortest-path have 100 tokens, the model 64 positions"):
        task.larger(30, positions=64)
    assert task.larger(12, positions=50) == larger
    tree = ShortestPath(vertices=8, edges=10, family="tree", labels=20)
    assert tree.larger(16).edges == 18  # 3 more than a tree has, as before
    assert ShortestPath(vertices=8, family="tree", labels=20).larger(16).edge_count == 17


def test_shows_a_graph_and_a_path() -> None:
    task = ShortestPath(vertices=6, edges=7, slots=9, distances=(2, 3))
    row = task.examples("test", 0, 1).tokens
    ((graph, source, target, path),) = graphs_of(task, row)
    shown = task.show(row[0])
    assert f"  From {source} to {target}.  To write: {' '.join(map(str, path))} <end>" in shown
    listed = shown.split("  ")[0].removeprefix("Edges: ").split()
    assert {frozenset(map(int, edge.split("-"))) for edge in listed} == set(map(frozenset, graph.edges))


def test_edges_are_read_as_written() -> None:
    for task in (MINIATURE, ShortestPath(vertices=9)):
        pairs = task.text.pairs
        tokens = np.zeros((1, pairs.count * task.text.per_edge), dtype=np.int32)
        task.text.write_edges(np.arange(pairs.count)[None].repeat(2, axis=0), np.array([1]), tokens)
        tail, head = task.text.read_edges(tokens)
        assert (np.sort((tail, head), axis=0)[:, 0] == np.sort((pairs.tail, pairs.head), axis=0)).all()
        assert task.text.read_vertices(np.array([0, 1, 2, 3, -7, 10**9])).tolist() == [ABSENT] * 6


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"vertices": 1}, "vertices 1: graphs have from 2"),
        ({"vertices": 2000}, "vertices 2000"),
        ({"vertices": 5, "edges": 11}, "edges 11: a uniform graph of 5 vertices has from 1 to 10"),
        ({"vertices": 5, "edges": 3, "family": "tree"}, "a tree graph of 5 vertices has from 4 to 10"),
        ({"vertices": 5, "labels": 4}, "labels 4: 5 vertices need 5"),
        ({"vertices": 5, "edges": 6, "slots": 5}, "slots 5 for 6 edges"),
        ({"distances": (0, 3)}, r"distances \(0, 3\)"),
        ({"distances": (3, 2)}, r"distances \(3, 2\)"),
        ({"distances": (1, 2, 3)}, "give the shortest and the longest"),
        ({"vertices": 5, "distances": (5, 6)}, "none is longer than 4"),
        ({"distances": "1,8"}, "distances '1,8': it is a list of whole numbers"),
        ({"family": "forest"}, "unknown family 'forest'"),
        ({"encoding": "edge"}, "did you mean edges"),
        ({"edges": 1.5}, "edges 1.5: it is a whole number"),
    ],
)
def test_bad_settings(fields: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        ShortestPath(**fields)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
