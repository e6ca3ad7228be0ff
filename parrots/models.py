"""What the command line calls MODEL: a checkpoint, or a hand-built model by its name and size."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl

from parrots.checkpoint import load_model
from parrots.constructions import build
from parrots.model import OneLayerModel
from theory.errors import InputError

PREFIX = "construction:"


def resolve(text: str) -> OneLayerModel:
    """The model that ``text`` names: a path, or ``construction:NAME?vertices=V&option=value``.

    Raises :class:`theory.errors.InputError` for anything else.
    """
    if not text.startswith(PREFIX):
        return load_model(Path(text))
    name, _, query = text.removeprefix(PREFIX).partition("?")
    options = _options(query)
    if "vertices" not in options:
        raise InputError(f"{text!r} names no size: give it as {PREFIX}{name}?vertices=V.")
    return build(name, **options).model


def _options(query: str) -> dict[str, int]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError as error:
        raise InputError(f"{query!r} is not name=value&name=value ({error}): give vertices=V&digits=g.") from error
    options: dict[str, int] = {}
    for key, value in pairs:
        if key in options:
            raise InputError(f"{key} is given twice in {query!r}: give it once.")
        if not value.isascii() or not value.isdigit() or len(value) > 9:
            raise InputError(f"{key}={value[:40]!r} is not a whole number: give digits only, at most 9 of them.")
        options[key] = int(value)
    return options
