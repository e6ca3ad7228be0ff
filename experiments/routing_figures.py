"""Figures of what routers did, from saved statistics alone (:mod:`parrots.decoder.statistics` says their form)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from experiments.report.page import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

What = Literal["token", "position"]

MEASURES = {
    "load_entropy": "entropy of the loads / log K",
    "router_entropy": "entropy of a token's probabilities / log K",
    "dropped": "share of choices dropped",
}
"""What :func:`over_training` draws, all from 0 to 1, and how it is labelled."""


def loads(name: str, routing: Mapping[str, Any], title: str = "") -> Figure:
    """Layer by expert, K times the load: 1 is an even share.

    ``routing`` is :meth:`~parrots.decoder.statistics.RoutingStatistics.to_json`.
    """
    rows = [[len(layer["load"]) * share for share in layer["load"]] for layer in routing["layers"]]

    def draw() -> Drawing:
        figure, axes = _empty(title)
        _heat(figure, axes, rows, "load × K", most=max(2.0, max(map(max, rows))))
        axes.set(xlabel="expert", ylabel="layer", yticks=range(len(rows)))
        axes.invert_yaxis()
        return figure

    largest = max(layer["largest_load"] for layer in routing["layers"])
    return Figure(
        name, f"Heat map of loads by layer and expert; the largest is {largest:.2f} times an even share.", draw
    )


def specialisation(
    name: str, routing: Mapping[str, Any], layer: int, what: What, labels: Sequence[str] | None = None
) -> Figure:
    """How the weight of each token id, or of each position, is spread over the experts of one layer.

    ``routing`` was made with ``maps=True`` and ids.  Ids and positions that never came are left out; ``labels`` are
    the texts of all ids.  A router that goes by ``what`` alone gives each row few bright cells; one that ignores it
    gives equal rows.
    """
    chosen = routing["layers"][layer]
    table = chosen[f"by_{what}"]
    seen = [row for row, spread in enumerate(table) if sum(spread) > 0]
    names = [str(row) if labels is None else labels[row] for row in seen]
    bits = chosen[f"{what}_information"] - chosen[f"{what}_information_bias"]

    def draw() -> Drawing:
        figure, axes = _empty(f"layer {layer}: {bits:.2f} bits about the {what}")
        _heat(figure, axes, [list(column) for column in zip(*(table[row] for row in seen), strict=True)],
              "share of the weight", most=1.0)  # fmt: skip
        step = max(1, len(seen) // MOST_LABELS)
        axes.set_xticks(range(0, len(seen), step), names[::step], rotation=90 if labels else 0, fontsize=8)
        axes.set(xlabel=what, ylabel="expert")
        return figure

    return Figure(name, f"Heat map of experts by {what} in layer {layer}; {bits:.2f} bits of information.", draw)


MOST_LABELS = 40


def over_training(name: str, lines: Sequence[Mapping[str, Any]]) -> Figure:
    """Entropies and dropped choices over the steps: the mean of the layers, and the layers as a band.

    ``lines`` are those of a run's metrics that hold ``step`` and ``routers``, a list with an entry a layer; others are
    passed over.
    """
    watched = [line for line in lines if line.get("routers")]
    steps = [line["step"] for line in watched]

    def draw() -> Drawing:
        figure, axes = _empty("")
        for measure, label in MEASURES.items():
            layers = [[layer[measure] for layer in line["routers"]] for line in watched]
            (curve,) = axes.plot(steps, [sum(row) / len(row) for row in layers], marker="", label=label)
            lowest, highest = [min(row) for row in layers], [max(row) for row in layers]
            axes.fill_between(steps, lowest, highest, color=curve.get_color(), alpha=0.15, linewidth=0)
        axes.set(xlabel="step", ylim=(-0.02, 1.02))
        figure.legend(loc="outside lower center", ncols=1)
        return figure

    return Figure(name, "Entropy of loads and of routers, and dropped choices, over the steps of training.", draw)


def _empty(title: str) -> tuple[Drawing, Axes]:
    from matplotlib.figure import Figure as Drawing

    figure = Drawing()
    axes = figure.subplots()
    axes.set_title(title)
    return figure, axes


def _heat(figure: Drawing, axes: Axes, rows: Sequence[Sequence[float]], label: str, most: float) -> None:
    """Cells as vectors, dark for 0, so that a figure reads in grey and on both pages."""
    from matplotlib.ticker import MaxNLocator

    centres = range(len(rows[0])), range(len(rows))
    image = axes.pcolormesh(*centres, rows, cmap="cividis", vmin=0.0, vmax=most, shading="nearest")
    axes.grid(visible=False)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True))
    figure.colorbar(image, ax=axes, label=label)
