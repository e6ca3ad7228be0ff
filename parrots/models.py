"""What the command line calls MODEL: a checkpoint, or a hand-built model by its name and size."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl

from parrots.checkpoint import load_model
from parrots.constructions import build, get
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
        raise InputError(f"{text[:80]!r} names no size: give it as {PREFIX}NAME?vertices=V.")
    vertices = options.pop("vertices")
    get(name).check_options(options)
    model = build(name, vertices, **options).model
    if not isinstance(model, OneLayerModel):
        raise InputError(
            f"construction `{name}` is no one-layer model with a token-wise block: no theorem here covers it; give "
            "dense or packed."
        )
    return model


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
