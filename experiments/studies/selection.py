"""Which rows a page compares: those of a panel, and of one grid where a store holds several (presets, settings)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from experiments.report.page import Section
from experiments.store import Row


def of_panel(rows: Sequence[Row], panel: str) -> list[Row]:
    """The rows of one panel, in their order."""
    return [row for row in rows if row.panel == panel]


def of_one_grid(rows: Sequence[Row]) -> tuple[Row, ...]:
    """The rows whose grid is that of the row finished last in their panel."""
    last = {row.panel: _grid(row) for row in sorted(rows, key=lambda row: row.finished)}
    return tuple(row for row in rows if _grid(row) == last[row.panel])


def left_out(rows: Sequence[Row]) -> list[Row]:
    """The other rows."""
    shown = set(map(id, of_one_grid(rows)))
    return [row for row in rows if id(row) not in shown]


def note(rows: Sequence[Row]) -> tuple[Section, ...]:
    """What the page leaves out, if it leaves anything out."""
    others = Counter((row.panel, _grid(row)) for row in left_out(rows))
    if not others:
        return ()
    lines = [f"{panel}: {cells} cells ({grid})" for (panel, grid), cells in sorted(others.items())]
    return (
        Section(
            title="Not shown: cells of other settings",
            paragraphs=(
                f"This store holds {others.total()} cells of settings that differ from those of the cells finished "
                "last in their panel. They are in the checks and in the tables beside this page, and in no table, "
                "figure or number on it. To see both, run each preset or setting with its own --out folder.",
                "; ".join(lines) + ".",
            ),
        ),
    )


def _grid(row: Row) -> str:
    """Rows of stores older than the field have none, and are one grid together."""
    return str(row.config.get("grid", "older than its record"))
