"""The figures of trained models: means by size and width, and every seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from experiments.studies.routing_boundary.arms import ARMS
from experiments.studies.routing_boundary.trained_analysis import Point
from experiments.studies.routing_boundary.training import TARGET
from theory.instances import size_baseline

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

Shape = tuple[int, int]
"""``(r, width)``."""


def _shapes(everyone: Sequence[Point]) -> list[Shape]:
    return sorted({(point.r, point.width) for point in everyone})


def draw_seeds(everyone: Sequence[Point]) -> Drawing:
    from matplotlib.figure import Figure as Drawing

    from experiments.report.drawing import INK

    shapes = _shapes(everyone)
    figure = Drawing(figsize=(7.6, 4.0))
    plots = figure.subplots(1, len(shapes), sharey=True, squeeze=False)[0]
    names = [name for name in ARMS if any(point.arm == name for point in everyone)]
    for axes, (r, width) in zip(plots, shapes, strict=True):
        for point in everyone:
            if (point.r, point.width) == (r, width):
                place = len(names) - names.index(point.arm)
                colour = "C0" if ARMS[point.arm].crosses else "C1"
                axes.plot(point.accuracies, [place] * len(point.accuracies), "o", markersize=4, color=colour, alpha=0.7)
        axes.axvline(TARGET, color=INK, linestyle=":", linewidth=1)
        axes.axvline(float(size_baseline(r)), color=INK, linewidth=1)
        axes.set(xlabel="accuracy", title=f"r = {r}, width {width}", xlim=(0.45, 1.02))
    plots[0].set_yticks(range(len(names), 0, -1), names)
    return figure


def draw_means(everyone: Sequence[Point]) -> Drawing:
    from matplotlib.figure import Figure as Drawing

    shapes = _shapes(everyone)
    figure = Drawing(figsize=(7.2, 4.6))
    axes = figure.subplots()
    names = [name for name in ARMS if any(point.arm == name for point in everyone)]
    for number, name in enumerate(names):
        _draw_arm(axes, [point for point in everyone if point.arm == name], shapes, number, len(names))
    axes.set_xticks(range(len(shapes)), [f"r = {r}\nwidth {width}" for r, width in shapes])
    axes.set(ylabel="accuracy", ylim=(0.45, 1.03))
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def _draw_arm(axes: Axes, mine: Sequence[Point], shapes: Sequence[Shape], number: int, arms: int) -> None:
    places = [shapes.index((point.r, point.width)) + 0.7 * ((number + 0.5) / arms - 0.5) for point in mine]
    means = [point.mean for point in mine]
    spread = [[mean.value - mean.low for mean in means], [mean.high - mean.value for mean in means]]
    crosses = ARMS[mine[0].arm].crosses
    axes.errorbar(
        places, [mean.value for mean in means], spread, linestyle="", markersize=5, color=f"C{number % 6}",
        fmt="o" if crosses else "s", fillstyle="full" if number < 6 else "none", label=mine[0].arm,
    )  # fmt: skip
    for place, point in zip(places, mine, strict=True):
        axes.plot(
            [place] * len(point.accuracies), point.accuracies, "_", markersize=4, color=f"C{number % 6}", alpha=0.5
        )
