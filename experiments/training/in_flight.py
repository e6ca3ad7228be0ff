"""Stacked models in the middle of their training, kept on disk now and then, so that a killed study goes on there.

Where: in the folder that the environment variable :data:`FOLDER` names; ``parrots run`` sets it for its own workers.  A
file holds weights, moments, buffers and random state after a step; with the data, which are numbered, that is all.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from experiments.row_adam import RowAdam
from parrots.decoder import DecoderEnsemble
from parrots.files import write_whole
from theory.errors import InputError

FOLDER = "PARROTS_IN_FLIGHT"
SECONDS = 300.0
"""Between two looks of a clock that write a file: trainings shorter than this never do."""


class InFlight:
    """The file of one ensemble's training, named by all that its result depends on; no file without a folder."""

    def __init__(self, training: Any) -> None:
        """``training``: members and recipe in JSON types."""
        folder = os.environ.get(FOLDER)
        self.path = Path(folder) / f"{_digest(training)}.safetensors" if folder else None
        self._written = time.monotonic()

    def resume(self, adam: RowAdam, ensemble: DecoderEnsemble) -> int:
        """Put the kept state in place; the step to go on with, 0 without a file.

        Raises:
            InputError: for a file that cannot be read.
        """
        if self.path is None or not self.path.exists():
            return 0
        try:
            with safe_open(self.path, framework="pt") as file:
                kept = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a dict)
                step = int((file.metadata() or {})["step"])
            for name, value in _state(adam, ensemble).items():
                value.copy_(kept[name])
            torch.set_rng_state(kept["random"])
        except (SafetensorError, OSError, KeyError, ValueError, RuntimeError) as error:
            raise InputError(f"{self.path} is damaged ({str(error)[:100]}): remove it and run again.") from error
        adam.count = step
        return step

    def keep(self, step: int, adam: RowAdam, ensemble: DecoderEnsemble) -> None:
        """Write the state after ``step`` steps, if the last time was long enough ago."""
        if self.path is None or time.monotonic() - self._written < SECONDS:
            return
        arrays = {name: value.detach().cpu().contiguous() for name, value in _state(adam, ensemble).items()}
        write_whole(self.path, save({**arrays, "random": torch.get_rng_state()}, {"step": str(step)}))
        self._written = time.monotonic()


@contextmanager
def kept_in(folder: Path) -> Iterator[None]:
    """Processes started inside keep their files in ``folder``, unless the environment names one already."""
    if os.environ.get(FOLDER):
        yield
        return
    os.environ[FOLDER] = str(folder.absolute())
    try:
        yield
    finally:
        del os.environ[FOLDER]


def _state(adam: RowAdam, ensemble: DecoderEnsemble) -> dict[str, Tensor]:
    return {"weights": adam.flat, "mean": adam.mean, "square": adam.square} | {
        f"buffer.{name}": value for name, value in ensemble.buffers.items()
    }


def _digest(training: Any) -> str:
    return hashlib.sha256(json.dumps(training, sort_keys=True).encode()).hexdigest()[:32]
