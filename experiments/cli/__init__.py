"""The command line: ``parrots COMMAND …``.

Exit codes: 0 fine; 1 the thing asked about is false or a check failed; 2 bad input, with one line on standard error;
3 an error nobody foresaw (``PARROTS_DEBUG=1`` shows its traceback); 130 interrupted.
With ``--json`` a command prints one JSON object on standard output and nothing else there, ``{"error": text}`` for a
failure; progress and warnings go to standard error.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from experiments.cli import outcome
from experiments.jsonable import jsonable
from experiments.suggest import clip, unknown_name
from theory.errors import InputError

if TYPE_CHECKING:
    from experiments.cli.outcome import Outcome


@dataclass(frozen=True)
class Command:
    """Where a command's dataclass is; ``does`` is its line in ``parrots --help``, which imports no command."""

    module: str
    name: str
    does: str

    def load(self) -> type[Any]:
        return getattr(importlib.import_module(f"experiments.cli.commands.{self.module}"), self.name)


COMMANDS = {
    "statements": Command("statements", "Statements", "list the statements, or show one: formula, assumptions, source"),
    "bounds": Command("bounds", "Bounds", "evaluate every bound for one size"),
    "constructions": Command("constructions", "Constructions", "list the hand-built models and what they cost"),
    "solve": Command("solve", "Solve", "build the weights for a graph and answer it"),
    "verify": Command("verify", "Verify", "check hand-built models against oracles"),
    "certify": Command("certify", "Certify", "is a one-layer model right on every input? If not, on which one"),
    "protocol": Command("protocol", "Protocol", "Alice and Bob run a one-layer model on a graph, every bit counted"),
    "refute": Command("refute", "Refute", "search for a graph that a one-layer model gets wrong"),
    "rule-out": Command("rule_out", "RuleOut", "do the bounds say that a model with these weights must err?"),
    "plan": Command("plan", "Plan", "lay out experts against width for a budget of parameters"),
    "memorise": Command("memorise", "Memorise", "build a mixture that holds random labels, check it, count it"),
    "soft-moe": Command("soft_moe", "SoftMoeCommand", "two inputs that a Soft MoE layer cannot tell apart"),
    "train": Command("train", "Train", "train one decoder on a task; goes on where it stopped"),
    "evaluate": Command("evaluate", "Evaluate", "grade what a trained decoder writes, beside shortcuts"),
    "export": Command("export", "Export", "write a trained decoder as a folder that transformers loads"),
    "import": Command("import_", "Import", "read a Mistral, Mixtral or Llama checkpoint as a decoder"),
    "audit": Command("audit", "Audit", "count a model from its config.json, and say what the theory says of it"),
    "probes": Command("probes", "Probes", "write questions for language models, for lm-eval"),
    "run": Command("run", "Run", "train and measure a study; goes on where it stopped"),
    "report": Command("report", "Report", "tables, figures and a page from the results"),
    "story": Command("story", "Story", "one page of all studies: predicted beside measured, statement by statement"),
    "bench": Command("bench", "Bench", "measure speed against what you would use instead"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line (``sys.argv`` without the program if None) and give its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    as_json = "--json" in words
    words = [word for word in words if word != "--json"]
    _open_closed_streams()
    _never_fail_to_encode()
    try:
        try:
            result = _run(words, as_json)
            _print(result, as_json)
            return result.exit_code
        except Exception as error:
            if os.environ.get("PARROTS_DEBUG") and not isinstance(error, InputError | BrokenPipeError):
                raise
            return _fail(*_describe(error), as_json)
        except KeyboardInterrupt:
            return _fail("interrupted", outcome.INTERRUPTED, as_json)
    except BrokenPipeError:  # the reader left (`| head`): nobody is there to be told
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return outcome.BROKEN_PIPE


def _run(words: list[str], as_json: bool) -> Outcome:
    if not words:
        raise InputError(f"no command given: allowed are {', '.join(COMMANDS)}; `parrots --help` says what they do")
    name, rest = words[0], words[1:]
    if name in ("-h", "--help"):
        return _help()
    if name == "--version":
        return _version()
    if name not in COMMANDS:
        raise unknown_name("command", name, COMMANDS)
    return _run_command(name, rest, as_json)


def _run_command(name: str, rest: list[str], as_json: bool) -> Outcome:
    from rich.console import Console

    from experiments.cli.parsing import parse

    command = COMMANDS[name].load()
    help_text = io.StringIO()
    try:
        with contextlib.redirect_stdout(help_text) if as_json else contextlib.nullcontext():
            parsed = parse(command, name, rest)
    except SystemExit:  # --help has printed
        return outcome.Outcome({"help": help_text.getvalue()}, "")
    with contextlib.redirect_stdout(sys.stderr):  # a library that prints must not mix into the result
        return parsed.run(Console(stderr=True, soft_wrap=True))


def _help() -> Outcome:
    from rich.table import Table

    table = Table("command", "does", title="parrots COMMAND …", box=None, title_justify="left", padding=(0, 2))
    for name, command in COMMANDS.items():
        table.add_row(name, command.does)
    table.caption = (
        "`parrots COMMAND --help` lists a command's flags; every command takes --json.\n"
        "Exit codes: 0 fine, 1 false or a check failed, 2 bad input, 3 an unexpected error."
    )
    table.caption_justify = "left"
    return outcome.Outcome({"commands": {name: command.does for name, command in COMMANDS.items()}}, table)


def _version() -> Outcome:
    from importlib.metadata import version

    number = version("mixture-of-parrots")
    return outcome.Outcome({"version": number}, f"parrots {number}")


def _describe(error: Exception) -> tuple[str, int]:
    """One line for ``error`` and the exit code it ends with."""
    if isinstance(error, InputError):
        return clip(str(error), 2000), outcome.BAD_INPUT
    if isinstance(error, BrokenPipeError):
        raise error
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return clip(f"{where}{error.strerror}", 2000), outcome.BAD_INPUT
    if _is_out_of_memory(error):
        return clip(
            f"not enough memory ({error}): give smaller numbers, or a machine with more", 500
        ), outcome.BAD_INPUT
    text = f"unexpected {type(error).__name__}: {error}"
    return f"{clip(text, 500)}; run again with PARROTS_DEBUG=1 for the traceback", outcome.UNEXPECTED


def _is_out_of_memory(error: Exception) -> bool:
    """Also torch's error on the CPU, which has no type of its own."""
    return isinstance(error, MemoryError) or "not enough memory" in str(error) or "can't allocate" in str(error)


def _fail(text: str, code: int, as_json: bool) -> int:
    print(f"parrots: {text}", file=sys.stderr)
    if as_json:
        print(json.dumps({"error": text}, ensure_ascii=False), flush=True)
    return code


def _print(result: Outcome, as_json: bool) -> None:
    if as_json:
        print(json.dumps(jsonable(result.payload), ensure_ascii=False, allow_nan=False), flush=True)
    elif result.view != "":
        from rich.console import Console

        console = Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else 120)
        with console.capture() as shown:  # rich, left to write by itself, turns a broken pipe into exit code 1
            console.print(result.view)
        print(shown.get(), end="", flush=True)


def _open_closed_streams() -> None:
    """Started with a stream closed (`>&-`), Python has none at all; what is written is lost then, as was asked."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8"))


def _never_fail_to_encode() -> None:
    """A terminal without ≤ or Θ shows a question mark in their place."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
