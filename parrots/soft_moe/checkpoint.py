"""Soft MoE models on disk, in files as those of :mod:`parrots.checkpoint`."""

from __future__ import annotations

from pathlib import Path

from parrots.checkpoint import check_arrays, pack, unpack
from parrots.files import write_whole
from parrots.soft_moe.config import SoftMoeConfig
from parrots.soft_moe.model import SoftMoe

FORMAT = "mixture-of-parrots soft-moe"


def to_bytes(model: SoftMoe) -> bytes:
    """The file's content."""
    return pack(FORMAT, model.config.to_json(), model.weights())


def save_model(model: SoftMoe, path: Path) -> None:
    """Write ``model`` to ``path`` in one step; an existing file is replaced only by a whole one."""
    write_whole(path, to_bytes(model))


def load_model(path: Path) -> SoftMoe:
    """Read a model; raises :class:`theory.errors.InputError` for a file that is missing, damaged, foreign or newer."""
    config, tensors = unpack(path, FORMAT, "Soft MoE model", SoftMoeConfig.from_json)
    check_arrays(path, tensors, config.shapes())
    return SoftMoe(config, tensors)
