"""Models on disk: one safetensors file with the configuration as JSON in its header.

Written to a temporary name and renamed, so a file is whole or absent.  Loading reads numbers and JSON, never code.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from parrots.config import OneLayerConfig
from parrots.files import write_whole
from parrots.model import OneLayerModel
from theory.errors import InputError

FORMAT = "mixture-of-parrots one-layer"
CROSS_TOKEN_FORMAT = "mixture-of-parrots cross-token"
"""Files of :mod:`parrots.mixing.checkpoint`."""
VERSION = 1
WRITTEN = "that `parrots run` or `parrots train` wrote"

Config = TypeVar("Config")


def to_bytes(model: OneLayerModel) -> bytes:
    """The file's content."""
    return pack(FORMAT, model.config.to_json(), dict(model.named_parameters()))


def save_model(model: OneLayerModel, path: Path) -> None:
    """Write ``model`` to ``path`` in one step; an existing file is replaced only by a whole one."""
    write_whole(path, to_bytes(model))


def load_model(path: Path) -> OneLayerModel:
    """Read a model; raises :class:`theory.errors.InputError` for a file that is missing, damaged, foreign or newer."""
    config, tensors = unpack(path, FORMAT, "one-layer model", OneLayerConfig.from_json)
    check_arrays(path, tensors, config.shapes())
    return OneLayerModel(config, tensors)


def pack(kind: str, config: Mapping[str, Any], parameters: Mapping[str, torch.Tensor]) -> bytes:
    """A file of the format ``kind``: the configuration as JSON and the parameters."""
    header = {"format": kind, "version": str(VERSION), "config": json.dumps(dict(config))}
    return save({name: value.detach().cpu().contiguous() for name, value in parameters.items()}, header)


def unpack(
    path: Path, kind: str, what: str, parse: Callable[[dict[str, Any]], Config]
) -> tuple[Config, dict[str, torch.Tensor]]:
    """The configuration, ``parse`` of its fields, and the arrays of a file of format ``kind`` (``what`` in words).

    Raises :class:`theory.errors.InputError` as :func:`load_model`.
    """
    shown = repr(str(path)[:200])
    if not _is_file(path):
        raise InputError(f"no checkpoint {shown}: give a .safetensors file {WRITTEN}.")
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a dict)
    except (SafetensorError, OSError) as error:
        raise InputError(
            f"{shown} is not a whole safetensors file ({str(error)[:200]!r}): give another, or train it again."
        ) from error
    _check_header(shown, header, kind, what)
    try:
        config = parse(json.loads(header["config"]))
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise InputError(f"{shown} holds no readable configuration ({error}): train it again.") from error
    return config, tensors


def _is_file(path: Path) -> bool:
    """Whether there is one; a name that the file system does not take (too long, say) is no file."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _check_header(shown: str, header: dict[str, str], kind: str, what: str) -> None:
    if header.get("format") == CROSS_TOKEN_FORMAT != kind:
        raise InputError(
            f"{shown} is a model that routes across tokens, so its answer depends on more than the query's state "
            "and no width bound covers it (see `own-coverage`): give a one-layer model with a token-wise block."
        )
    if header.get("format") != kind:
        raise InputError(f"{shown} is no {what} of this package: give a file {WRITTEN}.")
    version = header.get("version", "")
    if version != str(VERSION):
        raise InputError(
            f"{shown} has format version {version[:20]!r}, this program reads {VERSION}: use the newer program."
        )


def check_arrays(path: Path, tensors: Mapping[str, torch.Tensor], expected: Mapping[str, tuple[int, ...]]) -> None:
    """Raises :class:`theory.errors.InputError` for arrays of other names, shapes or formats, or that are not finite."""
    shown = repr(str(path)[:200])
    found = {name: tuple(value.shape) for name, value in tensors.items()}
    if found != expected:
        wrong = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
        raise InputError(f"{shown}: the arrays {str(wrong)[:200]} do not fit its configuration: train it again.")
    types = {value.dtype for value in tensors.values()}
    if types not in ({torch.float32}, {torch.float64}):
        raise InputError(f"{shown} holds {', '.join(sorted(map(str, types)))}: weights are all float32 or all float64.")
    if not all(bool(torch.isfinite(value).all()) for value in tensors.values()):
        raise InputError(f"{shown} holds weights that are not finite numbers: train it again.")
