"""Panel (a) from the rows: parameters against the number of experts, bound and constructions on the same axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from experiments.report.page import Entry, Figure, Section, Table
from experiments.store import Row
from experiments.studies.memoriser.analysis import Point, best_measured, points
from experiments.studies.memoriser.cells import COUNT_ROUTERS
from theory.bounds.memorisation import memorisation_min_parameters, memoriser_bound
from theory.memorisation import Router

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

NAMES: dict[Router, str] = {
    "interval": "rank-one router",
    "dense-interval": "full router",
    "random-unit": "random directions",
}
STATEMENTS: dict[Router, str] = {
    "interval": "own-interval-memoriser",
    "dense-interval": "thm-3.5",
    "random": "thm-3.5",
    "random-unit": "thm-3.5",
}
CURVES: dict[Router, str] = {"interval": "own-interval-memoriser", "dense-interval": "Thm 3.5"}
"""Routers whose counts have a formula for any labels, and whose it is."""


def sections(rows: Sequence[Row]) -> tuple[Section, ...]:
    if not rows:
        return ()
    n, m = rows[0].config["sequences"], rows[0].config["width"]
    return (
        Section(
            title="(a) Parameters in total and active, against the number of experts",
            paragraphs=(
                f"n = {n:,} sequences of width m = {m}. Points are counted from the tensors (mean over seeds; bars "
                "from the least to the most), padding included: all experts have as many hidden units as the fullest "
                "needs. Lines: parameters that suffice for any labels, whose hidden units are about twice those of "
                "random labels. The horizontal line is Theorem 3.6: n labels over the bits of the widest number.",
                _optima(rows),
            ),
            table=_table(rows),
            figure=Figure(
                "count",
                "Active and total parameters against the number of experts for three routers, with the counts for any "
                "labels as lines and the lower bound of Theorem 3.6; stars mark the fewest active parameters.",
                lambda: _draw(rows),
            ),
            caption="A point above its line would refute the finite form of Theorem 3.5; one below the horizontal line "
            "in the right plot, or at K = 1 in the left, Theorem 3.6.",
            statements=("thm-3.5", "thm-3.6", "own-interval-memoriser"),
        ),
    )


def widest(rows: Sequence[Row]) -> int:
    """Bits of the widest number of any model: what Theorem 3.6 is to be evaluated at, to hold for all of them."""
    return max(int(row.metrics["widest"]) for row in rows)


def _optima(rows: Sequence[Row]) -> str:
    best = [best_measured(rows, router) for router in COUNT_ROUTERS]
    texts = [
        f"K = {point.experts} with {point.mean('active'):,.0f} of {point.mean('total'):,.0f} ({NAMES[point.router]})"
        for point in best
        if point is not None
    ]
    return f"Fewest active parameters: {'; '.join(texts)}."


def _table(rows: Sequence[Row]) -> Table:
    columns = ("router", "K", "models", "hidden units", "total", "active", "total, no padding", "bits", "active bits")
    lines: list[tuple[Entry, ...]] = []
    for point in points(rows):
        metrics = ("hidden", "total", "active", "used", "bits", "active_bits")
        means = [round(point.mean(metric)) for metric in metrics]
        lines.append((NAMES[point.router], point.experts, len(point.rows), *means))
    return Table(columns, tuple(lines))


def _draw(rows: Sequence[Row]) -> Drawing:
    from matplotlib.figure import Figure as Drawing

    figure = Drawing(figsize=(6.8, 3.6))
    left, right = figure.subplots(1, 2)
    _plot(left, rows, "active")
    _plot(right, rows, "total")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def _plot(axes: Axes, rows: Sequence[Row], metric: str) -> None:
    from experiments.report.drawing import INK

    n, m = rows[0].config["sequences"], rows[0].config["width"]
    everyone = points(rows)
    most = max(point.experts for point in everyone)
    experts = sorted({round(2 ** (step / 4)) for step in range(4 * most.bit_length())} & set(range(1, most + 1)))
    for colour, router in enumerate(COUNT_ROUTERS):
        mine = [point for point in everyone if point.router == router]
        if not mine:
            continue
        _points(axes, mine, metric, f"C{colour}")
        if router in CURVES:
            bound = [getattr(memoriser_bound(n, m, K, router), metric) for K in experts]
            axes.plot(experts, bound, "--", marker="", color=f"C{colour}", label=f"any labels, {CURVES[router]}")
        best = best_measured(rows, router)
        if metric == "active" and best is not None:
            axes.plot([best.experts], [best.mean(metric)], "*", markersize=12, color=f"C{colour}")
    least = memorisation_min_parameters(n, bits := widest(rows))
    axes.axhline(least, color=INK, linewidth=1, label=f"Thm 3.6: n / {bits} bits; active too if dense")
    axes.set(xscale="log", yscale="log", xlabel="experts K", title=f"{metric} parameters")
    axes.set_xscale("log", base=2)


def _points(axes: Axes, mine: Sequence[Point], metric: str, colour: str) -> None:
    means = [point.mean(metric) for point in mine]
    spread = [
        [mean - min(point.values(metric)) for mean, point in zip(means, mine, strict=True)],
        [max(point.values(metric)) - mean for mean, point in zip(means, mine, strict=True)],
    ]
    axes.errorbar(
        [point.experts for point in mine], means, spread, fmt="o", markersize=4, color=colour,
        label=NAMES[mine[0].router],
    )  # fmt: skip
