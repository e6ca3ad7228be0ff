"""A file of finished squares: a certificate that is interrupted, even by a kill, goes on where it stopped.

One line of JSON a square, appended whole and flushed to the disk; the first line says of which table.  A last line
without its end was being written when the process died, and is dropped.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from theory.certify.certificate import Part
from theory.certify.plan import SQUARE_BITS
from theory.errors import InputError
from theory.table import ForeignBlock, OneLayerTable

_METHOD = 1
"""To be raised when the squares or their verdicts change: old files are refused then."""


class Record:
    """The finished squares in ``path``, read at once; a context in which more are added.

    Raises :class:`theory.errors.InputError` for a file that cannot be opened, that is no such record, that records
    another table, or that a running process writes; and for a table with a foreign block, which nothing can recognise.
    """

    def __init__(self, path: Path, table: OneLayerTable) -> None:
        if isinstance(table.block, ForeignBlock):
            raise InputError("a foreign block can't be recognised in a state file: certify it without one.")
        self.path = path
        self.parts: dict[int, Part] = {}
        self._first = {"certify": fingerprint(table), "r": table.r}
        self._file: BinaryIO = _open(path)
        try:
            self._lock()
            self._read()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Record:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def add(self, number: int, part: Part) -> None:
        """Record a finished square for good."""
        self._append({"square": number, **asdict(part)})

    def _append(self, row: dict[str, object]) -> None:
        self._file.write(json.dumps(row).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(
                f"{self.path} is being written by another run: wait for it, or give another state file."
            ) from error

    def _read(self) -> None:
        self._file.seek(0)
        lines = self._file.read().split(b"\n")
        torn = lines.pop()
        if not lines and json.dumps(self._first).encode().startswith(torn):
            self._file.truncate(0)
            self._append(self._first)
            return
        try:
            rows = [json.loads(line) for line in lines]
            first = rows[0]
            self.parts = {_whole_number(row.pop("square")): _part(row) for row in rows[1:]}
            known = isinstance(first, dict) and "certify" in first
        except (ValueError, TypeError, KeyError, AttributeError, IndexError):
            known = False
        if not known:
            raise InputError(
                f"{self.path} is no record of `parrots certify`: give the name of a new file, or of one it wrote."
            )
        if first != self._first:
            raise InputError(
                f"{self.path} records the certificate of another model (r = {first.get('r')}, here r = "
                f"{self._first['r']}) or of another version: give another state file, or remove this one."
            )
        self._file.truncate(sum(len(line) + 1 for line in lines))


def _open(path: Path) -> BinaryIO:
    """``path`` to be read and appended to; a device or a pipe is refused, because reading one may never end."""
    given = f"state file {str(path)[:200]!r}"
    hint = "give the name of a new file, or of one that `parrots certify` wrote."
    try:
        if path.exists() and not path.is_file():
            raise InputError(f"{given} is a folder, a device or a pipe: {hint}")
        return path.open("ab+")
    except OSError as error:
        raise InputError(f"{given} cannot be opened ({error.strerror}): {hint}") from error


def fingerprint(table: OneLayerTable) -> str:
    """A hash of everything that the verdicts on a table's squares depend on."""
    block = vars(table.block)
    facts = {name: value for name, value in (vars(table) | block).items() if isinstance(value, int | None)}
    digest = hashlib.sha256(json.dumps([_METHOD, SQUARE_BITS, sorted(facts.items())]).encode())
    for name, array in sorted(table.arrays().items()):
        digest.update(f"{name}{array.shape}".encode())
        digest.update(array.astype("<f8").tobytes())
    return digest.hexdigest()


def _part(row: dict[str, object]) -> Part:
    """Raises :class:`ValueError`, :class:`TypeError` or :class:`KeyError` for a row that :meth:`Record.add` never
    writes."""
    match row.pop("worst"), row.pop("min_margin"):
        case None, float(margin):
            worst = None
        case [float(least), int(alice), int(bob)], float(margin):
            worst = (least, alice, bob)
        case other:
            raise ValueError(f"{other} are no worst input and no margin")
    part = Part(**{name: _whole_number(count) for name, count in row.items()}, min_margin=margin, worst=worst)
    if part.inputs < part.wrong + part.undecided or part.inputs < part.decided_exactly:
        raise ValueError("more verdicts than inputs")
    return part


def _whole_number(value: object) -> int:
    if not isinstance(value, int) or value < 0:
        raise ValueError(f"{value} is no count")
    return value
