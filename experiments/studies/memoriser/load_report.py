"""Panel (b) from the rows: how evenly each router splits the sequences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from experiments.report.page import Entry, Figure, Section, Table
from experiments.report.statistics import mean_interval
from experiments.store import Row
from experiments.studies.memoriser.analysis import imbalance, points
from experiments.studies.memoriser.cells import LOAD_ROUTERS
from theory.memorisation import Router, balls_in_bins

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

NAMES: dict[Router, str] = {
    "interval": "intervals, rank one",
    "random": "random directions, Gaussian",
    "random-unit": "random directions of one length",
}
THROWS = 200
"""Of balls into bins."""


def sections(rows: Sequence[Row]) -> tuple[Section, ...]:
    if not rows:
        return ()
    n, K = rows[0].config["sequences"], rows[0].config["experts"]
    throws = balls_in_bins(n, K, THROWS) * K / n
    return (
        Section(
            title="(b) The load of the fullest expert, by router",
            paragraphs=(
                f"n = {n:,} sequences, K = {K} experts: an even split is {n / K:g} each. Hidden units, and with them "
                "all counts of (a), grow with the fullest expert. A random direction wins the sequences that lie "
                "nearest to it: few dimensions leave some directions inside the hull of the others, and a longer row "
                f"wins more. Balls thrown into bins at random: {throws.mean():.2f} times n/K on average "
                f"({throws.min():.2f} to {throws.max():.2f} in {THROWS} throws).",
            ),
            table=_table(rows),
            figure=Figure(
                "load",
                "Largest load over n/K against the width for interval and random routers, with balls in bins.",
                lambda: _draw(rows, float(throws.mean())),
            ),
            caption="Intervals would be refuted as balanced by any point above 1 (rounded up to a whole sequence).",
            statements=("thm-3.5", "own-interval-memoriser"),
        ),
    )


def _table(rows: Sequence[Row]) -> Table:
    columns = ("router", "m", "models", "largest load over n/K", "smallest load", "hidden units", "total parameters")
    lines: list[tuple[Entry, ...]] = []
    for point in points(rows):
        ratio = mean_interval(imbalance(point))
        others = [round(point.mean(metric)) for metric in ("smallest_load", "hidden", "total")]
        lines.append((NAMES[point.router], point.width, len(point.rows), ratio, *others))
    return Table(columns, tuple(lines))


def _draw(rows: Sequence[Row], balls: float) -> Drawing:
    from matplotlib.figure import Figure as Drawing

    from experiments.report.drawing import INK

    figure = Drawing()
    axes = figure.subplots()
    for colour, router in enumerate(LOAD_ROUTERS):
        mine = [point for point in points(rows) if point.router == router]
        means = [sum(imbalance(point)) / len(point.rows) for point in mine]
        axes.plot([point.width for point in mine], means, marker="", color=f"C{colour}", label=NAMES[router])
        for point in mine:
            ratios = imbalance(point)
            axes.plot([point.width] * len(ratios), ratios, "o", markersize=4, color=f"C{colour}")
    axes.axhline(balls, color=INK, linestyle=":", label="balls in bins")
    axes.set(xlabel="width m", ylabel="largest load / (n/K)", yscale="log")
    axes.set_xscale("log", base=2)
    largest = max(max(imbalance(point)) for point in points(rows))
    marks = [mark for mark in (1, 2, 5, 10, 20, 50, 100) if mark <= 2 * largest]
    axes.set_yticks(marks, [str(mark) for mark in marks])
    axes.yaxis.minorticks_off()
    figure.legend(loc="outside lower center", ncols=2)
    return figure
