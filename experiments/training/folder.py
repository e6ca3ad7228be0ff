"""The folder of a run: one process at a time, one plan, one line of metrics a step.

``run.json`` holds the plan; ``metrics.jsonl`` a line for each step that was looked at; ``checkpoints/`` see
:mod:`experiments.training.checkpoint`.  Once training ended, ``best.safetensors`` and ``last.safetensors``
hold the models and ``routers.svg`` shows what the routers did.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments import provenance
from experiments.jsonable import jsonable
from experiments.suggest import clip
from experiments.training import checkpoint
from experiments.training.plan import Plan, differences
from parrots.files import write_whole
from theory.errors import InputError

FORMAT = "mixture-of-parrots training run"


@dataclass(frozen=True)
class RunFolder:
    path: Path

    @property
    def plan_file(self) -> Path:
        return self.path / "run.json"

    @property
    def metrics_file(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def best(self) -> Path:
        """The model with the lowest validation loss."""
        return self.path / "best.safetensors"

    @property
    def last(self) -> Path:
        return self.path / "last.safetensors"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder, which is made if it is not there; the lock ends with the process, however it ends.

        Raises :class:`theory.errors.InputError` if another process holds it, nothing can be written there, or it holds
        something that is no run.
        """
        try:
            self._refuse_foreign()
            self.checkpoints.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.path / ".lock", os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise InputError(
                f"--out {self.path} cannot be written ({error.strerror}): give a folder that can."
            ) from error
        try:
            _lock(handle, self.path)
            yield
        finally:
            os.close(handle)

    def _refuse_foreign(self) -> None:
        if not self.path.exists() or self.plan_file.exists():
            return
        found = [
            path.name for path in self.path.iterdir() if path != self.checkpoints and not path.name.startswith(".")
        ]
        if found:
            raise InputError(
                f"--out {self.path} holds {clip(min(found))}, which is no training run: give a new or empty folder."
            )

    def settle(self, plan: Plan) -> None:
        """Write ``plan``, or check that it is the one that this folder was made for; remove half-written leftovers.

        Raises :class:`theory.errors.InputError`, listing every field that differs.
        """
        checkpoint.clean(self.checkpoints)
        if not self.plan_file.exists():
            origin = {"versions": provenance.versions(), "revision": provenance.revision()}
            content = {"format": FORMAT, **plan.to_json(), **origin, "machine": provenance.machine()}
            write_whole(self.plan_file, json.dumps(content, indent=1).encode())
            return
        there = self._read()
        found = differences({part: there[part] for part in plan.to_json()}, _as_read(plan.to_json()))
        if found:
            raise InputError(
                f"{self.path} holds a run with another configuration ({'; '.join(found)}): give the same flags to go "
                "on with it, or another --out to start anew."
            )

    def plan(self) -> Plan:
        """Raises :class:`theory.errors.InputError` where there is no run, or no readable one."""
        return Plan.from_json(self._read())

    def _read(self) -> dict[str, Any]:
        try:
            content = json.loads(self.plan_file.read_text())
            if content["format"] == FORMAT and all(
                isinstance(content[key], dict) for key in ("task", "model", "recipe")
            ):
                return dict(content)
        except OSError as error:
            raise InputError(f"{self.path} holds no run: give a folder that `parrots train` wrote.") from error
        except (ValueError, KeyError, TypeError, RecursionError):
            pass
        raise InputError(f"{self.plan_file} is no readable plan of a run: give another folder, or train again.")

    def newest(self) -> Path | None:
        """The newest checkpoint."""
        there = checkpoint.saved(self.checkpoints)
        return there[-1] if there else None


class Metrics:
    """Lines of ``metrics.jsonl``, in the order of the steps; those of a run that died, after step ``done``, go.

    What a kill left half written was after the checkpoint, and goes with them.
    """

    def __init__(self, path: Path, done: int) -> None:
        self.path = path
        kept = [line for line in _lines(path) if _step(line) <= done]
        write_whole(path, "".join(kept).encode())
        self._file = path.open("a")

    def add(self, row: dict[str, Any]) -> None:
        """Append one row, whose ``step`` is larger than those before."""
        self._file.write(json.dumps(jsonable(row), allow_nan=False) + "\n")
        self._file.flush()

    def to_disk(self) -> None:
        """Before a checkpoint: what it says is done must be here."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines(keepends=True) if path.exists() else []


def _step(line: str) -> float:
    """The step of a line; after everything if it is not whole."""
    try:
        return float(json.loads(line)["step"]) if line.endswith("\n") else float("inf")
    except (ValueError, KeyError, TypeError):
        return float("inf")


def _as_read(plain: dict[str, Any]) -> dict[str, Any]:
    """As JSON reads it: tuples are lists."""
    return dict(json.loads(json.dumps(plain)))


def _lock(handle: int, path: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = clip(os.pread(handle, 20, 0).decode(errors="replace")) or "unknown"
        raise InputError(
            f"{path} is in use by another training run (process {holder}): wait for it, or give another --out."
        ) from error
    os.ftruncate(handle, 0)
    os.pwrite(handle, str(os.getpid()).encode(), 0)
