"""The probes' questions: every answer by networkx, balance, held-out examples, shortcuts, and a folder kept whole."""

from __future__ import annotations

import json
import re
from collections import Counter

import pytest
from probe_oracle import graph_of, has_length_two_path, number_in_list, shortest_paths

from experiments.cli import main
from experiments.probes import books, paths
from experiments.probes.probe import SHOTS
from experiments.probes.words import WORDS
from theory.errors import InputError

SIZES = (4, 5, 16, 33)


@pytest.fixture(scope="module", params=SIZES)
def length_two(request):
    return paths.length_two(request.param, 31, seed=3)


@pytest.fixture(scope="module", params=SIZES)
def shortest(request):
    return paths.shortest_path(request.param, 30, seed=3)


def test_a_path_of_two_edges_is_there_iff_the_answer_is_yes(length_two):
    for item in (*length_two.asked, *length_two.shown):
        assert item["answer"] == ("yes" if has_length_two_path(item["prompt"]) else "no")


def test_half_of_the_answers_are_yes(length_two):
    assert Counter(item["answer"] for item in length_two.asked) == {"yes": 16, "no": 15}
    assert Counter(item["answer"] for item in length_two.shown) == {"yes": SHOTS // 2, "no": SHOTS // 2}


def test_neither_edges_nor_degrees_of_the_ends_tell_the_answer(length_two):
    r, seen = length_two.size, set()
    for item in length_two.asked:
        graph = graph_of(item["prompt"])
        source, target = re.search(r"edges (\w+) -> X and X -> (\w+)\?", item["prompt"]).groups()
        seen.add((graph.number_of_edges(), graph.out_degree(source), graph.in_degree(target)))
        assert graph.in_degree(source) == graph.out_degree(target) == 0
    assert seen == {(2 * max(1, r // 3) + r, max(1, r // 3), max(1, r // 3))}


def test_the_shortest_path_is_the_only_one(shortest):
    for item in (*shortest.asked, *shortest.shown):
        assert shortest_paths(item["prompt"]) == [item["answer"]]
        assert item["answer"].count(" - ") == item["steps"] >= 2
        graph = graph_of(item["prompt"]).to_undirected()
        assert graph.number_of_edges() == shortest.size + shortest.size // 8


def question(item):
    edges, asked, _ = item["prompt"].split("\n")
    return frozenset(edges.split(": ")[1].split(", ")), asked


@pytest.mark.parametrize("make", [paths.length_two, paths.shortest_path])
def test_no_question_is_asked_twice_or_shown_and_asked(make):
    probe = make(4, 300, seed=1)
    questions = [question(item) for item in (*probe.asked, *probe.shown)]
    assert len(set(questions)) == len(questions) == 300 + SHOTS


@pytest.mark.parametrize("make", [paths.length_two, paths.shortest_path, books.open_book, books.closed_book])
def test_a_seed_gives_the_same_questions_and_another_seed_others(make):
    assert make(8, 20, 5) == make(8, 20, 5)
    assert not {item["prompt"] for item in make(8, 20, 5).asked} & {item["prompt"] for item in make(8, 20, 6).asked}


def test_shortcuts_are_what_the_rules_get_right(length_two):
    counts = [Counter(re.findall("[a-z]+", item["prompt"].split("\n")[0])) for item in length_two.asked]
    yes = [item["answer"] == "yes" for item in length_two.asked]
    for name, values in (
        ("threshold of vertices listed", [len(one) for one in counts]),
        ("threshold of edges at a vertex", [max(one.values()) for one in counts]),
    ):
        right = [
            sum((value <= limit) is (answer is sense) for value, answer in zip(values, yes, strict=True)) / len(yes)
            for limit in range(-1, max(values) + 1)
            for sense in (True, False)
        ]
        assert length_two.shortcuts[name] == pytest.approx(max(right))
    assert length_two.shortcuts["most frequent answer"] == 16 / 31


def test_shortcuts_of_paths_stay_below_a_search(shortest):
    assert set(shortest.shortcuts) == {"random walk", "no return", "highest degree", "target in sight"}
    assert shortest.size < 16 or max(shortest.shortcuts.values()) < 0.7


def test_the_open_book_holds_the_answer_once_and_no_name_is_shown_and_asked():
    probe = books.open_book(8, 40, seed=2)
    for item in (*probe.asked, *probe.shown):
        assert number_in_list(item["prompt"]) == item["answer"]
        assert item["prompt"].count("\n") == 8
    asked, shown = ({name for item in part for name in re.findall("of ([a-z ]+?) is", item["prompt"])} for part in
                    (probe.asked, probe.shown))  # fmt: skip
    assert not asked & shown and len(shown) == 8 * SHOTS
    places = Counter([line.endswith(f" {item['answer']}.") for line in item["prompt"].split("\n")].index(True)
                     for item in probe.asked)  # fmt: skip
    assert len(places) > 4 and probe.shortcuts["last number of the list"] == places[7] / 40


def test_the_closed_book_is_learned_from_its_texts_and_found_in_no_prompt():
    probe = books.closed_book(50, 30, seed=2)
    texts = [f"{item['prompt']} {item['answer']}." for item in probe.asked]
    assert tuple(texts) == probe.to_learn[:30]
    assert len(set(probe.to_learn)) == len({text.rsplit(" ", 1)[0] for text in probe.to_learn}) == 50
    assert not any(re.search(r"\d", item["prompt"]) for item in (*probe.asked, *probe.shown))
    assert not any(text.startswith(item["prompt"]) for item in probe.shown for text in probe.to_learn)
    assert len(probe.shown) == SHOTS


def test_a_larger_book_begins_with_the_smaller_one():
    small, large = (books.closed_book(entries, 10, seed=4) for entries in (20, 300))
    assert large.to_learn[:20] == small.to_learn
    assert large.asked[0]["prompt"] == small.asked[0]["prompt"]


def test_a_book_smaller_than_the_questions_is_asked_whole():
    assert len(books.closed_book(12, 500, seed=0).asked) == 12


def test_no_name_begins_another_or_stands_in_a_prompts_own_words():
    assert len(set(WORDS)) == len(WORDS) and all(re.fullmatch("[a-z]{3,8}", word) for word in WORDS)
    assert not [(a, b) for a in WORDS for b in WORDS if a != b and b.startswith(a)]
    made = [paths.length_two(4, 2, 0), paths.shortest_path(4, 2, 0), books.open_book(4, 2, 0)]
    for probe in made:
        one, other = (Counter(re.findall("[a-z]+", item["prompt"].lower())) for item in probe.asked)
        assert set(one & other) - set(WORDS) and not {"yes", "no"} & set(WORDS)


def test_the_patterns_take_the_answer_and_nothing_else():
    path, number = paths.shortest_path(4, 2, 0).pattern, books.PATTERN
    assert re.findall(path, " apple - bell - crown") == ["apple - bell - crown"]
    assert not re.findall(path, " apple -> bell") and not re.findall(path, "The path is apple - bell.")
    assert re.findall(number, " 0471") == ["0471"] and not re.findall(number, "It is 0471")


@pytest.mark.parametrize(
    ("make", "size"),
    [(paths.length_two, 3), (paths.length_two, 139), (paths.shortest_path, 141), (paths.shortest_path, 0)],
)
def test_sizes_without_names_are_refused(make, size):
    with pytest.raises(InputError, match=f"vertices {size}: graphs have from 4 to"):
        make(size, 4, 0)


SMALL = ["--vertices", "4", "6", "--entries", "20", "--examples", "6"]


def said(capsys, words, code=0):
    assert main(["probes", *map(str, words), "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_the_folder_is_written_once_and_never_over(tmp_path, capsys):
    out = tmp_path / "probes"
    told = said(capsys, ["--out", out, *SMALL])
    assert [task["task"] for task in told["tasks"]] == [
        "parrots_length2_4", "parrots_length2_6", "parrots_shortest_path_4", "parrots_shortest_path_6",
        "parrots_open_book_4", "parrots_open_book_6", "parrots_closed_book_20",
    ]  # fmt: skip
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in out.iterdir()}
    said(capsys, ["--out", out, *SMALL])
    assert "holds another" in said(capsys, ["--out", out, *SMALL, "--seed", "1"], 2)["error"]
    assert "holds another" in said(capsys, ["--out", out, *SMALL, "--tasks", "length2"], 2)["error"]
    assert before == {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in out.iterdir()}
    (out / "README.md").unlink()
    said(capsys, ["--out", out, *SMALL])
    assert {path.name for path in out.iterdir()} == set(before)


def test_a_folder_with_something_else_is_refused(tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("mine")
    error = said(capsys, ["--out", tmp_path, *SMALL], 2)["error"]
    assert "holds 'notes.txt', which is none of these files: give a new or empty folder" in error
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    assert "is a file" in said(capsys, ["--out", tmp_path / "notes.txt", *SMALL], 2)["error"]


def test_the_readme_names_what_lm_eval_is_to_run(tmp_path, capsys):
    said(capsys, ["--out", tmp_path, *SMALL])
    text = (tmp_path / "README.md").read_text()
    assert "--include_path . --tasks parrots_probes" in text and "parrots_closed_book_20.learn.jsonl" in text
    table = re.findall(r"^\| (\w+) \| \d+ \| \w+ \| (.+) \| ([\d.]+) \|$", text, re.MULTILINE)
    kept = json.loads((tmp_path / "shortcuts.json").read_text())
    assert {(task, rule, float(share)) for task, rule, share in table} == {
        (task, rule, round(share, 3)) for task, rules in kept.items() for rule, share in rules.items()
    }


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--tasks", "open-book", "--vertices", "0"], "vertices 0: 500 open books have from 1 to 20,000 entries each"),
        (["--tasks", "open-book", "--vertices", "20001"], "vertices 20001: 500 open books"),
        (["--tasks", "length3"], "unknown probe 'length3': did you mean length2"),
        (["--examples", "1"], "--examples 1: give from 2 to 100,000"),
        (["--vertices", "3"], "vertices 3: graphs have from 4 to 138"),
        (["--tasks", "closed-book", "--entries", "0"], "entries 0: a phone-book needs 1 or more"),
        (["--tasks", "closed-book", "--entries", "8000000"], "7311616 names"),
        (["--tasks"], "--tasks"),
    ],
)
def test_bad_requests_are_one_line_and_write_nothing(tmp_path, capsys, words, line):
    error = said(capsys, ["--out", tmp_path / "new", *words], 2)["error"]
    assert line in error and "\n" not in error and not (tmp_path / "new").exists()
