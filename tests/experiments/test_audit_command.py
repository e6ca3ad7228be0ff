"""``parrots audit``: one object or tables, files and folders, one line for what cannot be audited."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from experiments.capacity import LITERATURE
from experiments.cli import main
from experiments.tasks.phone_book import PhoneBook
from theory.bounds.memorisation import most_facts

CONFIGS = Path(__file__).parents[1] / "configs"
MIXTRAL, LLAMA = str(CONFIGS / "mixtral-8x7b.json"), str(CONFIGS / "llama-3-8b.json")


def audited(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    assert main(["audit", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)["models"]


def test_the_object_holds_counts_laws_and_memory(capsys) -> None:
    (found,) = audited(capsys, MIXTRAL)
    assert found["name"] == "mixtral-8x7b"
    counts = found["parameters"]
    assert counts["all"] == {"total": 46_702_792_704, "active": 12_879_925_248}
    parts = [counts[name] for name in counts if not name.startswith("all")]
    for kind in ("total", "active"):
        assert sum(part[kind] for part in parts) == counts["all"][kind]
        assert counts["all"][kind] - counts["all but embedding"][kind] == counts["embedding"][kind]
    assert counts["experts"]["total"] == 4 * counts["experts"]["active"]
    assert "dense" not in counts and "shared" not in counts
    assert found["flops"]["all"] == sum(value for name, value in found["flops"].items() if name not in NO_FLOPS)
    assert found["flops"]["context"] == 4096
    assert (found["width"]["heads"], found["width"]["value_width"], found["width"]["bits"]) == (32, 4096, 16)
    assert {row["statement"] for row in found["not_said"]} == {"own-coverage", "own-cot-bound"}


NO_FLOPS = ("all", "context", "beyond_positions")


def test_memory_is_what_the_theorem_allows_and_what_was_measured(capsys) -> None:
    (found,) = audited(capsys, LLAMA, "--bits", "8", "--digits", "3")
    at_most, *measured = found["memory"]["rows"]
    total = found["parameters"]["all"]["total"]
    assert at_most["bits"] == 8 * total
    assert [row["source"] for row in measured] == [one.cites for one in LITERATURE]
    for row in found["memory"]["rows"]:
        assert row["bits"] == int(row["bits_a_parameter"] * 10 * total) // 10
        assert row["facts"] == most_facts(row["bits"], 1000)


def test_facts_are_by_default_those_of_the_task(capsys) -> None:
    (found,) = audited(capsys, LLAMA)
    assert found["memory"]["digits"] == PhoneBook().digits


def test_flags_reach_the_numbers(capsys) -> None:
    (plain,) = audited(capsys, LLAMA)
    (asked,) = audited(capsys, LLAMA, "--bits", "4", "--context", "9000", "--vertices", "1000000")
    assert not plain["flops"]["beyond_positions"] and asked["flops"]["beyond_positions"]
    assert asked["flops"]["reading"] * 4096 == plain["flops"]["reading"] * 9000
    assert (plain["width"]["vertices"], asked["width"]["vertices"]) == (4097, 1_000_000)
    assert [need["met"] for need in plain["width"]["needs"]][:2] == [True, True]
    assert [need["met"] for need in asked["width"]["needs"]][:2] == [False, False]


def test_a_folder_is_named_after_itself_and_equal_to_its_file(capsys, tmp_path) -> None:
    folder = tmp_path / "My-Model"
    folder.mkdir()
    shutil.copy(MIXTRAL, folder / "config.json")
    (one,), (two,) = audited(capsys, str(folder)), audited(capsys, str(folder / "config.json"))
    assert one["name"] == two["name"] == "My-Model"
    (plain,) = audited(capsys, MIXTRAL)
    assert one["parameters"] == two["parameters"] == plain["parameters"]


def test_one_model_is_shown_in_sections(capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    assert main(["audit", str(CONFIGS / "deepseek-v2-lite.json")]) == 0
    shown = capsys.readouterr().out
    words = " ".join(shown.split())
    for text in ("15,706,484,224", "2,661,150,208", "own-message-bound", "own-entropy-bound", "thm-3.6", "two or more"):
        assert text in words
    assert "too narrow" in words and "SwiGLU" in words and "allenzhu2025" in words
    assert max(map(len, shown.splitlines())) <= 100


def test_several_models_are_a_line_each(capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "84")
    assert main(["audit", MIXTRAL, LLAMA]) == 0
    shown = capsys.readouterr().out
    lines = [line for line in shown.splitlines() if line.startswith(("mixtral", "llama"))]
    assert [line.split()[:3] for line in lines] == [
        ["mixtral-8x7b", "46.7B", "12.9B"],
        ["llama-3-8b", "8.03B", "8.03B"],
    ]
    assert max(map(len, shown.splitlines())) <= 84


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "no file given"),
        (["none.json"], "none.json: no readable none.json"),
        ([MIXTRAL, "none.json"], "none.json"),
        ([MIXTRAL, "--bits", "0"], "bits 0 is below 1"),
        ([MIXTRAL, "--bits", "9999"], "bits 9999 is above 4096"),
        ([MIXTRAL, "--context", "0"], "context 0 is outside"),
        ([MIXTRAL, "--vertices", "2"], "vertices 2 is below 3"),
        ([MIXTRAL, "--digits", "0"], "digits 0 is outside 1 to 1000"),
        ([MIXTRAL, "--bit", "8"], "did you mean --bits"),
    ],
    ids=str,
)
def test_bad_input_is_one_line_and_exit_code_2(capsys, words: list[str], said: str) -> None:
    assert main(["audit", *words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert said in line


def test_an_unknown_family_names_the_closest(capsys, tmp_path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "qwen3moe"}')
    assert main(["audit", str(tmp_path), "--json"]) == 2
    captured = capsys.readouterr()
    assert "unknown model_type 'qwen3moe': did you mean qwen3_moe" in json.loads(captured.out)["error"]
    assert str(tmp_path) in captured.err


def test_numbers_beyond_the_last_letter_are_shown(capsys, tmp_path) -> None:
    wide = json.loads(Path(LLAMA).read_text()) | {"hidden_size": 10**9}
    (tmp_path / "config.json").write_text(json.dumps(wide))
    assert main(["audit", str(tmp_path), LLAMA]) == 0
    assert "e+2" in capsys.readouterr().out


def test_neither_torch_nor_transformers_is_loaded() -> None:
    program = (
        "import sys; from experiments.cli import main; code = main(['audit', sys.argv[1], '--json']);"
        "assert not {'torch', 'transformers'} & sys.modules.keys(); sys.exit(code)"
    )
    subprocess.run([sys.executable, "-c", program, MIXTRAL], check=True, capture_output=True, timeout=60)
