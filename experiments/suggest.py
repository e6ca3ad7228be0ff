"""One-line errors for names that do not exist, with the names that come close."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from theory.errors import InputError


def unknown_name(kind: str, given: str, allowed: Iterable[str]) -> InputError:
    """The error for a ``kind`` ("study", "flag of `parrots run`", …) called ``given`` that is not ``allowed``.

    >>> str(unknown_name("preset", "quik", ("quick", "gpu")))
    "unknown preset 'quik': did you mean quick? Allowed: quick, gpu"
    """
    names = tuple(allowed)
    close = get_close_matches(given, names, n=3)
    hint = f"did you mean {' or '.join(close)}? " if close else ""
    listing = ", ".join(names) if names else "none"
    return InputError(f"unknown {kind} {clip(given)!r}: {hint}{'Allowed' if hint else 'allowed'}: {listing}")


def clip(text: str, length: int = 80) -> str:
    """``text`` on one line and at most ``length`` characters long, so that an error stays readable."""
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1] + "…"
