"""What the fields of a dataclass of settings are, from its source: for help that lists them."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import textwrap
from typing import Any


def described(kind: type[Any]) -> list[tuple[str, str, str]]:
    """``(name, default or "", first sentence of the docstring below it)`` of each field, inherited ones first."""
    said: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if dataclasses.is_dataclass(base):
            said |= _docstrings(base)
    return [(field.name, _default(field), said.get(field.name, "")) for field in dataclasses.fields(kind)]


def _default(field: dataclasses.Field[Any]) -> str:
    return "" if field.default is dataclasses.MISSING else str(field.default)


def _docstrings(kind: type[Any]) -> dict[str, str]:
    """Of the fields that ``kind`` itself defines."""
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(body, ast.ClassDef)
    found = {}
    for field, text in zip(body.body, body.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
            and isinstance(text.value.value, str)
        ):
            found[field.target.id] = _first_sentence(text.value.value)
    return found


def _first_sentence(text: str) -> str:
    sentence, end, _ = " ".join(text.split()).partition(". ")
    return sentence + end.strip()
