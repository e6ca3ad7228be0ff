"""Sets of images, one file a source: a module of this package that defines ``SOURCE`` adds its sets.

Pixels are in [0, 1]: the raw number over the highest that the format has.  Nothing is downloaded.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from experiments.images.image_set import Images, ImageSet, Source, Split
from experiments.suggest import unknown_name
from theory.errors import InputError

__all__ = ["SOURCES", "ImageSet", "Images", "Source", "Split", "check_at_hand", "load", "patches", "sizes"]


def _scan() -> dict[str, Source]:
    found: dict[str, Source] = {}
    for file in pkgutil.iter_modules(__path__):
        source = getattr(importlib.import_module(f"{__name__}.{file.name}"), "SOURCE", None)
        if source is None:
            continue
        if twice := found.keys() & source.sets.keys():
            raise RuntimeError(f"two sources have sets called {', '.join(sorted(twice))}")
        found |= dict.fromkeys(source.sets, source)
    return found


SOURCES: Mapping[str, Source] = _scan()
"""Name of a set -> where it comes from."""


def sizes(name: str) -> ImageSet:
    """The published sizes of the set called ``name``; raises :class:`theory.errors.InputError` for an unknown name."""
    return _source(name).sets[name]


def check_at_hand(name: str, folder: Path) -> None:
    """Raises :class:`theory.errors.InputError`, saying what is missing and how to get it, if a file of the set is."""
    _source(name).files(name, folder)


def load(name: str, folder: Path) -> Images:
    """The set called ``name``, its files from ``folder``.

    Raises :class:`theory.errors.InputError` for an unknown name, and for files that are missing, damaged or foreign.
    """
    return _source(name).read(name, folder)


def patches(pixels: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """``[images, height, width, channels]`` cut into side x side patches: ``[images, side², numbers of a patch]``.

    Patches row by row, and so are the pixels of a patch.  ``side`` must divide height and width.
    """
    images, height, width, channels = pixels.shape
    if height % side or width % side:
        raise InputError(f"{side} x {side} patches of {height} x {width} pixels: give a divisor of both.")
    cut = pixels.reshape(images, side, height // side, side, width // side, channels)
    return cut.swapaxes(2, 3).reshape(images, side * side, -1)


def _source(name: str) -> Source:
    if name not in SOURCES:
        raise unknown_name("set of images", name, SOURCES)
    return SOURCES[name]
