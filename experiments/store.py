"""The results of a study: one SQLite file a directory, one row a finished cell, rows appended and never changed.

The database refuses updates and deletions by triggers.  A row enters in one transaction, so a killed process leaves
either the whole row or none.  The journal is SQLite's rollback journal, not its write-ahead log, because a log can't be
read from a read-only folder and breaks on network file systems; two writers wait for one another.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.store_schema import COLUMNS, check, create
from experiments.studies.types import Cell
from parrots.files import write_whole
from theory.errors import InputError

FILE = "results.sqlite"
_WAIT_SECONDS = 60.0
_INSERT = (
    f"INSERT INTO cells ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))}) ON CONFLICT (key) DO NOTHING"
)


def model_path(directory: Path, key: str) -> Path:
    """Where the store in ``directory`` keeps the model of the cell ``key``: the first 16 digits name it."""
    return directory / "models" / f"{key[:16]}.safetensors"


@dataclass(frozen=True)
class Row:
    """A finished cell with where it came from; times are ISO 8601 in UTC."""

    cell: Cell
    metrics: Mapping[str, Any]
    stopped: str
    seconds: float
    device: str
    versions: Mapping[str, str]
    revision: str
    machine: Mapping[str, Any]
    started: str
    finished: str

    @property
    def panel(self) -> str:
        return self.cell.panel

    @property
    def config(self) -> Mapping[str, Any]:
        return self.cell.config


class Store:
    """Appends to ``directory/results.sqlite``, which it creates.

    Raises:
        InputError: before anything is written, if the directory can't be written to, or the file is no store, is
            corrupt, or was written by a newer version.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / FILE
        with _clear_errors(self.path):
            directory.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self.path, timeout=_WAIT_SECONDS, isolation_level=None)
            self._connection.execute("PRAGMA synchronous = FULL")
            try:
                with self._transaction():  # two processes may start on one new file: the second sees the first's table
                    create(self._connection)
                check(self._connection, self.path)
            except BaseException:
                self._connection.close()
                raise

    def append(self, rows: Sequence[Row]) -> int:
        """Add ``rows`` in one transaction and give how many were new; of two rows of one cell the first stays."""
        with _clear_errors(self.path), self._transaction():
            before = self._connection.total_changes
            self._connection.executemany(_INSERT, [_encode(row) for row in rows])
            return self._connection.total_changes - before

    def keep_model(self, key: str, content: bytes) -> None:
        """Write a trained model's file, ``models/KEY.safetensors`` beside the store, in one step."""
        with _clear_errors(self.path):
            write_whole(model_path(self.path.parent, key), content)

    def keys(self) -> frozenset[str]:
        """Keys of all cells stored so far."""
        with _clear_errors(self.path):
            return frozenset(key for (key,) in self._connection.execute("SELECT key FROM cells"))

    def close(self) -> None:
        self._connection.close()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise


def read_rows(directory: Path, study: str | None = None) -> tuple[Row, ...]:
    """All rows of the store in ``directory`` in the order they were finished, of one ``study`` if given.

    Reading creates no file and changes no row; it works in a read-only folder.

    Raises:
        InputError: if there is no store, or it is corrupt, foreign or newer than this version.
    """
    path = directory / FILE
    if not path.is_file():
        raise InputError(f"{path} does not exist: `parrots run STUDY --out {directory}` makes it")
    with _clear_errors(path):
        try:
            return _select(path, "ro", study)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_READONLY_ROLLBACK:
                raise
            return _select(
                path, "rw", study
            )  # a killed writer left its journal, and SQLite now takes its half row back


def _select(path: Path, mode: str, study: str | None) -> tuple[Row, ...]:
    address = f"{path.absolute().as_uri()}?mode={mode}"
    with contextlib.closing(sqlite3.connect(address, uri=True, timeout=_WAIT_SECONDS)) as connection:
        check(connection, path)
        where, values = ("", ()) if study is None else (" WHERE study = ?", (study,))
        found = connection.execute(f"SELECT {', '.join(COLUMNS)} FROM cells{where} ORDER BY rowid", values)
        return tuple(_decode(dict(zip(COLUMNS, values, strict=True))) for values in found)


def _encode(row: Row) -> tuple[Any, ...]:
    cell = row.cell
    return (
        cell.key, cell.study, cell.panel, _dump(cell.config), _dump(row.metrics), cell.seed, row.stopped, row.seconds,
        row.device, _dump(row.versions), row.revision, _dump(row.machine), row.started, row.finished,
    )  # fmt: skip  # in the order of COLUMNS


def _decode(values: dict[str, Any]) -> Row:
    cell = Cell(values["study"], values["panel"], json.loads(values["config"]))
    loaded = {name: json.loads(values[name]) for name in ("metrics", "versions", "machine")}
    plain = {name: values[name] for name in ("stopped", "seconds", "device", "revision", "started", "finished")}
    return Row(cell=cell, **loaded, **plain)


def _dump(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, allow_nan=False)


@contextlib.contextmanager
def _clear_errors(path: Path) -> Iterator[None]:
    """SQLite's and the system's errors as one line that names the file."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise InputError(f"{path}: {_explain(error)}") from error
    except OSError as error:
        raise InputError(
            f"{error.filename or path}: {error.strerror}: give --out a folder that can be written"
        ) from error


def _explain(error: sqlite3.DatabaseError) -> str:
    code = getattr(error, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF
    if primary in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return f"not a readable store ({error}); nothing was changed: restore it, or move it away and run again"
    if primary == sqlite3.SQLITE_FULL:
        return "the disk is full; every row before is kept: free some space and give the same command again"
    if primary in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
        return f"cannot be written ({error}): give --out a folder that can be written"
    if primary == sqlite3.SQLITE_BUSY:
        return f"another process held it for {_WAIT_SECONDS:.0f} s: give the same command again when that is done"
    return f"{error}; every row before is kept"
