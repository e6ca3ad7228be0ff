"""What a set of images is: its published sizes, and its pixels and labels once they are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from theory.errors import InputError


@dataclass(frozen=True)
class ImageSet:
    """What is known of a set without its files: enough to plan a run."""

    train: int
    """Images to train on; ``validation`` and ``test`` likewise."""
    validation: int
    test: int
    height: int
    """Pixels; ``width`` likewise."""
    width: int
    channels: int
    classes: int


@dataclass(frozen=True)
class Split:
    """``pixels`` ``[images, height, width, channels]``, float32 in [0, 1], and ``labels`` ``[images]`` from 0 on."""

    pixels: NDArray[np.float32]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Images:
    """The three splits: train on the first, choose by the second, report the third."""

    train: Split
    validation: Split
    test: Split


@dataclass(frozen=True)
class Source:
    """Where sets of one kind come from; a module of this package that defines one as ``SOURCE`` is found by it."""

    sets: Mapping[str, ImageSet]
    """Name -> sizes."""
    files: Callable[[str, Path], tuple[Path, ...]]
    """``(name, folder)`` -> the files of a set; raises :class:`theory.errors.InputError` where one is missing."""
    read: Callable[[str, Path], Images]
    """``(name, folder)`` -> its images; raises :class:`theory.errors.InputError` for damaged or foreign files."""


def split_of(pixels: NDArray, labels: NDArray, highest: float, known: ImageSet, shown: str) -> Split:
    """Raw ``pixels`` ``[images, height, width]`` or ``[…, channels]``, 0 to ``highest``, and ``labels`` as a split.

    Raises :class:`theory.errors.InputError`, naming the file ``shown``, for images of another shape than the set
    ``known`` has, and for labels that are not one of its classes for every image.
    """
    shape = (known.height, known.width, known.channels)
    if pixels.ndim == 3:
        pixels = pixels[..., None]
    if not len(pixels) or pixels.shape[1:] != shape:
        raise InputError(f"{shown} holds images of shape {pixels.shape}: this set has [images, {str(shape)[1:-1]}].")
    if labels.shape != (len(pixels),) or not np.issubdtype(labels.dtype, np.integer):
        raise InputError(
            f"{shown}: labels of shape {labels.shape} and type {labels.dtype}: give a whole number an image."
        )
    if labels.min() < 0 or labels.max() >= known.classes:
        raise InputError(
            f"{shown} holds labels from {labels.min()} to {labels.max()}: there are {known.classes} classes."
        )
    return Split((pixels / np.float32(highest)).astype(np.float32), labels.astype(np.int64))


def drawn_apart(pixels: NDArray, labels: NDArray, held_out: int) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Split off ``held_out`` images, each class in proportion, always the same ones.

    Gives the pixels of both parts, then their labels.
    """
    from sklearn.model_selection import train_test_split

    return tuple(train_test_split(pixels, labels, test_size=held_out, random_state=0, stratify=labels))
