"""Files that are whole or absent: written under a temporary name, then renamed."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path`` in one step, making its folder; a file that is there is replaced by a whole one.

    Raises :class:`OSError`, naming ``path``, where nothing can be written, and for a folder, a device or a pipe: to
    replace one of those would remove it.
    """
    try:
        if path.exists() and not path.is_file():
            raise OSError(errno.EINVAL, "a folder, a device or a pipe, not a file")
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_and_rename(path, content)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _write_and_rename(path: Path, content: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
