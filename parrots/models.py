"""What the command line calls MODEL: a checkpoint, or a hand-built model by its name and size."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl

from parrots.checkpoint import load_model
from parrots.constructions import Construction, build, get
from parrots.model import OneLayerModel
from theory import coverage
from theory.errors import InputError

PREFIX = "construction:"


def resolve(text: str) -> OneLayerModel:
    """The one-layer model that ``text`` names: a path, or ``construction:NAME?vertices=V&option=value``.

    ``width=D`` stands for the digits of ``packed`` that give this width.

    Raises :class:`theory.errors.InputError` for anything else.
    """
    if not text.startswith(PREFIX):
        return load_model(Path(text))
    name, _, query = text.removeprefix(PREFIX).partition("?")
    options = _options(query)
    if "vertices" not in options:
        raise InputError(f"{text[:80]!r} names no size: give it as {PREFIX}NAME?vertices=V.")
    vertices = options.pop("vertices")
    entry = get(name)
    _check_covered(entry)
    if "width" in options and entry.by_width is not None:
        options |= entry.by_width(vertices, options)
        del options["width"]
    entry.check_options(options)
    model = build(name, vertices, **options).model
    if not isinstance(model, OneLayerModel):
        raise InputError(f"construction `{name}` is no one-layer model: give dense or packed.")
    return model


def _check_covered(entry: Construction) -> None:
    """Raises :class:`theory.errors.InputError` for a construction that the width bounds do not cover; it says why."""
    row = coverage.of_construction(entry.name) or (coverage.get("depth") if entry.depth > 1 else None)
    if row is not None:
        raise InputError(
            f"construction `{entry.name}` ({row.model}) is not covered by the width bounds, because {row.why}; see "
            f"`{row.statement}`, or give a model of one layer whose block reads the query alone, such as packed."
        )


def _options(query: str) -> dict[str, int]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError as error:
        raise InputError(f"{query[:80]!r} is not name=value&name=value: give vertices=V&digits=g.") from error
    options: dict[str, int] = {}
    for key, value in pairs:
        if not key.isidentifier():
            raise InputError(f"{key[:40]!r} is no option: give vertices=V&digits=g.")
        if key in options:
            raise InputError(f"{key} is given twice: give it once.")
        if not value.isascii() or not value.isdigit() or len(value) > 9:
            raise InputError(f"{key[:40]}={value[:40]!r} is not a whole number: give digits only, at most 9 of them.")
        options[key] = int(value)
    return options
