"""From the words after a command's name to its frozen dataclass, with every mistake as one line.

tyro draws a box for a mistake; a box is pleasant in a terminal and useless in a log, so what can be told from the
dataclass alone is checked here first, and what is left is taken out of tyro's box.
"""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import io
import math
import re
import typing
from collections.abc import Sequence
from typing import Any, TypeVar

import tyro

from experiments.suggest import clip, unknown_name
from theory.errors import InputError

T = TypeVar("T")

_CONFIG = (tyro.conf.FlagCreatePairsOff, tyro.conf.DisallowNone, tyro.conf.PositionalMetavarFromFieldName)
_COMMON_FLAGS = "Every command also takes --json: one JSON object on standard output, and nothing else there."
_NUMBER = re.compile(r"-\.?\d")
_PLAINER = (
    (r"Error parsing (\S+): .*invalid literal for int\(\) with base 10: (.*)", r"\1 takes a whole number, got \2"),
    (r"Error parsing (\S+): .*could not convert string to float: (.*)", r"\1 takes a number, got \2"),
    (r"Error parsing (\S+): Exceeds the limit \((\d+) digits\).*", r"\1 takes a number of at most \2 digits"),
    (r"Error parsing \w+: (--.*?)\.?$", r"\1"),
    (r"Missing value for argument '(.*?)'\. Expected 1 values\.", r"\1 needs a value"),
    (r"Missing from parrots \S+: (\S+) .*", r"\1 is required"),
    (r"Unrecognized options: (.*)", r"not understood: \1"),
    (r"invalid choice (.*) for argument '(.*?)'\. Expected one of \((.*?),?\)\.", r"\2 takes one of \3, got \1"),
)


def parse(command: type[T], name: str, words: Sequence[str]) -> T:
    """The ``command`` dataclass filled from ``words``.

    Raises:
        InputError: one line, for an unknown or repeated flag, a missing or unreadable value.
        SystemExit: with code 0, after ``--help`` has printed the help on standard output.
    """
    words = _join_repeated_lists(command, name, words)
    more = getattr(command, "more_help", str)() if words == ["--help"] else ""
    description = f"{inspect.getdoc(command)}\n\n{more}{_COMMON_FLAGS}"
    box = io.StringIO()
    try:
        with contextlib.redirect_stderr(box):
            parsed = tyro.cli(command, prog=f"parrots {name}", description=description, args=words, config=_CONFIG)
    except SystemExit as stop:
        if stop.code in (0, None):
            raise
        raise InputError(f"{_first_paragraph(box.getvalue())}; `parrots {name} --help` lists what is allowed") from None
    _require_finite(parsed)
    return parsed


def _join_repeated_lists(command: type[Any], name: str, words: Sequence[str]) -> list[str]:
    """``--set a=1 --set b=2`` as ``--set a=1 b=2``; any other repeated flag and any unknown flag is refused."""
    hints = _hints(command)
    flags = {_flag(field) for field, hint in hints.items() if not _is_positional(hint)}
    lists = {_flag(field) for field, hint in hints.items() if _is_list(hint)}
    leading: list[str] = []
    values: dict[str, list[str]] = {}
    target = leading
    for word in words:
        if not word.startswith("-") or word == "-" or _NUMBER.match(word):
            target.append(word)
            continue
        flag, equals, value = word.partition("=")
        flag = flag.replace("_", "-")
        if flag in ("-h", "--help"):
            return ["--help"]
        if flag not in flags:
            raise unknown_name(f"flag of `parrots {name}`", flag, sorted(flags | {"--json", "--help"}))
        if flag in values and flag not in lists:
            raise InputError(f"{flag} is given twice: give it once")
        target = values.setdefault(flag, [])
        if equals and hints[flag[2:].replace("-", "_")] is bool:
            raise InputError(f"{flag} takes no value, got {clip(value)!r}: give {flag} alone, or leave it out")
        if equals:
            target.append(value)
    return leading + [word for flag, given in values.items() for word in (flag, *given)]


def _hints(command: type[Any]) -> dict[str, Any]:
    """Field -> type, with the fields of a group of flags, a dataclass itself, in its place."""
    found: dict[str, Any] = {}
    for field, hint in typing.get_type_hints(command, include_extras=True).items():
        kind: Any = typing.get_args(hint)[0] if typing.get_origin(hint) is typing.Annotated else hint
        is_group = isinstance(kind, type) and dataclasses.is_dataclass(kind)
        found |= _hints(kind) if is_group else {field: hint}
    return found


def _flag(field: str) -> str:
    return "--" + field.replace("_", "-")


def _is_positional(hint: Any) -> bool:
    return tyro.conf.Positional in getattr(hint, "__metadata__", ())


def _is_list(hint: Any) -> bool:
    if typing.get_origin(hint) is typing.Annotated:
        hint = typing.get_args(hint)[0]
    return typing.get_origin(hint) in (tuple, list)


def _first_paragraph(box: str) -> str:
    """The first paragraph in tyro's box, on one line and in plainer words where a rule above has them."""
    lines = [line.strip().strip("│").strip() for line in box.splitlines()]
    body = [line for line in lines if line and not line.startswith("╭")]
    if len(body) > 1 and body[1].startswith("---"):  # a terminal that has no lines to draw with: the title above dashes
        del body[:2]
    end = next((i for i, line in enumerate(body) if line[0] in "─╰" or line.startswith("---")), len(body))
    text = " ".join(body[:end]) or "the arguments could not be read"
    for pattern, plainer in _PLAINER:
        text = re.sub(pattern, plainer, text)
    return clip(text, 300)


def _require_finite(parsed: Any) -> None:
    for field in dataclasses.fields(parsed):
        value = getattr(parsed, field.name)
        if dataclasses.is_dataclass(value):
            _require_finite(value)
        if isinstance(value, float) and not math.isfinite(value):
            raise InputError(f"{_flag(field.name)} takes a finite number, got {value}")
