"""Slot parameters of any Soft MoE layer, without its experts, from an array file."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open

from parrots.soft_moe.checkpoint import FORMAT
from theory.errors import InputError
from theory.soft_moe import SlotVectors
from theory.soft_moe.slots import Array, Logits

NAMES = ("slot_vectors", "phi")
"""Arrays that hold slot vectors, in a file with several."""


def is_model(path: Path) -> bool:
    """Whether the file says that it is a Soft MoE model of this package."""
    if path.suffix != ".safetensors" or not path.is_file():
        return False
    try:
        with safe_open(path, framework="pt") as file:
            return (file.metadata() or {}).get("format") == FORMAT
    except (SafetensorError, OSError):
        return False


def read_slots(path: Path, logits: Logits, scale: float | None = None) -> SlotVectors:
    """The slot vectors of a ``.npy`` or ``.safetensors`` file: ``[d, S]``, or ``[d, experts, slots of an expert]``.

    A safetensors file may hold the scale of normalised logits as ``scale``; without one it is 1.

    Raises:
        InputError: no such file, another kind of file, no array of slot vectors, or numbers that are not finite.
    """
    vectors, stored = _array_file(path) if path.suffix == ".npy" else _tensor_file(path)
    if vectors.ndim == 3:
        vectors = vectors.reshape(len(vectors), math.prod(vectors.shape[1:]))
    chosen = scale if scale is not None else stored if stored is not None else 1.0
    return SlotVectors(vectors, logits, chosen)


def _array_file(path: Path) -> tuple[Array, None]:
    try:
        loaded = np.load(path, allow_pickle=False)
        if not isinstance(loaded, np.ndarray):
            raise ValueError("an archive of arrays under another name")
        return loaded, None
    except OSError as error:
        raise InputError(f"no slot parameters {str(path)[:200]!r}: {error.strerror or error}.") from error
    except (ValueError, EOFError) as error:
        raise InputError(f"{str(path)[:200]!r} is no array of numbers: write one with numpy.save.") from error


def _tensor_file(path: Path) -> tuple[Array, float | None]:
    shown = repr(str(path)[:200])
    if path.suffix != ".safetensors" or not path.is_file():
        raise InputError(f"no file {shown} with slot vectors: give a .safetensors or .npy file.")
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a dict)
    except (SafetensorError, OSError) as error:
        raise InputError(f"{shown} is not a whole safetensors file ({str(error)[:200]!r}): give another.") from error
    scale = tensors.pop("scale", None)
    named = [name for name in NAMES if name in tensors] or (list(tensors) if len(tensors) == 1 else [])
    if not named:
        raise InputError(
            f"{shown} holds {str(sorted(tensors))[:200]}: name the slot vectors {' or '.join(NAMES)}, or give one "
            "array."
        )
    if scale is not None and (scale.numel() != 1 or scale.is_complex()):
        raise InputError(f"{shown}: the scale has shape {tuple(scale.shape)} and type {scale.dtype}: give one number.")
    return _numbers(tensors[named[0]]), None if scale is None else float(scale)


def _numbers(tensor: torch.Tensor) -> Array:
    return tensor.double().numpy() if tensor.is_floating_point() else tensor.numpy()
