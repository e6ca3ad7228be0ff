"""Length-2 path as text against the oracles of the theory, its settings, and what shortcuts reach."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.tasks.graphs.draw import random_order
from experiments.tasks.two_hop import NO, NONE, YES, LengthTwoPath
from theory.encoding import check_edges
from theory.errors import InputError
from theory.oracles import length_2_paths_scipy


@st.composite
def tasks(draw: st.DrawFn) -> LengthTwoPath:
    degree = draw(st.integers(2, 9))
    vertices = draw(st.integers(max(8, 2 * degree + 2), 40))
    return LengthTwoPath(
        vertices=vertices,
        degree=degree,
        others=draw(st.integers(0, vertices)),
        answer=draw(st.sampled_from(["midpoint", "yes-no"])),
        absent=draw(st.sampled_from([0, 0.3, 0.5, 1.0])),
        ends=draw(st.sampled_from(["fixed", "random"])),
        encoding=draw(st.sampled_from(["vertices", "edges"])),
        seed=draw(st.integers(-9, 2**70)),
    )


def read(task: LengthTwoPath, tokens: torch.Tensor) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Edges ``[B, M, 2]``, ends ``[B, 2]`` and the texts of the answers, from the texts of the tokens."""
    texts = [[task.vocabulary[token] for token in row] for row in tokens.tolist()]
    listed = [row[: task.prompt - 3] for row in texts]
    if task.encoding == "vertices":
        listed = [[f"{a}>{b}" for a, b in zip(row[::2], row[1::2], strict=True)] for row in listed]
    edges = np.array([[list(map(int, edge.split(">"))) for edge in row] for row in listed])
    return edges, np.array([list(map(int, row[-3:-1])) for row in texts]), [row[-1] for row in texts]


@settings(max_examples=30, deadline=None)
@given(tasks())
def test_answers_are_those_of_the_oracle(task: LengthTwoPath) -> None:
    examples = task.examples("train", 0, 40)
    edges, ends, answers = read(task, examples.tokens)
    check_edges(edges, task.vertices)  # inside, and each once
    for graph, (source, target), answer in zip(edges, ends.tolist(), answers, strict=True):
        exists = bool(length_2_paths_scipy(graph[None], task.vertices, source, target)[0])
        if task.answer == "yes-no":
            assert answer == ("yes" if exists else "no")
        elif exists:
            assert {(source, int(answer)), (int(answer), target)} <= set(map(tuple, graph.tolist()))
        else:
            assert answer == "none"
        assert (graph[:, 0] == source).sum() == (graph[:, 1] == target).sum() == task.degree
        assert (graph[:, 1] != source).all() and (graph[:, 0] != target).all()
    if task.ends == "fixed":
        assert (ends == [0, task.vertices - 1]).all()
    assert (task.grade(examples, examples.answer)["correct"] == 1).all()
    assert torch.equal(replace(task).examples("train", 7, 5).tokens, examples.tokens[7:12])


def test_how_often_there_is_a_path_and_where() -> None:
    task = LengthTwoPath(vertices=12, degree=3, absent=0.25, others=4)
    edges, _, answers = read(task, task.examples("train", 0, 4000).tokens)
    assert answers.count("none") / 4000 == pytest.approx(0.25, abs=0.03)
    counts = np.bincount([int(answer) for answer in answers if answer != "none"], minlength=12)
    assert (counts[[0, 11]] == 0).all() and (abs(counts[1:11] / counts.sum() - 0.1) < 0.03).all()
    at_source = [(row[:, 0] == 0).nonzero()[0].mean() for row in edges]  # in no order
    assert np.mean(at_source) == pytest.approx((task.edge_count - 1) / 2, abs=0.1)


def test_no_graph_is_in_two_splits() -> None:
    task = LengthTwoPath(vertices=8, degree=2)

    def graphs(split: str, count: int) -> set[bytes]:
        tokens = task.examples(split, 0, count).tokens[:, : task.prompt - 3]  # type: ignore[arg-type]
        return {row.tobytes() for row in np.sort(tokens.numpy(), axis=1)}

    train, validation, test = graphs("train", 100_000), graphs("validation", 1000), graphs("test", 1000)
    assert train and validation and test and not (train & test or train & validation or validation & test)


def test_grades() -> None:
    task = LengthTwoPath(absent=0.5)
    examples = task.examples("test", 0, 200)
    right = examples.answer
    absent = right[:, 0] == NONE
    vertex = torch.full_like(right, task.text.first_vertex)
    for written, correct, decided in (
        (right, torch.ones(200), torch.ones(200)),
        (torch.full_like(right, NONE), absent, absent),
        (vertex, right[:, 0] == task.text.first_vertex, ~absent),
        (torch.full_like(right, 10**9), torch.zeros(200), torch.zeros(200)),
        (torch.full_like(right, -1), torch.zeros(200), torch.zeros(200)),
    ):
        graded = task.grade(examples, written)
        assert torch.equal(graded["correct"], correct.float()) and torch.equal(graded["decided"], decided.float())
    asked = replace(task, answer="yes-no")
    examples = asked.examples("test", 0, 50)
    graded = asked.grade(examples, torch.full_like(examples.answer, YES))
    assert torch.equal(graded["correct"], (examples.answer[:, 0] == YES).float())
    assert torch.equal(graded["decided"], graded["correct"])
    assert (asked.grade(examples, vertex[:50])["decided"] == (examples.answer[:, 0] == -1)).all()
    assert set(examples.answer.flatten().tolist()) == {YES, NO}


def test_shortcuts() -> None:
    plain = LengthTwoPath(degree=5, absent=0.2)
    examples = plain.examples("test", 0, 2000)
    measured = plain.baselines(examples)
    found = (examples.answer != NONE).double().mean().item()
    assert measured["most edges"]["correct"] == pytest.approx(found)  # the answer is the only vertex with two edges
    assert measured["most frequent answer"]["correct"] == pytest.approx(1 - found)
    assert measured["neighbour of the source"]["correct"] == pytest.approx(found / 5, abs=0.03)
    crowded = replace(plain, others=20)
    assert crowded.baselines(crowded.examples("test", 0, 1000))["most edges"]["correct"] < 0.5
    asked = replace(plain, answer="yes-no")
    assert asked.baselines(asked.examples("test", 0, 500))["a vertex with two edges"]["correct"] == 1


def test_shows_the_question() -> None:
    task = LengthTwoPath(vertices=8, degree=2, absent=0)
    tokens = task.examples("test", 0, 1).tokens
    edges, _, (answer,) = read(task, tokens)
    shown = task.show(tokens[0])
    assert shown.endswith(f"  From 0 to 7 by way of: {answer}") and f"0>{answer}" in shown
    assert shown.count(">") == len(edges[0])
    assert "in two steps" in replace(task, answer="yes-no").show(tokens[0])


def test_random_orders_are_permutations() -> None:
    order = random_order(np.random.default_rng(0), 500, 9)
    assert (np.sort(order, axis=1) == np.arange(9)).all() and len({row.tobytes() for row in order}) > 490


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"vertices": 3}, "vertices 3: give from 4"),
        ({"degree": 12}, "degree 12: source and target need 12 neighbours each"),
        ({"degree": 0}, "give 1 to 11"),
        ({"others": 300}, "others 300: 22 vertices have 0 to 231 edges"),
        ({"absent": 1.5}, "absent 1.5: it is a share"),
        ({"absent": float("nan")}, "absent nan"),
        ({"absent": "half"}, "absent 'half': it is a number"),
        ({"answer": "yes"}, "did you mean yes-no"),
    ],
)
def test_bad_settings(fields: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        LengthTwoPath(**fields)  # type: ignore[arg-type]
