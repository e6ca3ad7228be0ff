"""The graph of a run: source, intermediates, target, and whose each edge is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experiments.report.drawing import COLOURS, INK
from experiments.report.page import Figure
from theory.protocol import Transcript

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

MOST = 24
"""Intermediates that are drawn."""


def graph_figure(transcript: Transcript, labels: tuple[str, ...]) -> Figure:
    """Alice's edges solid, those of Bob's that end at the target dashed, a length-2 path thick."""
    drawn = drawn_vertices(transcript)
    hers, his = {v for _, v in transcript.alice_edges}, _bobs(transcript)
    alt = (
        f"{len(drawn)} vertices between {labels[0]} and {labels[-1]}. Alice holds the edges from {labels[0]} to "
        f"{_named(hers & set(drawn), labels)}, Bob those to {labels[-1]} from {_named(his & set(drawn), labels)}."
    )
    return Figure("graph", alt, lambda: _draw(transcript, drawn, labels))


def drawn_vertices(transcript: Transcript) -> tuple[int, ...]:
    """At most :data:`MOST` intermediates, in order: those on a length-2 path first, then those with an edge."""
    hers, his = {v for _, v in transcript.alice_edges}, _bobs(transcript)
    order = sorted(range(1, transcript.r + 1), key=lambda v: (-((v in hers) + (v in his)), v))
    return tuple(sorted(order[:MOST]))


def _bobs(transcript: Transcript) -> set[int]:
    return {u for u, v in transcript.bob_edges if v == transcript.r + 1 and 1 <= u <= transcript.r}


def _named(vertices: set[int], labels: tuple[str, ...]) -> str:
    return ", ".join(labels[v] for v in sorted(vertices)) or "none"


def _draw(transcript: Transcript, drawn: tuple[int, ...], labels: tuple[str, ...]) -> Drawing:
    from matplotlib.figure import Figure as Drawing

    figure = Drawing(figsize=(4.6, 1.0 + 0.3 * len(drawn)))
    axes = figure.add_subplot()
    axes.set_axis_off()
    middle = (len(drawn) - 1) / 2
    place = {0: (0.0, middle), transcript.r + 1: (2.0, middle)}
    place |= {v: (1.0, float(len(drawn) - 1 - at)) for at, v in enumerate(drawn)}
    hers, his = {v for _, v in transcript.alice_edges}, _bobs(transcript)
    for v in drawn:
        width = 3.0 if v in hers & his else 1.4
        if v in hers:
            _arrow(axes, place[0], place[v], COLOURS["blue"], "-", width)
        if v in his:
            _arrow(axes, place[v], place[transcript.r + 1], COLOURS["vermillion"], "--", width)
    for v, (x, y) in place.items():
        axes.annotate(
            _short(labels[v]),
            (x, y),
            ha="center",
            va="center",
            color=INK,
            bbox={"boxstyle": "round,pad=0.3", "facecolor": "none", "edgecolor": INK, "linewidth": 0.8},
        )
    for x, name, colour in ((0.5, "Alice's edges", "blue"), (1.5, "Bob's edges", "vermillion")):
        axes.text(x, len(drawn) - 0.2, name, color=COLOURS[colour], ha="center", va="bottom")
    axes.set_xlim(-0.2, 2.2)
    axes.set_ylim(-0.6, len(drawn) + 0.3)
    return figure


def _arrow(
    axes: Axes, start: tuple[float, float], end: tuple[float, float], colour: str, line: str, width: float
) -> None:
    axes.annotate(
        "",
        xy=end,
        xytext=start,
        arrowprops={
            "arrowstyle": "-|>",
            "color": colour,
            "linestyle": line,
            "linewidth": width,
            "shrinkA": 14,
            "shrinkB": 14,
        },
    )


def _short(label: str) -> str:
    return label if len(label) <= 12 else f"{label[:11]}…"
