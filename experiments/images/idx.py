"""MNIST and the sets made in its form, from the four IDX files that each is published as.

They are looked for where ``torchvision.datasets.MNIST(FOLDER, download=True)`` puts them, ``FOLDER/MNIST/raw``, packed
(``.gz``) or not.  That package is not needed to read them.  A sixth of the training images validates.

An IDX file is two zero bytes, the code of the type (8: unsigned bytes), the number of axes, their sizes as big-endian
32-bit integers, and the numbers.
"""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from experiments.images.image_set import Images, ImageSet, Source, drawn_apart, split_of
from theory.errors import InputError

SIZES = ImageSet(train=50_000, validation=10_000, test=10_000, height=28, width=28, channels=1, classes=10)
FOLDERS = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST", "kmnist": "KMNIST"}
"""Name -> the folder and the class of torchvision that it has."""
FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
BYTES = 0x08
HIGHEST = 255
VALIDATION = 6
"""One training image in so many validates."""


def _files(name: str, folder: Path) -> tuple[Path, ...]:
    return tuple(_file(name, folder, file) for file in FILES)


def _file(name: str, folder: Path, file: str) -> Path:
    raw = folder / FOLDERS[name] / "raw"
    for path in (raw / file, raw / f"{file}.gz"):
        if path.is_file():
            return path
    raise InputError(
        f"images={name}: no file {raw / file} (or .gz): put the four files of the set there, as "
        f"torchvision.datasets.{FOLDERS[name]}({str(folder)!r}, download=True) does, or give their --set folder=…"
    )


def _read(name: str, folder: Path) -> Images:
    paths = _files(name, folder)
    pixels, labels, test_pixels, test_labels = (read_idx(path) for path in paths)
    whole = split_of(pixels, labels, HIGHEST, SIZES, str(paths[0]))
    train, validation, train_labels, validation_labels = drawn_apart(
        whole.pixels, whole.labels, len(whole) // VALIDATION
    )
    return Images(
        split_of(train, train_labels, 1, SIZES, str(paths[0])),
        split_of(validation, validation_labels, 1, SIZES, str(paths[0])),
        split_of(test_pixels, test_labels, HIGHEST, SIZES, str(paths[2])),
    )


def read_idx(path: Path) -> NDArray[np.uint8]:
    """The array of unsigned bytes in an IDX file; raises :class:`theory.errors.InputError` if it holds no whole one."""
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError) as error:
        raise InputError(f"{path} cannot be read ({error}): fetch it again.") from error
    axes = content[3] if len(content) >= 4 else 0
    if content[:3] != bytes((0, 0, BYTES)) or len(content) < 4 + 4 * axes:
        raise InputError(f"{path} does not begin as an IDX file of bytes does: fetch it again.")
    shape = struct.unpack_from(f">{axes}I", content, 4)
    numbers = np.frombuffer(content, np.uint8, offset=4 + 4 * axes)
    if numbers.size != int(np.prod(shape, dtype=np.int64)):
        raise InputError(f"{path} holds {numbers.size} numbers, not {' x '.join(map(str, shape))}: fetch it again.")
    return numbers.reshape(shape)


SOURCE = Source(dict.fromkeys(FOLDERS, SIZES), _files, _read)
