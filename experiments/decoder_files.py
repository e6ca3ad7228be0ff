"""What the command line calls CKPT: a decoder's file, or the folder of a training run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from theory.errors import InputError

if TYPE_CHECKING:
    from parrots.decoder import Decoder


def open_decoder(path: Path) -> Decoder:
    """The decoder in a ``.safetensors`` file, or the best one of a run: of all of it, or of what is done of it.

    Raises :class:`theory.errors.InputError` for what is neither, and for files that are damaged.
    """
    from parrots.decoder.checkpoint import load_decoder

    return of_run(path) if path.is_dir() else load_decoder(path)


def vocabulary_of(path: Path) -> tuple[str, ...] | None:
    """The text of every token of the task that a run trained on; None for a file, which does not say.

    Raises :class:`theory.errors.InputError` for a folder that is no run.
    """
    from experiments.training.folder import RunFolder

    return RunFolder(path).plan().task.vocabulary if path.is_dir() else None


def of_run(path: Path) -> Decoder:
    """The best decoder of the run in folder ``path``, or the newest of a run that has not ended."""
    from experiments.training import checkpoint
    from experiments.training.folder import RunFolder
    from parrots.decoder import Decoder
    from parrots.decoder.checkpoint import load_decoder

    folder = RunFolder(path)
    plan = folder.plan()
    for file in (folder.best, folder.last):
        if file.exists():
            return load_decoder(file)
    newest = folder.newest()
    if newest is None:
        raise InputError(f"{str(path)[:200]!r} has no checkpoint yet: train longer, or give another run.")
    model = Decoder(plan.config)
    checkpoint.read_model(newest, model)
    return model
