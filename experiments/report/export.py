"""Rows as CSV and Parquet: one line a cell, ``config.*`` and ``metrics.*`` flattened into columns."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from experiments.store import Row

if TYPE_CHECKING:
    import pyarrow

_INT64 = range(-(2**63), 2**63)
_EXACT_IN_FLOAT = range(-(2**53), 2**53 + 1)


def to_table(rows: Sequence[Row]) -> pyarrow.Table:
    """``rows`` as an Arrow table; a column that mixes kinds, or holds lists or integers no
    numeric column holds exactly, is JSON text.

    Columns are in order of first appearance; a cell without a value is null.
    """
    import pyarrow

    lines = [_flat(row) for row in rows]
    names = dict.fromkeys(name for line in lines for name in line)
    return pyarrow.table({name: _column([line.get(name) for line in lines]) for name in names})


def _flat(row: Row) -> dict[str, Any]:
    """One line: a nested mapping becomes one column a leaf, the names joined by dots."""
    cell = row.cell
    return {
        "key": cell.key,
        "study": cell.study,
        "panel": cell.panel,
        **_leaves("config", cell.config),
        **_leaves("metrics", row.metrics),
        "stopped": row.stopped,
        "seconds": row.seconds,
        "device": row.device,
        **_leaves("versions", row.versions),
        "revision": row.revision,
        **_leaves("machine", row.machine),
        "started": row.started,
        "finished": row.finished,
    }


def _leaves(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    leaves: dict[str, Any] = {}
    for name, value in values.items():
        path = f"{prefix}.{name}"
        leaves.update(_leaves(path, value) if isinstance(value, Mapping) else {path: value})
    return leaves


def _column(values: list[Any]) -> pyarrow.Array:
    import pyarrow

    present = [value for value in values if value is not None]
    if all(isinstance(value, bool) for value in present):
        return pyarrow.array(values, pyarrow.bool_())
    if all(type(value) is int and value in _INT64 for value in present):
        return pyarrow.array(values, pyarrow.int64())
    if all(type(value) is float or (type(value) is int and value in _EXACT_IN_FLOAT) for value in present):
        return pyarrow.array([None if value is None else float(value) for value in values], pyarrow.float64())
    if all(isinstance(value, str) for value in present):
        return pyarrow.array(values, pyarrow.string())
    return pyarrow.array([None if value is None else json.dumps(value) for value in values], pyarrow.string())
