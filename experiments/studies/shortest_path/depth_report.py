"""Panel (b) from the rows: what depth does on length-2 paths, where one layer is what Theorem 3.2 is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from experiments.report.page import Entry, Figure, Section, Table
from experiments.store import Row
from experiments.studies.decoders.gains import interval
from experiments.studies.decoders.panels import MARKERS, STYLES
from experiments.studies.decoders.points import Point
from experiments.studies.shortest_path.analysis import CORRECT, path_points, shortcuts

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

DRAWN_SHORTCUT = "neighbour of the source"
"""Not ``most edges``: where no other edge is listed, counting edges is the task itself."""
Curve = tuple[str, int]
"""Family and width."""


def sections(rows: Sequence[Row]) -> tuple[Section, ...]:
    if not rows:
        return ()
    found = path_points(rows)
    return (
        Section(
            title="(b) Depth: name the midpoint of a length-2 path",
            paragraphs=(
                f"Graphs of {rows[0].config['task']['vertices']} vertices. "
                "With one layer this illustrates Theorem 3.2: the query reads the graph through a state as wide as the "
                "model, and experts act after that. It says nothing of deeper models, where edges can meet their "
                "neighbours before the query reads them: the rows with two layers or more are there to show it. All "
                "depths have the same number of steps: a deeper model that is not ahead may only need more of them.",
            ),
            table=_table(rows, found),
            figure=Figure(
                "depth",
                "Share of midpoints named against the number of layers, one line for each width, dense and with "
                "experts.",
                lambda: _draw(rows, found),
            ),
            caption="Experts that lift one layer as a wider model does would speak against the reading of Theorem 3.2; "
            "its finite form is tested in the study `width`.",
            statements=("thm-3.2", "def-3.1"),
        ),
    )


def curves(found: Sequence[Point]) -> dict[Curve, list[Point]]:
    """Points by family and width, ordered by layers."""
    grouped: dict[Curve, list[Point]] = {}
    for point in sorted(found, key=lambda p: (p.setup.model.width, p.setup.model.layers)):
        grouped.setdefault((point.setup.family, point.setup.model.width), []).append(point)
    return grouped


def _table(rows: Sequence[Row], found: Sequence[Point]) -> Table:
    columns = ("family", "width", "layers", "total", "active", "models", "correct")
    lines: list[tuple[Entry, ...]] = []
    for (family, width), members in curves(found).items():
        for point in members:
            size = (point.setup.model.layers, point.counts.total, point.counts.active, len(point.rows))
            lines.append((family, width, *size, interval(point.values(CORRECT))))
    lines += [(f"shortcut: {name}", None, None, None, None, None, height) for name, height in shortcuts(rows).items()]
    return Table(columns, tuple(lines))


def _draw(rows: Sequence[Row], found: Sequence[Point]) -> Drawing:
    from matplotlib.figure import Figure as Drawing

    from experiments.report.drawing import INK

    figure = Drawing(figsize=(5.6, 3.6))
    axes = figure.subplots()
    families = list(dict.fromkeys(family for family, _ in curves(found)))
    widths = sorted({width for _, width in curves(found)})
    for (family, width), members in curves(found).items():
        number, colour = families.index(family), widths.index(width)
        style = "-" if number == 0 else STYLES[(number - 1) % len(STYLES)]
        for point in members:
            values = point.values(CORRECT)
            axes.plot([point.setup.model.layers] * len(values), values, "o", markersize=3, color=f"C{colour}")
        axes.plot(
            [point.setup.model.layers for point in members], [point.mean(CORRECT) for point in members], style,
            marker=MARKERS[number % len(MARKERS)], markersize=4, color=f"C{colour}", label=f"{family}, width {width}",
        )  # fmt: skip
    height = shortcuts(rows).get(DRAWN_SHORTCUT)
    if height is not None:
        axes.axhline(height, color=INK, linewidth=0.8, linestyle=":", label=f"shortcut: {DRAWN_SHORTCUT}")
    axes.set(xlabel="layers", ylabel="midpoints named", xticks=sorted({p.setup.model.layers for p in found}))
    figure.legend(loc="outside lower center", ncols=2)
    return figure
