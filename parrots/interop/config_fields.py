"""A ``config.json`` read field by field: every value checked where it is taken, every mistake one line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from reprlib import Repr
from typing import Any

from theory.errors import InputError

CONFIG = "config.json"
MOST = 10**9
"""Of any size in a configuration."""
MOST_LAYERS = 10_000
MOST_BYTES = 2**20
"""Of a configuration file: published ones have a few thousand, lists of labels included."""


class Fields:
    """The values of a configuration; what it leaves out has the value of ``defaults``."""

    def __init__(self, plain: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
        self._values = {**defaults, **plain}

    def count(self, name: str, least: int = 1, most: int = MOST, why: str = "") -> int:
        """A whole number.

        Raises:
            InputError: there is none of that name, or it is no number from ``least`` to ``most`` (``why`` says what
                sets these ends).
        """
        if name not in self._values:
            raise InputError(f"no {name}: give the whole {CONFIG}, as it came with the model.")
        value = self._values[name]
        if type(value) is not int or not least <= value <= most:
            raise InputError(f"{name} {shown(value)}: give a whole number from {least} to {most}{why}.")
        return value

    def optional(self, name: str, least: int = 1, most: int = MOST) -> int | None:
        """The same, where ``null`` and no field at all stand for ``None``."""
        return None if self._values.get(name) is None else self.count(name, least, most)

    def flag(self, name: str) -> bool:
        """True or false; ``null`` and no field are false.

        Raises:
            InputError: it is something else.
        """
        value = self._values.get(name)
        if value is not None and not isinstance(value, bool):
            raise InputError(f"{name} {shown(value)}: give true or false.")
        return bool(value)

    def each(self, name: str, allowed: Sequence[Any], length: int | None = None) -> list[Any] | None:
        """A list whose entries are all ``allowed``, ``length`` of them; ``None`` for ``null`` and no field.

        Raises:
            InputError: it is something else.
        """
        value = self._values.get(name)
        if value is None:
            return None
        if not isinstance(value, list) or length not in (None, len(value)):
            long = "" if length is None else f" of {length} entries"
            raise InputError(f"{name} {shown(value)}: give a list{long}.")
        for entry in value:
            if type(entry) not in map(type, allowed[:1]) or entry not in allowed:
                raise InputError(f"{name} with {shown(entry)} in it: allowed are {_listing(allowed)}.")
        return value


def _listing(allowed: Sequence[Any]) -> str:
    return f"{allowed[0]} to {allowed[-1]}" if isinstance(allowed, range) else ", ".join(map(str, allowed))


_SHORT = Repr()
_SHORT.maxlevel = _SHORT.maxdict = 2
_SHORT.maxstring = _SHORT.maxlong = 60


def shown(value: Any) -> str:
    """A value on one line, shortened to what a line has room for."""
    return " ".join(_SHORT.repr(value).split())


def read_object(path: Path, most_bytes: int | None = None) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        InputError: there is no such file, it is larger than ``most_bytes``, it is no JSON, not an object, or has a
            field twice.
    """
    if path.exists() and not path.is_file():
        raise InputError(f"{path.name} is no file: give a {CONFIG}, or a folder that holds one.")
    if most_bytes is not None and path.exists() and path.stat().st_size > most_bytes:
        raise InputError(f"{path.name} has more than {most_bytes} bytes: give a {CONFIG}, not weights.")
    try:
        plain = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_once_each)
    except InputError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"no readable {path.name} ({str(error)[:150]!r}): give a folder that holds one.") from error
    if not isinstance(plain, dict):
        raise InputError(f"{path.name} is no object: give the one that came with the weights.")
    return plain


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Programs differ in which of two equal names they read, so neither is."""
    plain = dict(pairs)
    if len(plain) < len(pairs):
        twice = next(name for at, (name, _) in enumerate(pairs) if name in dict(pairs[:at]))
        raise InputError(f"{shown(twice)} is there twice: keep one of them.")
    return plain
