"""Files that are whole or absent: what is replaced, what is refused and left as it is."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from parrots.files import write_whole


def test_a_file_is_made_with_its_folder_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    for content in (b"first", b"second"):
        write_whole(path, content)
        assert path.read_bytes() == content
    assert [file.name for file in path.parent.iterdir()] == ["file"]


def test_a_long_name_is_no_obstacle(tmp_path: Path) -> None:
    write_whole(tmp_path / ("x" * 250), b"content")
    assert (tmp_path / ("x" * 250)).read_bytes() == b"content"


def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    """A rename would remove a pipe or a device, such as /dev/null for who may write there."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises(OSError, match="not a file") as caught:
            write_whole(tmp_path / name, b"content")
        assert caught.value.filename == str(tmp_path / name)
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["folder", "pipe"]


def test_an_error_names_the_file_that_was_asked_for(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    for name in ("taken/file", "y" * 300):
        with pytest.raises(OSError, match=r"taken|too long") as caught:
            write_whole(tmp_path / name, b"content")
        assert caught.value.filename == str(tmp_path / name)
