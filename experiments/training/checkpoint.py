"""Checkpoints of a run in progress: weights, optimiser, random numbers and step, whole or absent, without pickle.

A checkpoint is a folder ``step-00000200`` that is written under another name and renamed when all of it is on disk.
One process writes ``model.safetensors`` (a file of :mod:`parrots.decoder.checkpoint`) and ``optimiser.safetensors``;
several write a safetensors file of their own shards each (:mod:`experiments.training.distributed`).  ``state.json``
holds everything else, and the SHA-256 of every file and of itself.  The schedule and the position in the data are
functions of the step.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save
from torch.optim import AdamW

from experiments.training.optimiser import load_moments, moments, set_steps
from experiments.training.world import World
from parrots.decoder import Decoder
from parrots.decoder.checkpoint import load_decoder, save_decoder
from parrots.files import write_whole
from theory.errors import InputError

VERSION = 1
STATE, MODEL, OPTIMISER = "state.json", "model.safetensors", "optimiser.safetensors"
_NAME = "step-{:08d}"
_UNFINISHED = ".unfinished-"


@dataclass(frozen=True)
class Best:
    """The check with the lowest validation loss so far."""

    step: int
    loss: float


@dataclass(frozen=True)
class Position:
    """Where a run is."""

    step: int = 0
    """Steps that are done."""
    seconds: float = 0.0
    """Time spent on them."""
    best: Best | None = None


def saved(folder: Path) -> list[Path]:
    """The checkpoints in ``folder``, oldest first."""
    return sorted(path for path in folder.glob("step-*") if path.is_dir())


def at(folder: Path, step: int) -> Path:
    return folder / _NAME.format(step)


def write(folder: Path, model: Decoder, optimiser: AdamW, position: Position, world: World) -> Path:
    """Write a checkpoint of this moment; all processes call it together.  Raises :class:`OSError`."""
    target, partial = at(folder, position.step), folder / f"{_UNFINISHED}{position.step}"
    world.first_does(lambda: _make_empty(partial))
    if world.size == 1:
        save_decoder(model, partial / MODEL)
        write_whole(partial / OPTIMISER, save({k: v.cpu() for k, v in moments(model, optimiser).items()}))
    else:
        from experiments.training.distributed import write_shards

        write_shards(partial, model, optimiser)
    random = world.collect(_random_state(world.device))
    hashes = {name: value for part in world.collect(_hashes(partial, world)) for name, value in part.items()}
    world.first_does(lambda: _finish(partial, target, {"position": asdict(position), "random": random}, hashes))
    return target


def read(path: Path, model: Decoder, optimiser: AdamW, world: World) -> Position:
    """Bring ``model``, ``optimiser`` and the random numbers to where they were; any number of processes wrote it.

    Raises :class:`theory.errors.InputError` as :func:`verified`.
    """
    state = world.first_does(lambda: verified(path))
    position = _position(state)
    if world.size == 1 and (path / MODEL).exists():
        model.load_state_dict(load_decoder(path / MODEL).state_dict())
        load_moments(model, optimiser, load_file(path / OPTIMISER))
    else:
        from experiments.training.distributed import read_shards

        read_shards(path, model, optimiser)
    set_steps(optimiser, position.step)
    if world.rank < len(state["random"]):
        _set_random_state(state["random"][world.rank], world.device)
    return position


def read_model(path: Path, model: Decoder) -> None:
    """The weights alone, into a ``model`` of one process; raises :class:`theory.errors.InputError` as :func:`read`."""
    verified(path)
    if (path / MODEL).exists():
        model.load_state_dict(load_decoder(path / MODEL).state_dict())
    else:
        from experiments.training.distributed import read_shards

        read_shards(path, model)


def position_of(path: Path) -> Position:
    """Where the run was; raises :class:`theory.errors.InputError` as :func:`verified`."""
    return _position(verified(path))


def verified(path: Path) -> dict[str, Any]:
    """The content of ``state.json`` once every file is what was written.

    Raises:
        InputError: a file is missing, truncated or edited; it says which one, and how to go on without it.
    """
    try:
        content = json.loads((path / STATE).read_text())
        checksum = content.pop("checksum")
        if content["version"] != VERSION:
            raise _refused(path, f"format version {str(content['version'])[:20]!r} is not {VERSION}, which this reads")
        files = dict(content["files"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise _refused(path, f"{STATE} is missing, truncated or edited") from error
    if checksum != _digest(content):
        raise _refused(path, f"{STATE} was edited")
    for name, digest in files.items():
        if not (path / name).is_file():
            raise _refused(path, f"{name} is missing")
        if _hash(path / name) != digest:
            raise _refused(path, f"{name} is truncated or was edited")
    return dict(content)


def _refused(path: Path, why: str) -> InputError:
    others = [other.name for other in saved(path.parent) if other < path]
    advice = f"remove that folder, and the same command goes on from {others[-1]}" if others else "train again"
    return InputError(f"checkpoint {path}: {why}; {advice}")


def clean(folder: Path) -> None:
    """Remove what killed runs left half written."""
    for path in folder.glob(f"{_UNFINISHED}*"):
        shutil.rmtree(path)


def prune(folder: Path, keep: int, best: Best | None) -> None:
    """Remove all checkpoints but the last ``keep`` and the best."""
    kept = saved(folder)[-keep:] + ([at(folder, best.step)] if best else [])
    for path in saved(folder):
        if path not in kept:
            doomed = folder / f"{_UNFINISHED}{path.name}"
            path.rename(doomed)  # a checkpoint never loses a file while it bears its name
            shutil.rmtree(doomed)


def _position(state: Mapping[str, Any]) -> Position:
    plain = state["position"]
    return Position(plain["step"], plain["seconds"], Best(**plain["best"]) if plain["best"] else None)


def _make_empty(path: Path) -> None:
    if path.exists():
        shutil.rmtree(path)
    path.mkdir(parents=True)


def _finish(partial: Path, target: Path, state: dict[str, Any], hashes: dict[str, str]) -> None:
    content = {"version": VERSION, **state, "files": hashes}
    write_whole(partial / STATE, json.dumps({**content, "checksum": _digest(content)}).encode())
    _to_disk([*partial.iterdir(), partial])
    if target.exists():
        shutil.rmtree(target)
    partial.rename(target)
    _to_disk([target.parent])


def _to_disk(paths: Iterable[Path]) -> None:
    for path in paths:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _hashes(partial: Path, world: World) -> dict[str, str]:
    """File name -> SHA-256 of this process's share of the files."""
    files = sorted(path for path in partial.iterdir() if path.is_file())
    return {path.name: _hash(path) for path in files[world.rank :: world.size]}


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _random_state(device: torch.device) -> dict[str, str]:
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return {name: state.numpy().tobytes().hex() for name, state in states.items()}


def _set_random_state(states: Mapping[str, str], device: torch.device) -> None:
    tensors = {name: torch.frombuffer(bytearray.fromhex(state), dtype=torch.uint8) for name, state in states.items()}
    torch.set_rng_state(tensors["cpu"])
    if device.type == "cuda" and "cuda" in tensors:
        torch.cuda.set_rng_state(tensors["cuda"], device)
