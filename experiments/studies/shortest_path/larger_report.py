"""Graphs larger than those trained on, from the rows of panel (a)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from experiments.report.page import Entry, Figure, Section, Table
from experiments.store import Row
from experiments.studies.decoders.gains import interval
from experiments.studies.decoders.panels import MARKERS
from experiments.studies.decoders.points import Point
from experiments.studies.shortest_path.analysis import CORRECT, on_larger, path_points, shortcuts

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing


def sections(rows: Sequence[Row]) -> tuple[Section, ...]:
    sizes = sorted({int(vertices) for row in rows for vertices in row.metrics["larger"]})
    if not sizes:
        return ()
    found, trained = path_points(rows), rows[0].config["task"]["vertices"]
    return (
        Section(
            title="Graphs larger than those trained on",
            paragraphs=(
                f"The same models, trained on {trained} vertices, asked about more. Every name of a vertex was seen in "
                "training, and prompts have the same length with fewer empty places, so what is new is the graph. "
                "The number of distances asked for is the same.",
            ),
            table=_table(rows, found, trained, sizes),
            figure=Figure(
                "larger",
                "Share of correct paths against the number of vertices, one line a model, beside the best shortcut.",
                lambda: _draw(rows, found, trained, sizes),
            ),
            caption="A line that falls to the shortcut's has learned graphs of one size and no search.",
        ),
    )


def _table(rows: Sequence[Row], found: Sequence[Point], trained: int, sizes: Sequence[int]) -> Table:
    columns = ("family", "width", f"{trained} vertices", *(f"{size} vertices" for size in sizes))
    lines: list[tuple[Entry, ...]] = [
        (
            point.setup.family,
            point.setup.model.width,
            interval(point.values(CORRECT)),
            *(interval(on_larger(point, size)) for size in sizes),
        )
        for point in found
    ]
    name, height = _best(shortcuts(rows))
    lines.append((f"shortcut: {name}", None, height, *(shortcuts(rows, larger=size).get(name) for size in sizes)))
    return Table(columns, tuple(lines))


def _best(heights: dict[str, float]) -> tuple[str, float]:
    return next(iter(heights.items()))


def _draw(rows: Sequence[Row], found: Sequence[Point], trained: int, sizes: Sequence[int]) -> Drawing:
    from matplotlib.figure import Figure as Drawing

    from experiments.report.drawing import INK

    figure = Drawing(figsize=(5.6, 3.6))
    axes = figure.subplots()
    for number, point in enumerate(found):
        values = {trained: point.values(CORRECT)} | {size: on_larger(point, size) for size in sizes}
        means = {size: sum(seeds) / len(seeds) for size, seeds in values.items() if seeds}
        marker = MARKERS[number % len(MARKERS)]
        label = f"{point.setup.family}, width {point.setup.model.width}"
        axes.plot([*means], [*means.values()], marker=marker, markersize=4, linewidth=1, label=label)
    name, height = _best(shortcuts(rows))
    heights = [height, *(shortcuts(rows, larger=size).get(name, float("nan")) for size in sizes)]
    axes.plot([trained, *sizes], heights, ":", marker="", color=INK, label=f"shortcut: {name}")
    axes.set(xlabel="vertices", ylabel="correct paths", xticks=[trained, *sizes])
    figure.legend(loc="outside lower center", ncols=2)
    return figure
