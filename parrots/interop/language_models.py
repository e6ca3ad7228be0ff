"""From a ``config.json`` to a description that can be counted, without weights, torch or transformers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from parrots.interop.config_fields import CONFIG, MOST_BYTES, read_object, shown
from parrots.interop.families import FAMILIES, Family
from theory.accounting.language_model import LanguageModel, Layer
from theory.errors import InputError


class UnknownFamilyError(InputError):
    """A ``model_type`` that is not in the table."""

    def __init__(self, given: str) -> None:
        super().__init__(f"model_type {shown(given)}: allowed are {', '.join(FAMILIES)}.")
        self.given = given


def read_language_model(path: Path) -> LanguageModel:
    """The model that a file describes, or the ``config.json`` in a folder.

    Raises:
        UnknownFamilyError: its ``model_type`` is not in :data:`~parrots.interop.families.FAMILIES`.
        InputError: it is no such file, or one of its fields is missing, of a wrong type or out of range.
    """
    return language_model(read_object(path / CONFIG if path.is_dir() else path, MOST_BYTES))


def language_model(plain: Mapping[str, Any]) -> LanguageModel:
    """The model that a configuration describes; raises as :func:`read_language_model`."""
    family = _family(plain)
    fields = family.fields(plain)
    width, attention = fields.count("hidden_size"), family.attention(fields)
    parts = zip(family.feed_forward(fields), family.window(fields), strict=True)
    norm = family.norm * width
    return LanguageModel(
        vocabulary=fields.count("vocab_size"),
        width=width,
        layers=tuple(Layer(attention, part, family.norms * norm, window) for part, window in parts),
        positions=fields.count("max_position_embeddings"),
        tied=fields.flag("tie_word_embeddings"),
        head_bias=fields.flag(family.head_bias) if isinstance(family.head_bias, str) else family.head_bias,
        norms=norm,
    )


def _family(plain: Mapping[str, Any]) -> Family:
    kind = plain.get("model_type")
    if kind not in [*FAMILIES] and isinstance(plain.get("text_config"), dict):
        raise InputError(
            f"model_type {shown(kind)} with a text_config: a model of more than text; give its text_config as a file "
            "of its own."
        )
    if not isinstance(kind, str):
        given = "no model_type" if kind is None else f"model_type {shown(kind)}"
        raise InputError(f"{given}: give the {CONFIG} of a language model; allowed are {', '.join(FAMILIES)}.")
    if kind not in FAMILIES:
        raise UnknownFamilyError(kind)
    FAMILIES[kind].check_class(plain.get("architectures"))
    return FAMILIES[kind]
