"""Panel (b) from the rows: the largest book that a model recalls, as in the paper's Figure 4a."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from experiments.report.page import Entry, Figure, Section, Table
from experiments.store import Row
from experiments.studies.decoders.gains import interval
from experiments.studies.decoders.panels import draw
from experiments.studies.decoders.points import Point
from experiments.studies.phone_book.analysis import LARGEST, book_points

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing


def sections(rows: Sequence[Row]) -> tuple[Section, ...]:
    if not rows:
        return ()
    found = book_points(rows)
    books, threshold = rows[0].config["books"], rows[0].config["threshold"]
    unbounded = [row for row in rows if not row.metrics["bounded"]]
    none = [row for row in rows if not row.metrics["largest"]]
    return (
        Section(
            title="(b) The largest book that is recalled",
            paragraphs=(
                f"Recalled: more than {threshold:.0%} of the numbers are written right. Sizes "
                f"{', '.join(f'{size:,}' for size in books)}, by bisection; every size is trained anew with as many "
                f"steps. {len(unbounded)} of {len(rows)} models recall the largest size, so that theirs may be larger "
                f"still; {len(none)} recall not even the smallest.",
            ),
            table=_table(found),
            figure=Figure(
                "books",
                "Largest book recalled over total parameters, active parameters and training FLOPs of one book.",
                lambda: _draw(found, threshold),
            ),
            caption="The paper's Figure 4a: over total parameters its dense and MoE models lie on one curve.",
            statements=("thm-3.5", "thm-3.6"),
        ),
    )


def _table(found: Sequence[Point]) -> Table:
    columns = ("family", "width", "total", "active", "learning rate", "models", "largest book", "of each seed")
    lines: list[tuple[Entry, ...]] = []
    for point in found:
        rate = " ".join(dict.fromkeys(f"{row.metrics['learning_rate']:g}" for row in point.rows))
        each = ", ".join(_words(row) for row in point.rows)
        size = (point.setup.model.width, point.counts.total, point.counts.active, rate, len(point.rows))
        lines.append((point.setup.family, *size, interval(point.values(LARGEST)), each))
    return Table(columns, tuple(lines))


def _words(row: Row) -> str:
    size = f"{row.metrics['largest']:,}"
    return size if row.metrics["bounded"] else f"≥ {size}"


def _draw(found: Sequence[Point], threshold: float) -> Drawing:
    lines: dict[str, Callable[[float], float]] = {}
    return draw(found, LARGEST, f"entries, more than {threshold:.0%} recalled", lines=lines)
