"""Panels (a) and (b) from the rows: accuracy against width for one and two layers, and every seed by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from experiments.report.page import Entry, Figure, Section, Table
from experiments.store import Row
from experiments.studies.depth.analysis import TARGET, Point, ceiling, lower_bound, points
from experiments.studies.depth.arms import APART, ARMS, TWO
from parrots.constructions.packed import default_width
from parrots.two_layer import built_width
from theory.bounds import dense_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

COLOURS = dict(zip(ARMS, ("sky", "blue", "vermillion", "orange"), strict=True))
MARKS = dict(zip(ARMS, "os^D", strict=True))
SHIFT, BESIDE = 1.045, 1.012
"""Factors between arms of one width and between seeds of one arm, so that marks do not cover each other."""


def sections(rows: Sequence[Row]) -> tuple[Section, ...]:
    if not rows:
        return ()
    found = points(rows)
    return (_accuracy(found), _seeds(found))


def _accuracy(found: Sequence[Point]) -> Section:
    experts = found[0].rows[0].config["experts"]
    return Section(
        title="(a) Accuracy against width, one layer and two",
        paragraphs=(
            f"Fresh planted graphs, the median of the seeds. One layer: softmax attention read by the query, then a "
            f"ReLU block of 4r hidden units, or {experts} such experts, top-1. Two layers: edges attend to edges and "
            "the query reads them, with 2m hidden units after it. In the control an edge of layer 1 sees itself and "
            "the query alone: the query reads twice, and no edge meets its partner. All arms see the same graphs in "
            "the same order, sparse ones first, for the same steps, and choose a learning rate from one list, for each "
            "width, on a seed that no point shows.",
            _limits(found),
            "So at these sizes nothing here excludes a narrow one-layer model: the packed construction is one, with "
            "up to 2^g - 1 hidden units a coordinate and thresholds that training does not find. What the arms show "
            "at these sizes is what training finds; the proved separation is further below.",
            "The control is under the same barrier as one layer. Alice and Bob can run it by exchanging the query's "
            "partial sums twice, and the sets can't be told disjoint with fewer than r bits however they are "
            "exchanged; so at a given precision its width too must grow almost like r.",
        ),
        table=_table(found),
        figure=Figure(
            "accuracy",
            "Accuracy against width for one layer, dense and with experts, two layers, and two layers whose edges do "
            "not meet, by size; vertical lines mark the widths of hand-built models and the lower bound.",
            lambda: _draw_accuracy(found),
        ),
        caption="If depth did not help, the two-layer curve would rise where the one-layer curves do. If it helped for "
        "another reason than edges that meet, the control would rise with it. A one-layer point above the accuracy "
        "ceiling of its width, drawn where that is below 1, would refute the ceiling.",
        statements=("own-two-layer", "thm-3.3", "own-packed", "own-pattern-bound", "own-pattern-ceiling"),
    )


def _limits(found: Sequence[Point]) -> str:
    texts = []
    for r in sorted({point.r for point in found}):
        below = [point for point in found if point.r == r and (ceiling(point) or 1) < 1]
        texts.append(
            f"r = {r}: width {lower_bound(r)} or more, built by hand with {built_width(r)} in two layers, "
            f"{default_width(r)} (packed) or {dense_width(r + 2)} in one; {len(below)} points have a ceiling below 1"
        )
    return f"What one layer needs to be right on every graph, at any precision: {'; '.join(texts)}."


def _table(found: Sequence[Point]) -> Table:
    columns = ("r", "arm", "width", f"share of seeds at {TARGET:.0%}", "accuracy of every seed", "ceiling",
               "learning rate", "steps")  # fmt: skip
    lines: list[tuple[Entry, ...]] = []
    for point in found:
        seeds = ", ".join(f"{value:.4f}" for value in point.accuracies)
        steps = ", ".join(str(row.metrics["steps"]) for row in sorted(point.rows, key=lambda row: row.cell.seed))
        rate = f"{point.rows[0].metrics['learning_rate']:.2g}"
        lines.append((point.r, point.arm, point.width, point.share, seeds, ceiling(point), rate, steps))
    return Table(columns, tuple(lines))


def _draw_accuracy(found: Sequence[Point]) -> Drawing:
    from matplotlib.figure import Figure as Drawing

    from experiments.report.drawing import COLOURS as PALETTE

    sizes = sorted({point.r for point in found})
    figure = Drawing(figsize=(3.4 * len(sizes), 4.0))
    grid = figure.subplots(1, len(sizes), sharey=True, squeeze=False)[0]
    for axes, r in zip(grid, sizes, strict=True):
        for arm in ARMS:
            mine = [point for point in found if (point.r, point.arm) == (r, arm)]
            colour = PALETTE[COLOURS[arm]]
            axes.plot([p.width for p in mine], [p.median for p in mine], color=colour, marker=MARKS[arm], label=arm)
            limited = [(p.width, limit) for p in mine if (limit := ceiling(p)) is not None and limit < 1]
            axes.plot(*zip(*limited, strict=True), "_", color=colour, markersize=14) if limited else None
        _width_lines(axes, r)
        _width_axis(axes, found, r, (lower_bound(r),))
    grid[0].set_ylabel("accuracy, median of the seeds")
    _legend(figure, grid)
    return figure


def _width_lines(axes: Axes, r: int) -> None:
    from experiments.report.drawing import INK

    lines = {
        "two layers, built": (built_width(r), "-"),
        "one layer, built (packed)": (default_width(r), "--"),
        "one layer, built (dense)": (dense_width(r + 2), "-."),
        "one layer, lower bound": (lower_bound(r), ":"),
    }
    for name, (width, style) in lines.items():
        axes.axvline(width, color=INK, linewidth=1, linestyle=style, marker="", label=name)


def _width_axis(axes: Axes, found: Sequence[Point], r: int, further: Sequence[int]) -> None:
    axes.set_xscale("log", base=2)
    ticks = sorted({point.width for point in found if point.r == r} | set(further))
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.set(xlabel="width m", title=f"r = {r}", ylim=(0.48, 1.02))


def _seeds(found: Sequence[Point]) -> Section:
    return Section(
        title="(b) Every seed",
        paragraphs=(_counts(found), _stopped(found)),
        figure=Figure(
            "seeds",
            "The accuracy of every seed against width by arm and size, and the share of seeds at the target with its "
            "interval.",
            lambda: _draw_seeds(found),
        ),
        caption="Above: a mark is a seed. Below: the share of seeds at the target, with Wilson's 95 % interval. Two "
        "layers either find the match of edges, and are then right almost everywhere, or stay where they were; one "
        "layer gets better by degrees. Seeds spread evenly between the two levels would speak against that.",
        statements=("own-two-layer",),
    )


def _counts(found: Sequence[Point]) -> str:
    texts = []
    for arm in ARMS:
        values = [value for point in found if point.arm == arm for value in point.accuracies]
        if values:
            between = sum(0.85 <= value < TARGET for value in values)
            texts.append(
                f"{arm}: {sum(value >= TARGET for value in values)} of {len(values)} at {TARGET:.0%}, {between} "
                "between that and 85 %"
            )
    return f"Over all sizes and widths, {'; '.join(texts)}."


def _stopped(found: Sequence[Point]) -> str:
    """How two layers fared where the built weights fit, and where they do not."""
    texts = []
    for arm in (TWO, APART):
        for name, fits in (("as wide as the built weights", True), ("narrower", False)):
            values = [
                value
                for point in found
                if point.arm == arm and (point.width >= built_width(point.r)) == fits
                for value in point.accuracies
            ]
            if values:
                texts.append(f"{arm}, {name}: {sum(value >= TARGET for value in values)} of {len(values)}")
    return f"Seeds at {TARGET:.0%}: {'; '.join(texts)}."


def _draw_seeds(found: Sequence[Point]) -> Drawing:
    from matplotlib.figure import Figure as Drawing

    from experiments.report.drawing import COLOURS as PALETTE

    sizes = sorted({point.r for point in found})
    figure = Drawing(figsize=(3.4 * len(sizes), 5.2))
    grid = figure.subplots(2, len(sizes), sharey="row", sharex="col", squeeze=False, height_ratios=(2, 1))
    for (above, below), r in zip(grid.T, sizes, strict=True):
        for place, arm in enumerate(ARMS):
            for point in (p for p in found if (p.r, p.arm) == (r, arm)):
                x, colour = point.width * SHIFT ** (2 * place - 3), PALETTE[COLOURS[arm]]
                style = {"color": colour, "marker": MARKS[arm], "markersize": 4}
                middle = (len(point.rows) - 1) / 2
                apart = [x * BESIDE ** (number - middle) for number in range(len(point.rows))]
                above.plot(apart, point.accuracies, linestyle="", **style)
                share = point.share
                spread = [[share.value - share.low], [share.high - share.value]]
                below.errorbar([x], [share.value], spread, **style, label=arm)
        above.axhline(TARGET, color="gray", linewidth=0.8, marker="")
        _width_axis(above, found, r, ())
        above.set_xlabel("")
        below.set(xlabel="width m", ylim=(-0.05, 1.05))
    grid[0][0].set_ylabel("accuracy of a seed")
    grid[1][0].set_ylabel(f"share at {TARGET:.0%}")
    _legend(figure, grid[1])
    return figure


def _legend(figure: Drawing, axes: Sequence[Axes]) -> None:
    """Each label of any of the axes once."""
    pairs = (zip(*each.get_legend_handles_labels(), strict=True) for each in axes)
    once = {label: handle for group in pairs for handle, label in group}
    figure.legend(once.values(), once.keys(), loc="outside lower center", ncols=2, fontsize=8)
