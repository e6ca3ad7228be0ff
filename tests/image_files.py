"""Small sets of images written in the format of MNIST's files."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np

from experiments.images.idx import FILES

RNG = np.random.default_rng(0)


def idx_bytes(array: np.ndarray) -> bytes:
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


def mnist_arrays(train: int = 120, test: int = 30) -> list[np.ndarray]:
    found = []
    for count in (train, test):
        found += [RNG.integers(0, 256, (count, 28, 28)), np.arange(count) % 10]
    return found


def write_mnist(folder: Path, arrays: list[np.ndarray], name: str = "MNIST", packed: bool = False) -> Path:
    raw = folder / name / "raw"
    raw.mkdir(parents=True)
    for file, array in zip(FILES, arrays, strict=True):
        content = idx_bytes(array)
        (raw / (f"{file}.gz" if packed else file)).write_bytes(gzip.compress(content) if packed else content)
    return raw
