"""``parrots train`` and ``parrots evaluate`` as a user calls them."""

from __future__ import annotations

import json
import sys

import pytest
from tiny_plan import FLAGS

from experiments.cli import main


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "run"
    assert main(["train", *FLAGS, "--steps", "8", "--out", str(out), "--tensorboard"]) == 0
    return out


def test_an_example_and_the_shortcuts_come_before_training(tmp_path, capsys):
    assert main(["train", *FLAGS, "--steps", "2", "--out", str(tmp_path), "--json"]) == 0
    said = capsys.readouterr()
    assert said.err.index("example: Given:") < said.err.index("shortcut ")
    assert json.loads(said.out)["last"]["step"] == 2


def test_the_board_is_written(run):
    assert list((run / "tensorboard").glob("events*"))


def test_evaluate_grades_beside_shortcuts(run, capsys):
    assert main(["evaluate", str(run), "--json"]) == 0
    payload = json.loads(capsys.readouterr().out)
    assert payload["examples"] == 40
    correct = payload["metrics"]["correct"]
    assert correct["method"] == "Wilson, n = 40"
    assert correct["low"] <= correct["value"] <= correct["high"]
    assert all("correct" in reached for reached in payload["baselines"].values())
    assert len(payload["routing"]["layers"]) == 2
    assert main(["evaluate", str(run), "--model", "last"]) == 0


def test_a_dry_run_counts_and_writes_nothing(tmp_path, capsys):
    out = tmp_path / "none"
    assert main(["train", *FLAGS, "--dry-run", "--json", "--out", str(out)]) == 0
    payload = json.loads(capsys.readouterr().out)
    assert payload["active_parameters"] < payload["parameters"] < payload["memory_bytes"]
    assert not out.exists()


def test_help_lists_tasks_and_routers(capsys):
    assert main(["train", "--help"]) == 0
    said = capsys.readouterr().out
    assert "Task phone-book" in said and "Router token-choice" in said and "--learning-rate" in said


BOOK, GRAPHS = ("train", "phone-book"), ("train", "shortest-path")
MIXTURE = (*BOOK, "--router", "token-choice")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("train", "phonebook"), "unknown task 'phonebook': did you mean phone-book?"),
        ((*BOOK, "--router", "token-choise"), "did you mean token-choice?"),
        ((*MIXTURE, "--experts", "2", "--top-k", "3"), "top_k 3 of 2 experts"),
        ((*MIXTURE, "--set", "router.capacity=0"), "capacity 0.0 is not allowed"),
        ((*BOOK, "--top-k", "2"), "--top-k without a router"),
        ((*BOOK, "--router", "soft", "--top-k", "2"), "router soft has none"),
        ((*BOOK, "--width", "30", "--heads", "4"), "give a width that is a multiple of 8"),
        ((*BOOK, "--positions", "3"), "give --positions 8 or more"),
        ((*BOOK, "--set", "task.entries=1000", "task.letters=1"), "give at most 26 entries"),
        ((*BOOK, "--set", "entries=10"), "say whose field it is"),
        ((*BOOK, "--set", "task.entry=10"), "did you mean entries?"),
        ((*BOOK, "--steps", "0"), "--steps 0 is not allowed"),
        ((*BOOK, "--schedule", "step"), "--schedule takes one of 'cosine', 'linear'"),
        ((*BOOK, "--width", "200000", "--layers", "100"), "the model does not fit"),
        ((*BOOK, "--batch", "1000000000"), "not enough memory"),
        ((*BOOK, "--steps", str(2**63)), "--steps 9223372036854775808 is not allowed: give a whole number below 2**63"),
        ((*BOOK, "--seed", str(2**64)), "give a whole number below 2**63"),
        ((*BOOK, "--set", "task.letters=100000000"), "give fewer letters"),
        ((*BOOK, "--set", "task.letters=100000000", "task.placed=true"), "give fewer letters"),
        ((*BOOK, "--set", "task.letters=9", "task.entries=1000000000"), "a book has at most 100000000"),
        ((*BOOK, "--router", "unequal", "--experts", str(10**9)), "the model does not fit"),
        ((*BOOK, "--router", "unequal", "--set", "router.spreads=0.999"), "leaves the smaller expert none"),
        ((*GRAPHS, "--positions", "50"), "tokens, the model 50 positions"),
        (("evaluate", "/no/such/run"), "holds no run"),
    ],
)
def test_bad_input_is_one_line(words, said, tmp_path, capsys):
    where = ("--out", str(tmp_path / "run")) if words[0] == "train" else ()
    assert main([*words, *where]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("--set", "task.digits=9"),
            "have 12 tokens, the model 4 positions",
        ),
        (("--set", "task.alphabet=9"), "not all the same"),
        (("--vertices", "9"), "has no graphs"),
        (("--examples", "0"), "--examples 0 is not allowed"),
        (("--examples", str(10**30), "--split", "train"), "this machine has"),
    ],
)
def test_what_the_model_does_not_know_is_not_asked(run, words, said, capsys):
    assert main(["evaluate", str(run), *words]) == 2
    assert said in capsys.readouterr().err


def test_more_sequences_together_than_there_are_is_all_of_them(run, capsys):
    assert main(["evaluate", str(run), "--batch", str(10**30)]) == 0


def test_a_folder_of_something_else_is_left_alone(tmp_path, capsys):
    (tmp_path / "thesis.tex").write_text("")
    assert main(["train", *FLAGS, "--out", str(tmp_path)]) == 2
    assert "holds thesis.tex, which is no training run" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rope_base": "x"}, "no readable configuration of a decoder"),
        ({"router": 5}, "no readable configuration of a decoder"),
        ({"router": {"name": ["soft"]}}, "no readable configuration of a decoder"),
        ({"router": {"name": "unequal", "experts": 2, "spreads": 5}}, "no readable configuration of a decoder"),
    ],
)
def test_an_edited_plan_is_refused_in_one_line(run, tmp_path, change, said, capsys):
    plan = json.loads((run / "run.json").read_text())
    (tmp_path / "run.json").write_text(json.dumps(plan | {"model": plan["model"] | change}))
    assert main(["evaluate", str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


def test_a_plan_nested_too_deeply_is_refused(tmp_path, capsys):
    (tmp_path / "run.json").write_text("[" * 100_000)
    assert main(["evaluate", str(tmp_path)]) == 2
    assert "no readable plan" in capsys.readouterr().err


def test_a_missing_extra_is_named_with_its_pip_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    assert main(["train", *FLAGS, "--steps", "2", "--out", str(tmp_path), "--tensorboard"]) == 2
    assert "pip install 'mixture-of-parrots[tensorboard]'" in capsys.readouterr().err


def test_want_of_memory_says_what_was_needed(tmp_path, monkeypatch, capsys):
    from experiments.training.trainer import Trainer

    def fails(*_):
        raise MemoryError

    monkeypatch.setattr(Trainer, "step", fails)
    assert main(["train", *FLAGS, "--steps", "2", "--out", str(tmp_path)]) == 2
    assert "GiB for weights, gradients and AdamW" in capsys.readouterr().err
