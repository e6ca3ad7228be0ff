"""scikit-learn's handwritten digits: 1,797 images of 8 x 8 pixels from 0 to 16, in the package itself.

They are the test part of "Optical Recognition of Handwritten Digits" (Alpaydin and Kaynak 1998; 13 writers).  Half of
them train, a sixth validates and a third tests; the split is fixed, and keeps the classes in proportion.
"""

from __future__ import annotations

from pathlib import Path

from experiments.images.image_set import Images, ImageSet, Source, drawn_apart, split_of

NAME = "digits"
HIGHEST = 16
SIZES = ImageSet(train=898, validation=300, test=599, height=8, width=8, channels=1, classes=10)


def _files(name: str, folder: Path) -> tuple[Path, ...]:
    return ()


def _read(name: str, folder: Path) -> Images:
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    rest, test, rest_labels, test_labels = drawn_apart(pixels.reshape(-1, 8, 8), labels, SIZES.test)
    train, validation, train_labels, validation_labels = drawn_apart(rest, rest_labels, SIZES.validation)
    return Images(
        split_of(train, train_labels, HIGHEST, SIZES, NAME),
        split_of(validation, validation_labels, HIGHEST, SIZES, NAME),
        split_of(test, test_labels, HIGHEST, SIZES, NAME),
    )


SOURCE = Source({NAME: SIZES}, _files, _read)
