"""Panel (b) from the rows: the subsets that weights choose against all subsets, where n is small."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from experiments.report.page import Entry, Figure, Section, Table
from experiments.store import Row
from experiments.studies.specialisation.analysis import (
    CHOSEN,
    GREEDY_FIXED,
    NAMES,
    ORACLES,
    RANDOM,
    Point,
    mean,
    points,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

SHOWN = {
    "exhaustive_oracle": "C2^-",
    "greedy_oracle": "C2x:",
    "exhaustive_wrong": "C4^-",
    "greedy_wrong": "C4x:",
    "exhaustive_fixed": "C5s--",
    GREEDY_FIXED: "C3s--",
    CHOSEN: "C0o-",
    RANDOM: "C1o-",
}
"""Method -> colour, mark and line."""
LABELS = {**ORACLES, **NAMES}
MOST_PLOTS = 4


def sections(rows: Sequence[Row]) -> tuple[Section, ...]:
    found = [point for point in points(rows) if point.has("greedy_oracle", 1) and point.experts > 2]
    if not found:
        return ()
    return (
        Section(
            title="(b) Against every subset",
            paragraphs=(
                "Does any subset of k experts give an image its label? That is the most that any choice can reach, and "
                "it takes the label to find it; greedy search, which adds the expert that makes the label likeliest, "
                "sees it too. What such an oracle is worth is told by the same search for a label that is wrong, one "
                "for each image: where it succeeds as well, a subset that gives the label has not been found to know "
                "it. Without any label of a test image: the best subset of all, and the greedy one, on validation "
                "images.",
                *_labels(found),
            ),
            table=_table(found),
            figure=Figure(
                "subsets",
                "Accuracy against k for a few n: oracles that see the label or a wrong one, subsets chosen by weight, "
                "one for all, and at random.",
                lambda: _draw(found),
            ),
            caption='No method can lie above "some subset gives the label". A method that sees no label specialises as '
            "far as it lies above the subsets that are one for all images.",
        ),
    )


def _labels(found: Sequence[Point]) -> tuple[str, ...]:
    """How many labels subsets can give, and whether chosen subsets are among them."""
    texts = [
        f"n = {point.experts}, k = {k}: {mean([row.metrics['exhaustive_labels'][place] for row in point.rows]):.1f}"
        for point in found
        if point.has("exhaustive_labels", 1)
        for place, k in enumerate(point.sizes)
        if 2 * k == point.experts
    ]
    if not texts:
        return ()
    impossible = sum(sum(row.metrics.get("unreached", ())) for point in found for row in point.rows)
    return (
        f"Labels that some half of the experts gives an image, mean: {'; '.join(texts)}. Answers of chosen subsets "
        f"that no subset of their size gives, which would be a mistake of ours: {impossible}.",
    )


def _table(found: Sequence[Point]) -> Table:
    lines: list[tuple[Entry, ...]] = [
        (point.experts, k, *(mean(point.accuracy(name, k)) if point.has(name, k) else None for name in SHOWN))
        for point in found
        for k in point.sizes[:-1]
    ]
    return Table(("n", "k", *(LABELS[name] for name in SHOWN)), tuple(lines))


def _draw(found: Sequence[Point]) -> Drawing:
    from matplotlib.figure import Figure as Drawing

    shown = [point for point in found if point.has("exhaustive_oracle", 1)][-MOST_PLOTS + 1 :]
    shown += [point for point in found if not point.has("exhaustive_oracle", 1)][-1:]
    figure = Drawing(figsize=(7.2, 5.6))
    columns = 2 if len(shown) > 1 else 1
    grid = figure.subplots((len(shown) + 1) // columns, columns, sharey=True, squeeze=False).flatten()
    for axes, point in zip(grid, shown, strict=False):
        _draw_point(axes, point)
    for axes in grid[len(shown) :]:
        axes.set_visible(False)
    entries = {label: line for axes in grid for line, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=2)
    return figure


def _draw_point(axes: Axes, point: Point) -> None:
    from experiments.report.drawing import INK

    axes.axhline(mean(point.whole()), color=INK, linewidth=0.8, label="all experts")
    for name, style in SHOWN.items():
        sizes = [k for k in point.sizes[:-1] if point.has(name, k)]
        if sizes:
            means = [mean(point.accuracy(name, k)) for k in sizes]
            colour, mark, line = style[:2], style[2], style[3:]
            axes.plot(sizes, means, marker=mark, linestyle=line, color=colour, markersize=4, label=LABELS[name])
    axes.set_xscale("log", base=2)
    axes.set(xlabel="k", ylabel="share of images", title=f"n = {point.experts}", ylim=(0, 1.05))
