"""A preset's fields: ``--set field=value`` changes them, with types checked, and what every preset refuses."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Collection, Sequence
from typing import Any, TypeVar

from experiments.suggest import clip, unknown_name
from theory.errors import InputError

P = TypeVar("P")
MOST_SEEDS = 10_000
_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_KINDS = {int: "a whole number", float: "a finite number", bool: "true or false", str: "text"}


def with_settings(preset: P, settings: Sequence[str]) -> P:
    """A copy of the frozen dataclass ``preset`` with each ``field=value`` of ``settings`` applied.

    A tuple is a list with commas (``widths=8,12,16``); an optional field takes ``none``.

    Raises:
        InputError: for text without ``=``, an unknown field, a field given twice, a value of the wrong type, or a value
            the preset itself refuses.

    >>> from dataclasses import make_dataclass
    >>> Grid = make_dataclass("Grid", [("widths", tuple[int, ...]), ("rate", float)], frozen=True)
    >>> with_settings(Grid((8,), 0.1), ["widths=8,12", "rate=1e-2"])
    Grid(widths=(8, 12), rate=0.01)
    """
    return dataclasses.replace(preset, **parsed_settings(type(preset), settings))  # type: ignore[type-var]  # a dataclass


def parsed_settings(kind: type[Any], settings: Sequence[str], of: str = "the preset") -> dict[str, Any]:
    """Field -> value, of the fields of the dataclass ``kind``; ``of`` says whose fields they are.

    Raises:
        InputError: as :func:`with_settings`.
    """
    hints = typing.get_type_hints(kind)
    names = [field.name for field in dataclasses.fields(kind)]
    changes: dict[str, Any] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise InputError(f"--set takes field=value, got {clip(setting)!r}: fields are {', '.join(names)}")
        if name not in names:
            raise unknown_name(f"field of {of}", name, names)
        if name in changes:
            raise InputError(f"--set gives {name} twice: give it once")
        changes[name] = _value(name, text, hints[name])
    return changes


def check_numbers(preset: Any, may_be_zero: Collection[str] = (), may_be_empty: bool = False) -> None:
    """What every preset, a frozen dataclass of numbers and of tuples of numbers or names, is held to.

    Raises:
        InputError: for a number that is not positive, for more seeds than any grid is listed with, and for a tuple that
            is empty or lists an item twice.
    """
    for field in dataclasses.fields(preset):
        name, value = field.name, getattr(preset, field.name)
        numbers = [item for item in (value if isinstance(value, tuple) else (value,)) if not isinstance(item, str)]
        if any(number < 0 or (number == 0 and name not in may_be_zero) for number in numbers):
            raise InputError(f"{name} {value}: every number must be positive; give positive numbers.")
        if name.endswith("seeds") and isinstance(value, int) and value > MOST_SEEDS:
            raise InputError(
                f"{name} {clip(str(value))}: every seed is a cell of its own; give at most {MOST_SEEDS:,}."
            )
        if isinstance(value, tuple) and (len(set(value)) < len(value) or not (value or may_be_empty)):
            raise InputError(f"{name} {value}: give one or more, each once.")


def _value(name: str, text: str, hint: Any) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if text.strip().lower() == "none":
            return None
        (hint,) = (kind for kind in arguments if kind is not type(None))
        return _value(name, text, hint)
    if origin is typing.Literal:
        if text.strip() not in arguments:
            raise unknown_name(name, text.strip(), map(str, arguments))
        return text.strip()
    if origin is tuple:
        return tuple(_scalar(name, item, arguments[0]) for item in text.split(",") if item.strip())
    return _scalar(name, text, hint)


def _scalar(name: str, text: str, kind: type) -> Any:
    text = text.strip()
    try:
        if kind is bool:
            return _WORDS[text.lower()]
        value = kind(text)
        if kind is float and not math.isfinite(value):
            raise ValueError
        return value
    except (ValueError, KeyError):
        raise InputError(f"--set {name} takes {_KINDS[kind]}, got {clip(text)!r}") from None
