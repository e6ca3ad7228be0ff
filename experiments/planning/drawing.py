"""The figure of a plan: memorised bits and vertices against the number of experts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from experiments.planning.layout import LEAST, MOST, Row
from experiments.report.page import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

_FRONT: dict[str, Any] = {"linestyle": "", "marker": "o", "markersize": 10, "fillstyle": "none", "markeredgewidth": 1.2}


def figure(table: Sequence[Row]) -> Figure:
    """Two plots over one axis of experts; rings are choices that no other beats in parameters and in width."""
    return Figure(
        "plan",
        "Bits that a model of the budget can memorise, and vertices that one layer of its width answers, against the "
        "number of experts.",
        lambda: draw(table),
    )


def draw(table: Sequence[Row]) -> Drawing:
    """Memorised bits on the left, vertices on the right."""
    from matplotlib.figure import Figure as Drawing

    drawing = Drawing(figsize=(8.0, 3.8))
    memory, width = drawing.subplots(1, 2)
    _memory(memory, table)
    _width(width, table)
    for axes in (memory, width):
        axes.set_xscale("log", base=2)
        axes.set(yscale="log", xlabel="experts K (1: dense)")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.yaxis.set_major_formatter(_engineering())
        axes.yaxis.set_minor_formatter(_engineering(minor=True))
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=1)
    return drawing


def _memory(axes: Axes, table: Sequence[Row]) -> None:
    K = [row["experts"] for row in table]
    low, high = ([row[name] for row in table] for name in ("bits_by_least", "bits_by_most"))
    _line(axes, table, "most_bits", "--", "at most, thm-3.6")
    axes.fill_between(K, low, high, color="C0", alpha=0.3, linewidth=0)
    label = f"measured by others, {LEAST.bits:g} to {MOST.bits:g} bits a parameter"
    axes.plot(K, high, color="C0", linestyle="-", marker=".", label=label)
    axes.plot(K, low, color="C0", linestyle="-", marker=".")
    if any(row["bits_by_own"] is not None for row in table):
        _line(axes, table, "bits_by_own", ":", "phone-book, as measured here", colour="C2")
    _rings(axes, table, "bits_by_most", "C0")
    axes.set_ylabel("memorised bits")


def _width(axes: Axes, table: Sequence[Row]) -> None:
    _line(axes, table, "largest_vertices", "--", "not ruled out up to, own-message-bound")
    _line(axes, table, "built_vertices", "-", "built up to, own-packed", colour="C1")
    _rings(axes, table, "largest_vertices", "C1")
    axes.set_ylabel("vertices V, one layer")


def _line(axes: Axes, table: Sequence[Row], column: str, style: str, label: str, colour: str | None = None) -> None:
    from experiments.report.drawing import INK

    shown = [row for row in table if row[column] is not None]
    points = [row["experts"] for row in shown], [row[column] for row in shown]
    axes.plot(*points, color=colour or INK, linestyle=style, marker=".", label=label)


def _rings(axes: Axes, table: Sequence[Row], column: str, colour: str) -> None:
    front = [row for row in table if row["on_front"]]
    label = "no other has more parameters and is as wide"
    axes.plot([row["experts"] for row in front], [row[column] for row in front], color=colour, label=label, **_FRONT)


def _engineering(minor: bool = False) -> Any:
    from matplotlib.ticker import EngFormatter, NullFormatter

    return NullFormatter() if minor else EngFormatter(sep="")
