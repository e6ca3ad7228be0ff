"""MedMNIST's flat images with one label each (Yang et al. 2023), from the .npz file that each set is published as.

They are looked for where ``medmnist`` puts them, ``FOLDER/NAME.npz``; that package is not needed to read them.  The
splits are the published ones.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from experiments.images.image_set import Images, ImageSet, Source, Split, split_of
from theory.errors import InputError

HIGHEST = 255


def _sizes(train: int, validation: int, test: int, classes: int, channels: int = 1) -> ImageSet:
    return ImageSet(train, validation, test, 28, 28, channels, classes)


SETS = {
    "bloodmnist": _sizes(11_959, 1_712, 3_421, 8, channels=3),
    "breastmnist": _sizes(546, 78, 156, 2),
    "dermamnist": _sizes(7_007, 1_003, 2_005, 7, channels=3),
    "octmnist": _sizes(97_477, 10_832, 1_000, 4),
    "organamnist": _sizes(34_561, 6_491, 17_778, 11),
    "organcmnist": _sizes(12_975, 2_392, 8_216, 11),
    "organsmnist": _sizes(13_932, 2_452, 8_827, 11),
    "pathmnist": _sizes(89_996, 10_004, 7_180, 9, channels=3),
    "pneumoniamnist": _sizes(4_708, 524, 624, 2),
    "retinamnist": _sizes(1_080, 120, 400, 5, channels=3),
    "tissuemnist": _sizes(165_466, 23_640, 47_280, 8),
}
"""As MedMNIST 3 gives them; chestmnist has many labels an image and is left out."""


def _files(name: str, folder: Path) -> tuple[Path, ...]:
    path = folder / f"{name}.npz"
    if not path.is_file():
        raise InputError(
            f"images={name}: no file {path}: put it there, as `python -m medmnist download --root={folder}` does, or "
            "give its --set folder=…"
        )
    return (path,)


def _read(name: str, folder: Path) -> Images:
    (path,) = _files(name, folder)
    try:
        with np.load(path) as file:  # without pickles: numbers alone
            return Images(*(_split(file, split, SETS[name], path) for split in ("train", "val", "test")))
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is not a whole MedMNIST file ({error}): fetch it again.") from error


def _split(file: np.lib.npyio.NpzFile, split: str, known: ImageSet, path: Path) -> Split:
    labels = file[f"{split}_labels"]
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    return split_of(file[f"{split}_images"], labels, HIGHEST, known, str(path))


SOURCE = Source(SETS, _files, _read)
