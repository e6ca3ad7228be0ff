"""The command line's frame: one line and exit code 2 for bad input, one JSON object with --json, no traceback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import typing
from dataclasses import dataclass, is_dataclass
from pathlib import Path

import pytest
import toy_study
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from tyro.conf import Positional

from experiments import cli, studies
from experiments.cli import COMMANDS, main
from experiments.cli.outcome import Outcome
from experiments.cli.parsing import parse
from experiments.store import FILE, Store, read_rows
from theory.errors import InputError

PARROTS = Path(sys.executable).with_name("parrots")


@dataclass(frozen=True)
class Probe:
    """A command with a flag of every kind.

    It gives back what it was given.
    """

    name: Positional[str | None] = None
    """A name."""
    vertices: int = 8
    """Vertices."""
    accuracy: float | None = None
    """Accuracy."""
    order: typing.Literal["up", "down"] = "up"
    """Order."""
    set: tuple[str, ...] = ()
    """Settings."""
    dry_run: bool = False
    """Do nothing."""

    def run(self, console: Console) -> Outcome:
        console.print("progress")
        print("a library prints")
        if self.name == "bug":
            raise ZeroDivisionError("two\nlines")
        if self.name == "memory":
            raise MemoryError("Unable to allocate 14.6 TiB")
        if self.name == "interrupt":
            raise KeyboardInterrupt
        if self.name == "missing":
            Path("/no/such/file").read_text()
        return Outcome(
            {"name": self.name, "vertices": self.vertices}, f"{self.vertices} ≤ {self.name}", int(self.dry_run)
        )


@pytest.fixture(autouse=True)
def toys(monkeypatch):
    monkeypatch.setitem(COMMANDS, "probe", cli.Command("probe", "Probe", "give back what it was given"))
    monkeypatch.setitem(sys.modules, "experiments.cli.commands.probe", sys.modules[__name__])
    monkeypatch.setitem(studies.STUDIES, "toy", "toy_study")


def one_line(capsys, argv: list[str], code: int) -> str:
    """Run ``argv``; check its exit code, that standard error has one line, and that --json says the same."""
    assert main(argv) == code
    captured = capsys.readouterr()
    errors = [line for line in captured.err.splitlines() if line != "progress" and line != "a library prints"]
    assert len(errors) == 1, captured.err
    assert errors[0].startswith("parrots: ")
    assert captured.out == ""
    assert main([*argv, "--json"]) == code
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"error": errors[0].removeprefix("parrots: ")}
    assert "Traceback" not in captured.err
    return errors[0]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([], "no command given"),
        (["bound"], "unknown command 'bound': did you mean bounds?"),
        (["--verbose"], "unknown command '--verbose'"),
        (["probe", "--vertice", "3"], "'--vertice': did you mean --vertices?"),
        (["probe", "-x"], "unknown flag of `parrots probe` '-x'"),
        (["probe", "--no-dry-run"], "did you mean --dry-run?"),
        (["probe", "--vertices", "x"], "--vertices takes a whole number, got 'x'"),
        (["probe", "--vertices", "1.5"], "--vertices takes a whole number, got '1.5'"),
        (["probe", "--vertices", ""], "--vertices takes a whole number, got ''"),
        (["probe", "--vertices", "9" * 5000], "--vertices takes a number of at most 4300 digits"),
        (["probe", "--vertices"], "--vertices needs a value"),
        (["probe", "--vertices", "3", "--vertices", "4"], "--vertices is given twice"),
        (["probe", "--accuracy", "0,9"], "--accuracy takes a number, got '0,9'"),
        (["probe", "--accuracy", "nan"], "--accuracy takes a finite number"),
        (["probe", "--accuracy", "1e999"], "--accuracy takes a finite number"),
        (["probe", "--order", "sideways"], "--order takes one of 'up', 'down', got 'sideways'"),
        (["probe", "--dry-run=5"], "--dry-run takes no value"),
        (["probe", "a", "b"], "not understood: b"),
        (["probe", "--vertices", "a\nb\n╭─ box"], "--vertices takes a whole number"),
        (["probe", "memory"], "not enough memory (Unable to allocate 14.6 TiB): give smaller numbers"),
        (["probe", "missing"], "/no/such/file: No such file or directory"),
        (["run"], "STUDY is required"),
        (["run", "tyo"], "unknown study 'tyo': did you mean toy?"),
        (["run", "toy", "--preset", "quik"], "unknown preset of toy 'quik': did you mean quick?"),
        (["run", "toy", "--set", "job=3"], "unknown field of the preset 'job': did you mean jobs?"),
        (["run", "toy", "--set", "jobs"], "--set takes field=value, got 'jobs'"),
        (["run", "toy", "--set", "jobs=many"], "--set jobs takes a whole number, got 'many'"),
        (["run", "toy", "--set", "jobs=0"], "jobs is 0: give 1 or more"),
        (["run", "toy", "--set", "jobs=2", "jobs=3"], "--set gives jobs twice"),
        (["run", "toy", "--workers", "0"], "--workers takes 1 or more, got 0"),
        (["run", "toy", "--out", "/proc/none/here"], "/proc/none"),
        (["run", "toy", "--out", "/dev/null/here"], "Not a directory"),
        (["report", "/no/such/folder"], "does not exist"),
        (["report"], "DIR is required"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(capsys, argv, said):
    assert said in one_line(capsys, argv, 2)


def test_an_error_nobody_foresaw_is_one_line_and_exit_code_3(capsys, monkeypatch):
    monkeypatch.delenv("PARROTS_DEBUG", raising=False)
    line = one_line(capsys, ["probe", "bug"], 3)
    assert "unexpected ZeroDivisionError: two lines" in line
    assert "PARROTS_DEBUG=1" in line


def test_debug_shows_the_traceback(monkeypatch):
    monkeypatch.setenv("PARROTS_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        main(["probe", "bug"])
    assert main(["probe", "--vertices", "x"]) == 2  # bad input is no bug


def test_an_interrupt_is_one_line_and_exit_code_130(capsys):
    assert "interrupted" in one_line(capsys, ["probe", "interrupt"], 130)


def test_json_is_alone_on_standard_output(capsys):
    assert main(["--json", "probe", "a", "--vertices", "-3"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"name": "a", "vertices": -3}
    assert "progress" in captured.err
    assert "a library prints" in captured.err


def test_without_json_the_view_and_the_exit_code(capsys):
    assert main(["probe", "a", "--dry-run"]) == 1
    assert capsys.readouterr().out == "8 ≤ a\n"


@pytest.mark.parametrize("argv", [["--help"], ["-h"], ["--help", "--json"]])
def test_help_lists_every_command(capsys, argv):
    assert main(argv) == 0
    out = capsys.readouterr().out
    assert all(name in out and command.does.split(":")[0] in out for name, command in COMMANDS.items())


def test_version(capsys):
    assert main(["--version"]) == 0
    line = capsys.readouterr().out
    assert main(["--version", "--json"]) == 0
    assert line == f"parrots {json.loads(capsys.readouterr().out)['version']}\n"


def test_a_commands_help_names_flags_and_json(capsys):
    assert main(["probe", "--vertices", "x", "--help"]) == 0
    text = capsys.readouterr().out
    assert all(flag in text for flag in ("--vertices", "--dry-run", "--json", "It gives back what it was given."))
    assert main(["probe", "--help", "--json"]) == 0
    assert "--vertices" in json.loads(capsys.readouterr().out)["help"]


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "probe"])
def test_every_command_is_a_frozen_dataclass_with_help(name, capsys):
    command = COMMANDS[name].load()
    assert is_dataclass(command)
    assert command.__dataclass_params__.frozen
    assert main([name, "--help"]) == 0
    assert f"parrots {name}" in capsys.readouterr().out


def test_help_imports_neither_torch_nor_matplotlib():
    """The frame and every command's module stay light, so that ``--help`` answers at once."""
    program = (
        "import sys; from experiments.cli import COMMANDS; [command.load() for command in COMMANDS.values()];"
        "print([name for name in ('torch', 'matplotlib', 'pyarrow', 'distributed') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout.strip() == "[]"


@given(st.integers())
def test_whole_numbers_arrive(number):
    assert parse(Probe, "probe", ["--vertices", str(number)]).vertices == number
    assert parse(Probe, "probe", [f"--vertices={number}"]).vertices == number


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_arrive(number):
    assert parse(Probe, "probe", ["--accuracy", repr(number)]).accuracy == number


@given(st.lists(st.text().filter(lambda text: "\x00" not in text), max_size=6))
def test_no_words_end_in_anything_but_a_command_or_one_line(words):
    try:
        parsed = parse(Probe, "probe", words)
    except InputError as error:
        assert len(str(error).splitlines()) == 1
        assert len(str(error)) < 700
    except SystemExit as stop:
        assert stop.code == 0
        assert {"-h", "--help"} & {word.partition("=")[0] for word in words}
    else:
        assert isinstance(parsed, Probe)


@given(st.sampled_from(["vertices", "accuracy", "order", "dry-run"]), st.text())
def test_no_value_ends_in_anything_but_a_command_or_one_line(flag, value):
    try:
        assert isinstance(parse(Probe, "probe", [f"--{flag}={value}"]), Probe)
    except InputError as error:
        assert len(str(error).splitlines()) == 1


def test_repeated_and_grouped_settings_are_the_same():
    assert parse(Probe, "probe", ["--set", "a=1", "--set", "b=2"]).set == ("a=1", "b=2")
    assert parse(Probe, "probe", ["--set", "a=1", "b=2", "--vertices", "3"]).set == ("a=1", "b=2")


# run and report ----------------------------------------------------------------------------------------------------


def test_run_and_report(tmp_path, capsys):
    assert main(["run", "toy", "--out", str(tmp_path), "--set", "jobs=2", "--json"]) == 0
    ran = json.loads(capsys.readouterr().out)
    assert (ran["cells"], ran["added"], ran["skipped"], ran["failures"]) == (6, 6, 0, [])
    assert main(["run", "toy", "--out", str(tmp_path)]) == 0
    assert "6 of 12 were there" in capsys.readouterr().out
    assert main(["report", str(tmp_path), "--json"]) == 0
    (report,) = json.loads(capsys.readouterr().out)["reports"]
    assert (report["study"], report["cells"]) == ("toy", 12)
    assert report["headline"][0]["accuracy"]["low"] < report["headline"][0]["accuracy"]["value"]
    assert all(Path(file).stat().st_size > 0 for file in report["files"])
    assert main(["report", str(tmp_path)]) == 0
    assert "holds" in capsys.readouterr().out


def test_a_failed_job_is_exit_code_1(tmp_path, capsys):
    assert main(["run", "toy", "--out", str(tmp_path), "--set", "fail=1", "--json"]) == 1
    ran = json.loads(capsys.readouterr().out)
    assert ran["failures"] == [{"job": "job 1", "error": "ArithmeticError: diverged on purpose"}]
    assert len(read_rows(tmp_path)) == 9


def test_a_refuted_check_is_exit_code_1(tmp_path, capsys):
    assert main(["run", "toy", "--out", str(tmp_path), "--set", "jobs=1", "cells=150"]) == 0
    assert main(["report", str(tmp_path)]) == 1
    assert "REFUTED no accuracy above 1" in capsys.readouterr().out
    assert "✗ refuted" in (tmp_path / "index.html").read_text()


def test_an_empty_store_has_no_report(tmp_path, capsys):
    Store(tmp_path).close()
    assert "no finished cell" in one_line(capsys, ["report", str(tmp_path)], 2)


def test_a_damaged_store_is_refused_by_both(tmp_path, capsys):
    (tmp_path / FILE).write_text("not a database" * 1000)
    for argv in (["run", "toy", "--out", str(tmp_path)], ["report", str(tmp_path)]):
        assert "nothing was changed" in one_line(capsys, argv, 2)
    assert (tmp_path / FILE).read_text().startswith("not a database")


def test_a_dry_run_trains_and_writes_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["run", "toy", "--preset", "paper", "--dry-run", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    grid = toy_study.STUDY.presets["paper"]
    assert told["total"]["cells"] == sum(len(job.cells) for job in toy_study.STUDY.jobs(grid))
    assert told["settings"]["jobs"] == grid.jobs
    assert main(["run", "toy", "--dry-run", "--set", "jobs=2"]) == 0
    assert "device-hours" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


# The installed script ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [["statements"], ["statements", "--json"], ["--help"], ["bound", "--json"]])
def test_the_script_is_silent_when_its_reader_has_left(words):
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run([PARROTS, *words], stdout=writer, stderr=subprocess.PIPE, text=True)
    finally:
        os.close(writer)
    assert done.returncode == 141
    assert "Traceback" not in done.stderr
    assert "Broken pipe" not in done.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["certify"], "MODEL is required; `parrots certify --help`"),
        (["certify", "a", "b"], "not understood: b; `parrots certify --help`"),
        (["bounds", "--vertices", "x"], "--vertices takes a whole number, got 'x'; `parrots bounds --help`"),
        (
            ["bounds", "--vertices", "6", "--attention", "x"],
            "--attention takes one of 'softmax', 'uniform', got 'x'; `parrots",
        ),
    ],
)
@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_a_mistake_is_told_without_the_box_that_is_drawn_round_it(words, says, encoding):
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    done = subprocess.run([PARROTS, *words], env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith(f"parrots: {says}")


@pytest.mark.parametrize(("closed", "code"), [(">&-", 0), ("2>&-", 0), (">&- 2>&- nothing", 2)])
def test_the_script_runs_with_a_stream_closed(closed, code):
    words = "" if "nothing" in closed else "--version"
    done = subprocess.run(["sh", "-c", f'"$0" {words} {closed}', PARROTS], capture_output=True, text=True)
    assert (done.returncode, "Error" in done.stderr) == (code, False)


def test_the_script_survives_a_terminal_without_unicode():
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run([PARROTS, "statements"], env=environment, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    assert len(done.stdout) > 100


def stored(directory: Path) -> int:
    """Cells in the store; none while it is being made."""
    try:
        return len(read_rows(directory))
    except InputError:
        return 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c_says_that_the_same_command_goes_on(tmp_path, workers):
    program = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); from experiments import cli, studies;"
        "studies.STUDIES['toy'] = 'toy_study'; sys.exit(cli.main(sys.argv[1:]))"
    )
    words = ["run", "toy", "--out", str(tmp_path), "--set", "seconds=0.1", "jobs=30", "--workers", workers]
    process = subprocess.Popen(
        [sys.executable, "-c", program, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while stored(tmp_path) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: every process of the group gets it
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert "the same command goes on" in err
    assert "Traceback" not in err
