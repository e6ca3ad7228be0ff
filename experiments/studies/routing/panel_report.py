"""One panel from the rows: every router's result beside its parameters, drawn one line a router."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from experiments.report.page import Entry, Figure, Section, Table
from experiments.store import Row
from experiments.studies.decoders.gains import interval
from experiments.studies.decoders.points import Point
from experiments.studies.routing.analysis import BITS, CORRECT, READ, baselines, causal, router_points
from experiments.studies.routing.arms import NOTES, is_causal

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

SOLVES = "most edges"
"""A rule that is no shortcut: where no other edges are listed, counting edges is the task itself."""


def section(
    rows: Sequence[Row], title: str, words: str, name: str, drawn: tuple[str, str], statements: tuple[str, ...]
) -> Section:
    """A table of all routers and a figure of the causal ones; ``drawn``: the metric, and what it is called."""
    metric, label = drawn
    found = router_points(rows)
    return Section(
        title=title,
        paragraphs=(
            words,
            "Total and active parameters are equal but where the last column says otherwise. Written: token by token, "
            "as in use. Read: the likeliest token at each place with the right answer before it, as in training. The "
            "two differ where a router looks ahead, and a little where it lets sequences meet.",
        ),
        table=_table(found, metric),
        figure=Figure(
            name,
            f"{label}, one line for each router: a point for each seed and a bar at the mean; vertical lines are "
            "shortcuts.",
            lambda: _draw(rows, causal(found), metric, label),
        ),
        caption="Routers that look ahead are in the table and not in the figure. Vertical lines: the best shortcuts.",
        statements=statements,
    )


def _table(found: Sequence[Point], metric: str) -> Table:
    bits = (BITS,) if metric == BITS else ()
    heads = ("bits recalled",) if bits else ()
    columns = ("router", "total", "active", "training FLOPs", "models", "written right", "read right", *heads,
               "learning rate", "causal", "what is not equal")  # fmt: skip
    lines: list[tuple[Entry, ...]] = []
    for point in found:
        rate = " ".join(dict.fromkeys(f"{row.metrics['learning_rate']:g}" for row in point.rows))
        measured = [interval(point.values(name)) for name in (CORRECT, READ, *bits)]
        counts = (point.counts.total, point.counts.active, f"{point.setup.training_flops:.2e}", len(point.rows))
        remarks = (rate, is_causal(point.setup.model), NOTES.get(point.setup.family))
        lines.append((point.setup.family, *counts, *measured, *remarks))
    return Table(columns, tuple(lines))


def _draw(rows: Sequence[Row], found: Sequence[Point], metric: str, label: str) -> Drawing:
    from matplotlib.figure import Figure as Drawing

    from experiments.report.drawing import COLOURS, INK

    figure = Drawing(figsize=(6.4, 0.8 + 0.27 * len(found)))
    axes = figure.subplots()
    names = [point.setup.family for point in found]
    for place, point in enumerate(found):
        values = point.values(metric)
        colour = COLOURS["vermillion" if point.setup.model.router is None else "blue"]
        axes.plot(values, [place] * len(values), "o", markersize=4, color=colour)
        axes.plot([point.mean(metric)], [place], "|", markersize=12, color=colour)
    if metric == CORRECT:
        rules = [(name, height) for name, height in baselines(rows).items() if name != SOLVES]
        for style, (name, height) in zip((":", "--"), rules, strict=False):
            axes.axvline(height, color=INK, linewidth=0.8, linestyle=style, label=f"shortcut: {name}")
        figure.legend(loc="outside lower center", ncols=2)
    axes.set(xlabel=label, yticks=range(len(names)), ylim=(len(names) - 0.5, -0.5))
    axes.set_yticklabels(names)
    return figure
