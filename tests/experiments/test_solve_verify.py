"""The commands constructions, solve and verify, as a user calls them: answers, JSON, exit codes, refusals."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args, get_type_hints

import networkx as nx
import pytest

from experiments.cli import main
from experiments.cli.commands.solve import Solve
from parrots.constructions import CONSTRUCTIONS
from theory import statements
from theory.questions import QUESTIONS


def call(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any, str]:
    """Exit code, the object on standard output and the text on standard error of a command with ``--json``."""
    code = main([*words, "--json"])
    captured = capsys.readouterr()
    return code, json.loads(captured.out), captured.err


def solve(capsys: pytest.CaptureFixture[str], graph: object, source: object, target: object, *more: str) -> Any:
    words = ("solve", str(graph), "--source", str(source), "--target", str(target))
    construction = () if "--construction" in more else ("--construction", "packed")
    return call(capsys, *words, *construction, *more)


def test_karate_club(capsys: pytest.CaptureFixture[str]) -> None:
    code, result, errors = solve(capsys, "karate_club_graph", 0, 33)
    assert code == 0
    assert result == {
        "question": "length-2-path",
        "answer": True,
        "oracle": True,
        "construction": "packed",
        "statement": "own-packed",
        "vertices": 34,
        "width": 8,
        "heads": 1,
        "bits": 13,
        "neurons": 217,
    }
    assert "both directions" in errors


def test_karate_club_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    for source, says in (("0", "yes, there is a length-2 path from 0 to 33"), ("16", "no, there is no length-2 path")):
        words = ["solve", "karate_club_graph", "--construction", "dense", "--source", source, "--target", "33"]
        assert main(words) == 0  # "no" is a good answer
        shown = capsys.readouterr().out
        assert says in shown and "networkx agrees" in shown


@pytest.mark.parametrize("construction", CONSTRUCTIONS)
def test_every_pair_of_a_small_graph(capsys: pytest.CaptureFixture[str], construction: str) -> None:
    graph = nx.krackhardt_kite_graph()
    for source, target in [(0, 9), (9, 6), (7, 9), (3, 8), (8, 3)]:
        expected = bool(set(graph[source]) & set(graph[target]))
        more = ("--construction", construction)
        code, result, _ = solve(capsys, "krackhardt_kite_graph", source, target, *more)
        assert (code, result["answer"], result["oracle"]) == (0, expected, expected)


def test_fewer_digits_need_more_width(capsys: pytest.CaptureFixture[str]) -> None:
    sizes = [solve(capsys, "karate_club_graph", 0, 33, "--digits", g)[1] for g in ("1", "3", "5")]
    assert [size["width"] for size in sizes] == [33, 12, 8]
    assert [size["bits"] for size in sizes] == [7, 10, 13]


DIRECTED = "s a\ns b\nb t\ns t\n"
"""A star instance from s to t with a path through b and the edge (s, t)."""


@pytest.mark.parametrize("construction", ["dense", "packed", "two-layer", "three-layer"])
@pytest.mark.parametrize("question", QUESTIONS)
def test_every_question_on_star_instances(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, question: str, construction: str
) -> None:
    """With a path, without it, and with the edge (s, t) alone, which counts for some questions."""
    seen = []
    for lines in (DIRECTED, DIRECTED.replace("b t\n", "c t\n"), DIRECTED.replace("b t\ns t\n", "c t\n")):
        (tmp_path / "g.txt").write_text(lines)
        more = ("--construction", construction, "--question", question)
        code, result, _ = solve(capsys, tmp_path / "g.txt", "s", "t", *more)
        assert (code, result["question"], result["construction"]) == (0, question, construction)
        assert result["answer"] == result["oracle"]
        seen.append(result["answer"])
    assert seen == [True, QUESTIONS[question].direct, False]


@pytest.mark.parametrize("construction", ["dense", "packed", "two-layer", "three-layer"])
@pytest.mark.parametrize("question", ["distance-at-most-2", "reachable-in-two"])
def test_distance_on_any_graph(capsys: pytest.CaptureFixture[str], question: str, construction: str) -> None:
    graph, seen = nx.krackhardt_kite_graph(), set()
    for source, target in [(0, 1), (0, 9), (9, 7), (8, 9), (3, 9), (5, 4)]:
        expected = nx.shortest_path_length(graph, source, target) <= 2
        more = ("--construction", construction, "--question", question)
        code, result, _ = solve(capsys, "krackhardt_kite_graph", source, target, *more)
        assert (code, result["answer"], result["oracle"]) == (0, expected, expected)
        seen.add(expected)
    assert seen == {True, False}


def test_questions_are_those_of_the_command() -> None:
    assert tuple(QUESTIONS) == get_args(get_type_hints(Solve)["question"])


def test_answers_are_said_in_words(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "g.txt").write_text("s a\na t\n")
    words = ["solve", str(tmp_path / "g.txt"), "--construction", "two-layer", "--source", "s", "--target", "t"]
    assert main([*words, "--question", "triangle"]) == 0
    assert "yes, there is a directed 3-cycle once (t, s) is an edge" in capsys.readouterr().out


FILES = {
    "g.txt": "# friends\nanna bert\nbert cécile\nbert bert\nanna bert\ndora anna\n",
    "g.csv": "from,to,since\nanna,bert,2019\nbert,cécile,2020\nbert,bert,1\nanna,bert,2\ndora,anna,2021\n",
    "g.graphml": '<graphml xmlns="http://graphml.graphdrawing.org/xmlns"><graph edgedefault="directed">'
    + "".join(
        f'<edge source="{u}" target="{v}"/>'
        for u, v in [("anna", "bert"), ("bert", "cécile"), ("bert", "bert"), ("anna", "bert"), ("dora", "anna")]
    )
    + "</graph></graphml>",
}


@pytest.mark.parametrize("name", FILES)
def test_files_of_every_format(capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(FILES[name], encoding="utf-8")
    for source, target, expected in (("anna", "cécile", True), ("cécile", "anna", False), ("dora", "bert", True)):
        code, result, errors = solve(capsys, tmp_path / name, source, target)
        assert (code, result["answer"], result["oracle"], result["vertices"]) == (0, expected, expected, 4)
        assert "dropped 1 self-loop" in errors and "merged 1 duplicate edge" in errors


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["karate_club_graph", "--source", "0", "--target", "0"], "both '0'"),
        (["karate_club_graph", "--source", "0", "--target", "00"], "both '0'"),
        (["karate_club_graph", "--source", "x", "--target", "0"], "source 'x' is not one of the 34 vertices"),
        (["karate_club_graph", "--source", "0", "--target", "34"], "target '34'"),
        (["karate_club_graph", "--source", "0", "--target", "1", "--construction", "pakced"], "did you mean packed"),
        (["karate_club_graph", "--source", "0", "--target", "1", "--digits", "0"], "digits 0"),
        (["karate_club_graph", "--source", "0", "--target", "1", "--digits", "9"], "give 1 to 8"),
        (["karate_club_graph", "--source", "0", "--target", "1", "--digits", "x"], "whole number"),
        (["karate_club_graph", "--source", "0", "--target", "1", "--construction", "dense", "--digits", "2"], "leave"),
        (["karate_club_graph", "--source", "0", "--target", "1", "--question", "connected"], "131 of 156 edges"),
        (["karate_club_graph", "--source", "0", "--target", "1", "--question", "triangle"], "star instances only"),
        (["karate_club_graph", "--source", "0", "--target", "1", "--question", "cycle"], "question"),
        (
            [
                "karate_club_graph",
                "--source",
                "0",
                "--target",
                "1",
                "--construction",
                "soft-moe",
                "--question",
                "distance-at-most-2",
            ],
            "does not count the edge from source to target",
        ),
        (["no_such_file.csv", "--source", "0", "--target", "1"], "neither a file"),
        (["path.txt", "--source", "0", "--target", "2"], "GiB, the limit is 4.0 GiB"),
    ],
)
def test_bad_input_ends_with_2_and_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("path.txt").write_text("".join(f"{i} {i + 1}\n" for i in range(40_000)))
    more = [] if "--construction" in words else ["--construction", "packed"]
    code, result, errors = call(capsys, "solve", *words, *more)
    assert code == 2
    assert says in result["error"] and "\n" not in result["error"]
    assert "Traceback" not in errors


def test_a_model_that_disagrees_with_networkx_ends_with_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = replace(QUESTIONS["length-2-path"], oracle=lambda *_: False)
    monkeypatch.setitem(QUESTIONS, "length-2-path", wrong)
    code, result, _ = solve(capsys, "karate_club_graph", 0, 33)
    assert (code, result["answer"], result["oracle"]) == (1, True, False)
    assert main(["solve", "karate_club_graph", "--construction", "packed", "--source", "0", "--target", "33"]) == 1
    assert "DISAGREES" in capsys.readouterr().out


def test_constructions_are_listed_whole_in_a_narrow_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "72")
    assert main(["constructions"]) == 0
    shown = capsys.readouterr().out
    for name, entry in CONSTRUCTIONS.items():
        assert f"{name} ({entry.statement}): " in shown
    assert "…" not in shown


def test_constructions_are_listed_with_known_statements(capsys: pytest.CaptureFixture[str]) -> None:
    code, rows, _ = call(capsys, "constructions")
    assert code == 0
    assert [row["name"] for row in rows] == list(CONSTRUCTIONS)
    for row in rows:
        assert row["statement"] in statements.ids()
        assert row["depth"] in (1, 2, 3) and row["width"] and row["neurons"] and row["bits"] and row["beta"]


@pytest.mark.parametrize(
    ("words", "methods"),
    [
        (("--construction", "packed", "--vertices", "5"), {"all-inputs", "by-cases", "samples", "direct"}),
        (("--construction", "dense", "--vertices", "50"), {"by-cases", "samples", "direct"}),
        (("--construction", "two-layer", "--vertices", "9"), {"samples", "direct"}),
        (("--construction", "packed", "--vertices", "300"), {"by-cases"}),
    ],
)
def test_verify_says_how(capsys: pytest.CaptureFixture[str], words: tuple[str, ...], methods: set[str]) -> None:
    code, rows, errors = call(capsys, "verify", *words)
    assert (code, errors) == (0, "")
    assert {row["method"] for row in rows} == methods
    for row in rows:
        assert {"construction", "vertices", "method", "inputs", "wrong"} <= set(row)
        assert (row["construction"], row["vertices"], row["wrong"]) == (words[1], int(words[3]), 0)
        assert row["inputs"] > 0


def test_verify_ends_with_1_when_a_model_is_wrong(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every digit of `packed` becomes 1, so that one vertex counted twice looks like two vertices counted once."""
    monkeypatch.setattr("parrots.constructions.packed.BASE", 1)
    code, rows, _ = call(capsys, "verify", "--construction", "packed", "--vertices", "6")
    assert code == 1
    assert all(any(row["wrong"] for row in rows if row["method"] == method) for method in ("all-inputs", "by-cases"))
    assert main(["verify", "--construction", "packed", "--vertices", "6"]) == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--construction", "sparse"), "unknown construction 'sparse'"),
        (("--vertices", "2"), "give 3 or more"),
        (("--vertices", "1000000"), "22,351.7 GiB"),
        (("--vertices", "many"), "whole number"),
    ],
)
def test_verify_refuses_bad_input(capsys: pytest.CaptureFixture[str], words: tuple[str, ...], says: str) -> None:
    code, result, _ = call(capsys, "verify", *words)
    assert code == 2 and says in result["error"] and "\n" not in result["error"]
