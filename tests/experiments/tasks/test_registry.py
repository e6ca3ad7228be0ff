"""Tasks are found by scanning their folder, and go to JSON and back."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import experiments.tasks as tasks
from experiments.tasks import PAD, SPLITS, TASKS, Task, get, task_from_json
from theory.errors import InputError


def test_every_task_has_what_a_task_needs() -> None:
    assert "phone-book" in TASKS
    for name, kind in TASKS.items():
        task = kind()
        assert isinstance(task, Task) and task.name == name
        assert task.vocabulary[PAD] == "<pad>" and len(set(task.vocabulary)) == len(task.vocabulary)
        examples = task.examples("train", 0, 64)
        assert examples.tokens.shape == (64, task.length) and examples.prompt == task.prompt
        assert examples.tokens.min() >= 0 and examples.tokens.max() < len(task.vocabulary)
        assert (examples.tokens[:, : task.prompt] != PAD).all() and (examples.answer[:, 0] != PAD).all()
        graded = task.grade(examples, examples.answer)
        assert graded["correct"].shape == (64,) and graded["correct"].all()
        for metrics in task.baselines(examples).values():
            assert 0 <= metrics["correct"] <= 1
        assert "\x00" not in task.show(examples.tokens[0]) and task.show(examples.tokens[0])


def test_json_and_back() -> None:
    for kind in TASKS.values():
        task = kind(seed=3)
        assert task_from_json(json.loads(json.dumps(task.to_json()))) == task
        assert task_from_json({"name": kind.name}) == kind()


def test_a_file_in_the_folder_is_a_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "extra_task.py").write_text(
        "from dataclasses import dataclass\n"
        "from experiments.tasks.phone_book import PhoneBook  # imported, not defined here\n"
        "@dataclass(frozen=True)\n"
        "class Extra(PhoneBook):\n"
        "    name = 'extra'\n"
    )
    monkeypatch.setattr(tasks, "__path__", [*tasks.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, "experiments.tasks.extra_task", raising=False)
    try:
        assert set(tasks._scan()) == {*TASKS, "extra"}
    finally:
        sys.modules.pop("experiments.tasks.extra_task", None)


def test_errors_say_what_exists() -> None:
    with pytest.raises(InputError, match=r"unknown task 'phonebook': did you mean phone-book\?"):
        get("phonebook")
    with pytest.raises(InputError, match=r"unknown field of task phone-book 'entrys': did you mean entries"):
        task_from_json({"name": "phone-book", "entrys": 3})
    with pytest.raises(InputError, match="entries 'many': it is a whole number"):
        task_from_json({"name": "phone-book", "entries": "many"})
    with pytest.raises(InputError, match="a task without a name"):
        task_from_json({"entries": 3})


def digests() -> dict[str, str]:
    """Of some examples of every task, all splits."""
    found = {}
    for name, kind in TASKS.items():
        rows = [kind().examples(split, 5, 20).tokens.numpy().tobytes() for split in SPLITS]
        found[name] = hashlib.sha256(b"".join(rows)).hexdigest()
    return found


def test_another_process_gets_the_same_examples() -> None:
    code = f"import json\nimport sys\nsys.path.insert(0, {str(Path(__file__).parent)!r})\n"
    code += "from test_registry import digests\nprint(json.dumps(digests()))"
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert json.loads(run.stdout) == digests()
