"""Images: the fixed split of the digits, files in the real formats, patches, and one line for what is missing."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from image_files import idx_bytes, mnist_arrays, write_mnist

from experiments.images import SOURCES, check_at_hand, load, patches, sizes
from experiments.images.idx import FILES, read_idx
from theory.errors import InputError

RNG = np.random.default_rng(0)


def medmnist_arrays(channels: int = 1, classes: int = 2) -> dict[str, np.ndarray]:
    shape = (28, 28) if channels == 1 else (28, 28, channels)
    found = {}
    for split, count in (("train", 12), ("val", 6), ("test", 8)):
        found[f"{split}_images"] = RNG.integers(0, 256, (count, *shape)).astype(np.uint8)
        found[f"{split}_labels"] = (np.arange(count) % classes)[:, None].astype(np.uint8)
    return found


def test_the_digits_are_those_of_scikit_learn_split_once() -> None:
    from sklearn.datasets import load_digits

    images, known = load("digits", Path("nowhere")), sizes("digits")
    splits = (images.train, images.validation, images.test)
    assert [len(split) for split in splits] == [known.train, known.validation, known.test]
    rows = np.concatenate([split.pixels.reshape(len(split), -1) for split in splits])
    labels = np.concatenate([split.labels for split in splits])
    assert rows.dtype == np.float32
    assert (rows.min(), rows.max()) == (0, 1)
    whole, truth = load_digits(return_X_y=True)
    ours = sorted(
        (*(row * 16), label)
        for row, label in zip(rows.tolist(), labels.tolist(), strict=True)
        for row in [np.array(row)]
    )
    theirs = sorted((*row, label) for row, label in zip(whole, truth.tolist(), strict=True))
    assert ours == theirs  # every image once, with its label
    for split in splits:
        assert np.abs(np.bincount(split.labels) - np.bincount(truth) * len(split) / len(truth)).max() <= 1
    again = load("digits", Path("nowhere"))
    assert all(
        (one.pixels == other.pixels).all()
        for one, other in zip(splits, (again.train, again.validation, again.test), strict=True)
    )


@pytest.mark.parametrize(
    ("name", "folder"), [("mnist", "MNIST"), ("fashion-mnist", "FashionMNIST"), ("kmnist", "KMNIST")]
)
@pytest.mark.parametrize("packed", [False, True])
def test_idx_files_are_read(tmp_path: Path, name: str, folder: str, packed: bool) -> None:
    arrays = mnist_arrays()
    write_mnist(tmp_path, arrays, folder, packed)
    check_at_hand(name, tmp_path)
    images = load(name, tmp_path)
    assert [len(split) for split in (images.train, images.validation, images.test)] == [100, 20, 30]
    np.testing.assert_array_equal(images.test.labels, arrays[3])
    np.testing.assert_allclose(images.test.pixels[..., 0], arrays[2] / 255, rtol=1e-6)
    both = np.concatenate((images.train.pixels, images.validation.pixels))[..., 0]
    labels = np.concatenate((images.train.labels, images.validation.labels))
    order = {
        row.tobytes(): label
        for row, label in zip((arrays[0] / np.float32(255)).astype(np.float32), arrays[1], strict=True)
    }
    assert [order[row.tobytes()] for row in both] == labels.tolist()
    assert np.bincount(images.validation.labels).tolist() == [2] * 10


def test_torchvision_reads_the_same_files(tmp_path: Path) -> None:
    datasets = pytest.importorskip("torchvision.datasets", exc_type=Exception)
    write_mnist(tmp_path, mnist_arrays())
    theirs = datasets.MNIST(tmp_path, train=False, download=False)
    ours = load("mnist", tmp_path).test
    np.testing.assert_allclose(ours.pixels[..., 0], theirs.data.numpy() / 255, rtol=1e-6)
    np.testing.assert_array_equal(ours.labels, theirs.targets.numpy())


@pytest.mark.parametrize(("name", "channels", "classes"), [("pneumoniamnist", 1, 2), ("bloodmnist", 3, 8)])
def test_medmnist_files_are_read(tmp_path: Path, name: str, channels: int, classes: int) -> None:
    arrays = medmnist_arrays(channels, classes)
    np.savez_compressed(tmp_path / f"{name}.npz", **arrays)
    check_at_hand(name, tmp_path)
    images = load(name, tmp_path)
    for split, key in ((images.train, "train"), (images.validation, "val"), (images.test, "test")):
        expected = arrays[f"{key}_images"].reshape(-1, 28, 28, channels) / 255
        np.testing.assert_allclose(split.pixels, expected, rtol=1e-6)
        np.testing.assert_array_equal(split.labels, arrays[f"{key}_labels"][:, 0])


def test_medmnist_reads_the_same_file(tmp_path: Path) -> None:
    medmnist = pytest.importorskip("medmnist", exc_type=Exception)
    np.savez(tmp_path / "pneumoniamnist.npz", **medmnist_arrays())
    theirs = medmnist.PneumoniaMNIST(split="val", root=str(tmp_path), download=False)
    ours = load("pneumoniamnist", tmp_path).validation
    np.testing.assert_allclose(ours.pixels[..., 0], theirs.imgs / 255, rtol=1e-6)
    np.testing.assert_array_equal(ours.labels, theirs.labels[:, 0])
    for name, known in SOURCES["pneumoniamnist"].sets.items():
        info = medmnist.INFO[name]
        counts = {"train": known.train, "val": known.validation, "test": known.test}
        assert (counts, known.classes, known.channels) == (info["n_samples"], len(info["label"]), info["n_channels"])


@pytest.mark.parametrize("name", SOURCES)
def test_missing_files_are_one_line_that_says_how_to_get_them(tmp_path: Path, name: str) -> None:
    if name == "digits":
        return check_at_hand(name, tmp_path)
    with pytest.raises(InputError, match=rf"images={name}: no file {tmp_path}.*folder=") as error:
        check_at_hand(name, tmp_path)
    assert "\n" not in str(error.value)
    assert "download" in str(error.value)


def test_one_missing_file_of_four_is_named(tmp_path: Path) -> None:
    raw = write_mnist(tmp_path, mnist_arrays())
    (raw / FILES[3]).unlink()
    with pytest.raises(InputError, match=FILES[3]):
        load("mnist", tmp_path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "does not begin as an IDX file"),
        (b"\0\0\x0d\1\0\0\0\1\0\0\0\0", "does not begin as an IDX file"),
        (b"\0\0\x08\3\0\0\0\1", "does not begin as an IDX file"),
        (struct.pack(">BBBB3I", 0, 0, 8, 3, 120, 28, 28) + bytes(10), "holds 10 numbers, not 120 x 28 x 28"),
        (idx_bytes(np.zeros((120, 14, 14))), "images of shape"),
        (idx_bytes(np.zeros((0, 28, 28))), "images of shape"),
    ],
)
def test_damaged_idx_files_are_refused(tmp_path: Path, content: bytes, words: str) -> None:
    raw = write_mnist(tmp_path, mnist_arrays())
    (raw / FILES[0]).write_bytes(content)
    with pytest.raises(InputError, match=words):
        load("mnist", tmp_path)


def test_labels_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    arrays = mnist_arrays()
    write_mnist(tmp_path / "few", [arrays[0], arrays[1][:7], *arrays[2:]])
    with pytest.raises(InputError, match=r"labels of shape \(7,\)"):
        load("mnist", tmp_path / "few")
    write_mnist(tmp_path / "high", [*arrays[:3], arrays[3] + 1])
    with pytest.raises(InputError, match="labels from 1 to 10: there are 10 classes"):
        load("mnist", tmp_path / "high")


def test_a_broken_gzip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(idx_bytes(np.zeros((5, 2))))[:-9])
    with pytest.raises(InputError, match="cannot be read"):
        read_idx(path)


def test_damaged_medmnist_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "breastmnist.npz"
    path.write_bytes(b"no zip")
    with pytest.raises(InputError, match="not a whole MedMNIST file"):
        load("breastmnist", tmp_path)
    arrays = medmnist_arrays()
    del arrays["val_labels"]
    np.savez(path, **arrays)
    with pytest.raises(InputError, match="not a whole MedMNIST file"):
        load("breastmnist", tmp_path)
    np.savez(path, **medmnist_arrays() | {"train_labels": np.zeros((12, 3), np.uint8)})
    with pytest.raises(InputError, match=r"labels of shape \(12, 3\)"):
        load("breastmnist", tmp_path)
    np.savez(path, **medmnist_arrays() | {"train_images": np.array([{}], dtype=object)})
    with pytest.raises(InputError, match="not a whole MedMNIST file"):  # a pickle is not run
        load("breastmnist", tmp_path)


def test_patches_are_pieces_of_the_image() -> None:
    pixels = RNG.random((3, 4, 6, 2)).astype(np.float32)
    tokens = patches(pixels, 2)
    assert tokens.shape == (3, 4, 12)
    for row in range(2):
        for column in range(2):
            piece = pixels[:, 2 * row : 2 * row + 2, 3 * column : 3 * column + 3]
            np.testing.assert_array_equal(tokens[:, 2 * row + column], piece.reshape(3, -1))
    with pytest.raises(InputError, match="4 x 4 patches of 4 x 6 pixels"):
        patches(pixels, 4)


def test_an_unknown_set_is_refused_with_close_names() -> None:
    with pytest.raises(InputError, match="unknown set of images 'minst': did you mean mnist"):
        sizes("minst")
