"""Decoders on disk, in files as those of :mod:`parrots.checkpoint`, with a digest that tells whether one was edited."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from parrots.checkpoint import check_arrays, pack, unpack
from parrots.decoder.config import DecoderConfig
from parrots.decoder.model import Decoder
from parrots.files import write_whole
from theory.errors import InputError

FORMAT = "mixture-of-parrots decoder"


def to_bytes(model: Decoder) -> bytes:
    """The file's content: every parameter and buffer.

    Raises :class:`theory.errors.InputError` for weights that :func:`load_decoder` would refuse.
    """
    state = _state(model)
    _check(Path("the model to be saved"), state, state)
    config = model.config.to_json()
    return pack(FORMAT, {"decoder": config, "digest": _digest(config, state)}, state)


def save_decoder(model: Decoder, path: Path) -> None:
    """Write ``model`` to ``path`` in one step; an existing file is replaced only by a whole one."""
    write_whole(path, to_bytes(model))


def load_decoder(path: Path) -> Decoder:
    """Read a model; raises :class:`theory.errors.InputError` for a file that is missing, damaged, edited or foreign."""
    (plain, digest), tensors = unpack(path, FORMAT, "decoder", _parse)
    shown = repr(str(path)[:200])
    if _digest(plain, tensors) != digest:
        raise InputError(f"{shown} was edited or damaged after it was written: give another, or train it again.")
    model = Decoder(DecoderConfig.from_json(plain))
    _check(path, tensors, _state(model))
    if any(value.dtype == torch.float64 for value in tensors.values()):
        model = model.double()
    model.load_state_dict(tensors)
    return model


def _parse(fields: dict[str, Any]) -> tuple[dict[str, Any], str]:
    return dict(fields["decoder"]), str(fields["digest"])


def _state(model: Decoder) -> dict[str, Tensor]:
    return {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}


def _check(path: Path, tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """As :func:`parrots.checkpoint.check_arrays`, apart for what holds no real numbers, such as a table of experts."""
    apart = {name for name, value in expected.items() if not value.is_floating_point()}
    found, wanted = (
        {name: (value.shape, value.dtype) for name, value in arrays.items() if name in apart}
        for arrays in (tensors, expected)
    )
    if found != wanted:
        raise InputError(
            f"{str(path)[:200]!r}: the arrays {str(sorted(apart))[:200]} do not fit its configuration: train it again."
        )
    real = {name: value for name, value in tensors.items() if name not in apart}
    check_arrays(path, real, {name: tuple(value.shape) for name, value in expected.items() if name not in apart})


def _digest(config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of the configuration and of every array: its name, type, shape and bytes."""
    digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
    for name, value in sorted(tensors.items()):
        digest.update(f"\n{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()
