"""Panel (a) from the rows: accuracy with k of n experts, for every n."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from experiments.report.page import Entry, Figure, Section, Table
from experiments.report.statistics import mean_interval
from experiments.store import Row
from experiments.studies.specialisation.analysis import (
    CHOSEN,
    NAMES,
    RANDOM,
    Point,
    divided,
    least_part,
    mean,
    points,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

PARTS = (2, 4, 8)
"""k = n over these, as in the paper's figure."""
NEARLY_ALL = 0.99


def sections(rows: Sequence[Row]) -> tuple[Section, ...]:
    found = points(rows)
    if not found:
        return ()
    return (_models(found), _retained(found), *_over_experts(found))


def _models(found: Sequence[Point]) -> Section:
    columns = ("n", "hidden units of one", "parameters", "learning rate", "seeds", "accuracy", "scale of the logits",
               f"least k/n that keeps {NEARLY_ALL:.0%}", "the same, at random")  # fmt: skip
    lines: list[tuple[Entry, ...]] = [
        (point.experts, point.config["hidden"], f"{round(mean(point.values('parameters'))):,}",
         mean(point.values("learning_rate")), len(point.rows), mean_interval(point.whole()),
         mean_interval(point.values("scale")), least_part(point, CHOSEN, NEARLY_ALL),
         least_part(point, RANDOM, NEARLY_ALL))
        for point in found
    ]  # fmt: skip
    return Section(
        title="The models",
        paragraphs=(
            "All hidden units together are equal as far as n divides them; every expert has one slot more to point at, "
            "so the total grows by the slot vectors. Accuracy on test images, mean over seeds.",
        ),
        table=Table(columns, tuple(lines)),
    )


def _retained(found: Sequence[Point]) -> Section:
    return Section(
        title="(a) Accuracy retained against k/n",
        paragraphs=(
            "For each image the k experts with the largest combine weight, summed over tokens, predict alone: the "
            "others give zero, and the weights are not renormalised. Beside them as many experts drawn at random, for "
            "each image apart. Accuracy over that of the whole model.",
        ),
        figure=Figure(
            "retained",
            "Accuracy retained against k/n, a line for each n: experts chosen by combine weight, and at random.",
            lambda: _draw_retained(found),
        ),
        caption="Lines: means over seeds (at random: and over draws); bands: the least and the most of any seed and "
        "draw. The combine weights would tell nothing if both sides agreed; they would tell no more of many small "
        "experts than of a few large ones if the lines on the left lay no higher above those on the right for large n.",
    )


def _over_experts(found: Sequence[Point]) -> tuple[Section, ...]:
    parts = [part for part in PARTS if divided(found, part)]
    if not parts:
        return ()
    columns = ("n", "k", *(f"accuracy, {name}" for name in NAMES.values()))
    lines: list[tuple[Entry, ...]] = [
        (point.experts, point.experts // part, *(_accuracy(point, method, point.experts // part) for method in NAMES))
        for part in parts
        for point in divided(found, part)
    ]
    return (
        Section(
            title="(a) Accuracy at a fixed share of experts, over their number",
            paragraphs=(
                "The paper's figure: two, four and eight times fewer experts. Ours are the subsets that are one for "
                "all images, chosen on validation images by mean combine weight or greedily by the mean log-likelihood "
                "of the labels, and merging instead of dropping (M-SMoE): experts join the one with the most similar "
                "routing logits, hidden units aligned, weights averaged by use. Merged experts with all slots kept "
                "save storage and no computing; with one slot a group they compute as little as a subset.",
            ),
            table=Table(columns, tuple(lines)),
            figure=Figure(
                "experts",
                "Accuracy over the number of experts with a half, a quarter and an eighth of them, by method.",
                lambda: _draw_over_experts(found, parts),
            ),
            caption="Bands: the least and the most of any seed and draw. The paper's claim would be refuted by a "
            "chosen line that runs with the random one, or that comes no closer to the whole model as n grows.",
        ),
    )


def _accuracy(point: Point, method: str, k: int) -> Entry:
    """With an interval for the two methods that the claims are about."""
    if not point.has(method, k):
        return None
    values = point.accuracy(method, k)
    return mean_interval(values) if method in (CHOSEN, RANDOM) else mean(values)


def _draw_retained(found: Sequence[Point]) -> Drawing:
    import matplotlib
    from matplotlib.figure import Figure as Drawing

    figure = Drawing(figsize=(7.2, 3.8))
    left, right = figure.subplots(1, 2, sharey=True)
    shades = matplotlib.colormaps["viridis"]
    for place, point in enumerate(found):
        colour = shades(0.1 + 0.75 * place / max(1, len(found) - 1))
        shares = [k / point.experts for k in point.sizes]
        for axes, method in ((left, CHOSEN), (right, RANDOM)):
            label = f"n = {point.experts}" if axes is left else None
            means = [mean(point.retained(method, k)) for k in point.sizes]
            axes.plot(shares, means, "o-", markersize=3, linewidth=1.2, color=colour, label=label)
            low, high = zip(*(_span(point, method, k, over=mean(point.whole())) for k in point.sizes), strict=True)
            axes.fill_between(shares, low, high, color=colour, alpha=0.15, linewidth=0)
    for axes, method in ((left, CHOSEN), (right, RANDOM)):
        axes.set_xscale("log", base=2)
        axes.set(xlabel="k/n", title=NAMES[method])
    left.set(ylabel="accuracy retained", ylim=(0, 1.05))
    figure.legend(loc="outside lower center", ncols=5)
    return figure


def _draw_over_experts(found: Sequence[Point], parts: Sequence[int]) -> Drawing:
    from matplotlib.figure import Figure as Drawing

    figure = Drawing(figsize=(7.2, 4.0))
    (row,) = figure.subplots(1, len(parts), sharey=True, squeeze=False)
    for axes, part in zip(row, parts, strict=True):
        _draw_part(axes, divided(found, part), part)
        axes.set(xlabel="experts n", title=f"k = n/{part}")
    row[0].set(ylabel="accuracy", ylim=(0, 1.02))
    handles, labels = row[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def _draw_part(axes: Axes, found: Sequence[Point], part: int) -> None:
    from experiments.report.drawing import INK

    axes.plot([p.experts for p in found], [mean(p.whole()) for p in found], "-", color=INK, label="all experts")
    for colour, (method, name) in enumerate(NAMES.items()):
        mine = [point for point in found if point.has(method, point.experts // part)]
        places = [point.experts for point in mine]
        means = [mean(point.accuracy(method, point.experts // part)) for point in mine]
        style = "o-" if method in (CHOSEN, RANDOM) else "s--"
        axes.plot(places, means, style, markersize=3, linewidth=1.4, color=f"C{colour}", label=name)
        if method in (CHOSEN, RANDOM) and mine:
            low, high = zip(*(_span(point, method, point.experts // part) for point in mine), strict=True)
            axes.fill_between(places, low, high, color=f"C{colour}", alpha=0.2, linewidth=0)
    axes.set_xscale("log", base=2)


def _span(point: Point, method: str, k: int, over: float = 1.0) -> tuple[float, float]:
    """The least and the most accuracy of any seed and draw, over ``over``."""
    drawn = [value for seed in point.draws(method, k) for value in seed]
    return min(drawn) / over, max(drawn) / over
