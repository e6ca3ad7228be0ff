"""The table of :mod:`experiments.store`, and how a file is known to be one of its stores."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from theory.errors import InputError

APPLICATION_ID = int.from_bytes(b"PRRT", "big")
SCHEMA_VERSION = 1

COLUMNS = (
    "key", "study", "panel", "config", "metrics", "seed", "stopped", "seconds",
    "device", "versions", "revision", "machine", "started", "finished",
)  # fmt: skip
_TYPES = {"key": "TEXT PRIMARY KEY NOT NULL", "seed": "INTEGER NOT NULL", "seconds": "REAL NOT NULL"}
_REFUSE = (
    "CREATE TRIGGER cells_no_{verb} BEFORE {verb} ON cells BEGIN SELECT RAISE(ABORT, 'rows are never changed'); END"
)


def create(connection: sqlite3.Connection) -> None:
    """Make the table in an empty database, inside the caller's transaction; a database with tables is left alone."""
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if tables or _pragma(connection, "application_id") or _pragma(connection, "user_version"):
        return
    columns = ", ".join(f"{name} {_TYPES.get(name, 'TEXT NOT NULL')}" for name in COLUMNS)
    connection.execute(f"CREATE TABLE cells ({columns})")
    for verb in ("UPDATE", "DELETE"):
        connection.execute(_REFUSE.format(verb=verb))
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def check(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse what is not a store of this version or an older one.

    Raises:
        InputError: for another program's database, or a newer schema.
        sqlite3.DatabaseError: if SQLite finds the file damaged.
    """
    if _pragma(connection, "application_id") != APPLICATION_ID:
        raise InputError(f"{path} is a database of something else; nothing was changed: give --out another folder")
    found = _pragma(connection, "user_version")
    if found > SCHEMA_VERSION:
        raise InputError(
            f"{path} was written by a newer version (schema {found}, this one reads {SCHEMA_VERSION}): "
            "upgrade mixture-of-parrots, or give --out another folder"
        )
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise InputError(
            f"{path} is damaged ({verdict}); nothing was changed: restore it, or move it away and run again"
        )


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]
