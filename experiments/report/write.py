"""Writes a report's files, each to a temporary name first, so that a reader never sees half of one."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from experiments.report.drawing import render
from experiments.report.export import to_table
from experiments.report.html import render_page
from experiments.report.page import Page
from experiments.store import Row
from parrots.files import write_whole


def write_report(page: Page, rows: Sequence[Row], directory: Path) -> tuple[Path, ...]:
    """Write ``index.html``, ``cells.csv``, ``cells.parquet`` and ``figures/NAME.svg|png``; give their paths.

    Everything is computed before the first file is written, so a figure that fails leaves an older report whole.

    Raises:
        OSError: if a file can't be written.
    """
    figures = [section.figure for section in page.sections if section.figure]
    drawn = {figure.name: render(figure) for figure in figures}
    files = {"index.html": render_page(page, {name: svg for name, (svg, _) in drawn.items()}, rows).encode()}
    files |= _tables(rows)
    for name, (svg, png) in drawn.items():
        files |= {f"figures/{name}.svg": svg, f"figures/{name}.png": png}
    for name, content in files.items():
        write_whole(directory / name, content)
    return tuple(directory / name for name in files)


def _tables(rows: Sequence[Row]) -> dict[str, bytes]:
    import pyarrow.csv
    import pyarrow.parquet

    table = to_table(rows)
    text, binary = io.BytesIO(), io.BytesIO()
    pyarrow.csv.write_csv(table, text)
    pyarrow.parquet.write_table(table, binary)
    return {"cells.csv": text.getvalue(), "cells.parquet": binary.getvalue()}
