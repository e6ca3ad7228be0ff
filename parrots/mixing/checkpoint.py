"""Models with cross-token routing on disk, in files as those of :mod:`parrots.checkpoint`."""

from __future__ import annotations

from pathlib import Path

from parrots.checkpoint import CROSS_TOKEN_FORMAT, check_arrays, pack, unpack
from parrots.files import write_whole
from parrots.mixing.config import MixingConfig
from parrots.mixing.model import MixingModel


def save_model(model: MixingModel, path: Path) -> None:
    """Write ``model`` to ``path`` in one step; an existing file is replaced only by a whole one."""
    write_whole(path, pack(CROSS_TOKEN_FORMAT, model.config.to_json(), dict(model.named_parameters())))


def load_model(path: Path) -> MixingModel:
    """Read a model; raises :class:`theory.errors.InputError` for a file that is missing, damaged, foreign or newer."""
    config, tensors = unpack(path, CROSS_TOKEN_FORMAT, "model with cross-token routing", MixingConfig.from_json)
    check_arrays(path, tensors, config.shapes())
    return MixingModel(config, tensors)
