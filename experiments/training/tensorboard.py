"""The metrics of a run as TensorBoard reads them; needs the extra of that name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from theory.errors import InputError


class Board:
    """Writes every number of a row of metrics under its name, numbers in lists with their places."""

    def __init__(self, writer: Any) -> None:
        self._writer = writer

    def add(self, row: Mapping[str, Any]) -> None:
        for name, value in _numbers(row):
            if name != "step":
                self._writer.add_scalar(name, value, row["step"])
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()


def board(folder: Path) -> Board:
    """Raises :class:`theory.errors.InputError` without the extra."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise InputError(
            "--tensorboard needs TensorBoard: pip install 'mixture-of-parrots[tensorboard]', or leave the flag out."
        ) from error
    return Board(SummaryWriter(str(folder)))


def _numbers(value: Any, name: str = "") -> Iterator[tuple[str, float]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _numbers(item, f"{name}/{key}" if name else str(key))
    elif isinstance(value, list | tuple):
        for place, item in enumerate(value):
            yield from _numbers(item, f"{name}/{place}")
    elif isinstance(value, int | float):
        yield name, float(value)
