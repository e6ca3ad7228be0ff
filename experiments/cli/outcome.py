"""What a command gives back: one object for programs, one view for people, one exit code."""

from __future__ import annotations

from dataclasses import dataclass

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
    """Printed as one JSON object by ``--json``; see :func:`experiments.jsonable.jsonable` for the types allowed."""

    view: RenderableType
    """Printed on standard output otherwise."""

    exit_code: int = FINE
    """0 fine; 1 the thing asked about is false, or a check failed."""
