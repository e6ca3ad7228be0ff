"""What a command gives back: one object for programs, one view for people, one exit code."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from rich.console import RenderableType

FINE = 0
FALSE_OR_FAILED = 1
BAD_INPUT = 2
UNEXPECTED = 3
INTERRUPTED = 130  # 128 + SIGINT, as a shell reports it
BROKEN_PIPE = 141  # 128 + SIGPIPE


@dataclass(frozen=True)
class Outcome:
    """The result of a command that ran to its end."""

    payload: object
    """Printed as one JSON object by ``--json``; see :func:`jsonable` for the types allowed."""

    view: RenderableType
    """Printed on standard output otherwise."""

    exit_code: int = FINE
    """0 fine; 1 the thing asked about is false, or a check failed."""


def jsonable(value: object) -> object:
    """``value`` in the types that JSON has.

    Mappings, sequences, sets (sorted) and numpy scalars and arrays are converted; a float that is not finite becomes
    ``None``, because JSON has no word for it; a fraction becomes the exact text ``"p/q"``; a path becomes its text.

    Raises:
        TypeError: for anything else, which is a mistake in a command and not of its user.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Fraction | Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(item) for item in value]
    if isinstance(value, set | frozenset):
        return [jsonable(item) for item in sorted(value)]
    if hasattr(value, "tolist"):  # numpy scalar or array, without importing numpy for commands that need none
        return jsonable(value.tolist())
    raise TypeError(f"{type(value).__name__} has no JSON form")
