"""Panels: a metric over total parameters, over active parameters and over training FLOPs, one curve a family."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from experiments.studies.decoders.points import Point, families

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure as Drawing

Over = Callable[[Point], float]
AXES: dict[str, Over] = {
    "total parameters": lambda point: point.counts.total,
    "active parameters": lambda point: point.counts.active,
    "training FLOPs": lambda point: point.setup.training_flops,
}
MARKERS = "osD^vP*X"
STYLES = ("--", ":", "-.")


def draw(
    found: Sequence[Point],
    metric: str,
    label: str,
    scale: Literal["log", "linear"] = "linear",
    baselines: Mapping[str, float] | None = None,
    lines: Mapping[str, Callable[[float], float]] | None = None,
) -> Drawing:
    """The metric's mean over seeds with bars from the least to the most, three times.

    ``baselines`` are horizontal lines in all three; ``lines`` are functions of the total number of parameters, drawn
    over that alone.
    """
    from matplotlib.figure import Figure as Drawing

    figure = Drawing(figsize=(8.0, 3.4))
    row = figure.subplots(1, len(AXES), sharey=True)
    if not any(value > 0 for point in found for value in point.values(metric)):
        scale = "linear"
    for axes, (title, over) in zip(row, AXES.items(), strict=True):
        plot(axes, found, over, metric)
        _horizontal(axes, baselines or {})
        axes.set(xscale="log", yscale=scale, xlabel=title)
        _label(axes.xaxis)
        if scale == "log":
            _label(axes.yaxis)
    _over_total(row[0], found, lines or {})
    row[0].set_ylabel(label)
    figure.legend(*row[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def _label(axis: Axis) -> None:
    """Few round labels on a logarithmic axis: 1k, 2k, 5k within two decades, powers of ten beyond."""
    from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

    low, high = axis.get_data_interval()
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < 100 * low else (1.0,)))
    axis.set_major_formatter(EngFormatter(sep=""))
    axis.set_minor_formatter(NullFormatter())


def plot(axes: Axes, found: Sequence[Point], over: Over, metric: str) -> None:
    """One curve a family; points without the metric are left out."""
    for number, (family, members) in enumerate(families(found).items()):
        shown = sorted((point for point in members if point.values(metric)), key=over)
        means = [point.mean(metric) for point in shown]
        bars = [
            [mean - min(point.values(metric)) for mean, point in zip(means, shown, strict=True)],
            [max(point.values(metric)) - mean for mean, point in zip(means, shown, strict=True)],
        ]
        axes.errorbar(
            [over(point) for point in shown], means, bars, label=family, color=f"C{number}", linewidth=1,
            marker=MARKERS[number % len(MARKERS)], markersize=4,
        )  # fmt: skip


def _horizontal(axes: Axes, baselines: Mapping[str, float]) -> None:
    from experiments.report.drawing import INK

    for number, (name, height) in enumerate(baselines.items()):
        axes.axhline(height, color=INK, linewidth=0.8, linestyle=STYLES[number % len(STYLES)], label=name)


def _over_total(axes: Axes, found: Sequence[Point], lines: Mapping[str, Callable[[float], float]]) -> None:
    from experiments.report.drawing import INK

    if not found:
        return
    ends = [pick(point.counts.total for point in found) for pick in (min, max)]
    for number, (name, line) in enumerate(lines.items()):
        style = STYLES[number % len(STYLES)]
        axes.plot(ends, [line(end) for end in ends], style, marker="", color=INK, linewidth=0.8, label=name)
