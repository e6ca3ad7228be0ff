"""Panel (a) from the rows: the largest number of sequences memorised, over total and over active parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from experiments.report.page import Entry, Figure, Section, Table
from experiments.report.statistics import mean_interval
from experiments.store import Row
from experiments.studies.memorisation.analysis import FLOAT_BITS, TOLERANCES, Model, models
from theory.bounds.memorisation import best_experts, memoriser_bound

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

EXACT, NEARLY = TOLERANCES
COUNTS = ("total", "active")


def sections(rows: Sequence[Row]) -> tuple[Section, ...]:
    if not rows:
        return ()
    found = models(rows)
    m = found[0].setup.width
    return (
        Section(
            title="(a) The largest number of sequences memorised",
            paragraphs=(
                f"Every model trains on all n sequences of width {m} in every step, for each n of a grid of sizes "
                f"2^(1/4) apart; memorised means that {1 - NEARLY:.0%} of the labels are right, in the table also that "
                "all are. Beside the trained models: the built memoriser with one expert, and with the K that leaves "
                "fewest parameters active, counted for any labels (random ones need about half of its hidden units); "
                f"the most that Theorem 3.6 leaves to parameters of {FLOAT_BITS} bits; and what a linear classifier of "
                f"the mean token holds with probability 1/2, 2(m + 1) = {2 * (m + 1)} (Cover 1965).",
                _censored(found),
            ),
            table=_table(found),
            figure=Figure(
                "largest",
                "Largest number of sequences memorised over total and over active parameters, dense and with experts, "
                "with the bound of Theorem 3.6, the built memorisers and a linear classifier.",
                lambda: _draw(found),
            ),
            caption="Left, a point above the bound would refute Theorem 3.6, and mixtures on another curve than dense "
            "models would refute that experts save no parameters in total. Right, mixtures on the dense models' curve "
            "would refute that they save active ones. The bound holds of all parameters, so on the right of dense "
            "models only.",
            statements=("thm-3.5", "thm-3.6", "own-interval-memoriser"),
        ),
    )


def _censored(found: Sequence[Model]) -> str:
    seeds = [(model, n) for model in found for n in model.largest(NEARLY)]
    top = sum(n == model.points[-1].setup.sequences for model, n in seeds)
    none = sum(n == 0 for _, n in seeds)
    return (
        f"Of {len(seeds)} models {top} memorise the largest n tried, so that theirs may be larger still; {none} "
        "memorise none of those tried and count as 0."
    )


def _table(found: Sequence[Model]) -> Table:
    columns = ("model", "hidden units", "total", "active", "seeds", "largest n, all right",
               f"largest n, {1 - NEARLY:.0%}", "over total", "over active")  # fmt: skip
    lines: list[tuple[Entry, ...]] = []
    for model in found:
        largest = model.largest(NEARLY)
        size = (model.setup.hidden, model.counts.total, model.counts.active, len(largest))
        ratios = [mean_interval([n / count for n in largest]) for count in (model.counts.total, model.counts.active)]
        lines.append((model.name, *size, mean_interval(model.largest(EXACT)), mean_interval(largest), *ratios))
    return Table(columns, tuple(lines))


def _draw(found: Sequence[Model]) -> Drawing:
    from matplotlib.figure import Figure as Drawing

    from experiments.report.drawing import INK

    figure = Drawing(figsize=(9.0, 4.6))
    both = figure.subplots(1, 2, sharey=True)
    for axes, count in zip(both, COUNTS, strict=True):
        for colour, K in enumerate(dict.fromkeys(model.setup.experts for model in found)):
            mine = [model for model in found if model.setup.experts == K and any(model.largest(NEARLY))]
            sizes = [getattr(model.counts, count) for model in mine]
            means = [mean_interval(model.largest(NEARLY)) for model in mine]
            heights = [interval.value for interval in means]
            bars = [[i.value - i.low for i in means], [i.high - i.value for i in means]]
            label = mine[0].name if mine else None
            axes.errorbar(sizes, heights, bars, color=f"C{colour}", marker="os^DvP"[colour % 6], label=label)
        _draw_built(axes, found, count)
        sizes = [min(getattr(model.counts, count) for model in found), max(model.counts.total for model in found)]
        style = "--" if count == "total" else ":"
        bound = [FLOAT_BITS * size for size in sizes]
        axes.plot(sizes, bound, style, marker="", color=INK, label=f"Thm 3.6, {FLOAT_BITS} bits (right: dense)")
        axes.axhline(2 * (found[0].setup.width + 1), color="0.5", linewidth=1, label="linear classifier")
        axes.set(xlabel=f"{count} parameters", xscale="log", yscale="log")
        _mark_octaves(axes)
    both[0].set_ylabel("sequences n")
    handles = dict(zip(*reversed(both[0].get_legend_handles_labels()), strict=True))
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=3)
    return figure


def _mark_octaves(axes: Axes) -> None:
    """Powers of two times 10 below, few enough to be read."""
    low, high = axes.get_xlim()
    marks = [10 * 2**step for step in range(20) if low <= 10 * 2**step <= high]
    marks = marks[:: 1 + len(marks) // 8]
    axes.set_xticks(marks, [f"{mark:,}" for mark in marks])
    axes.xaxis.minorticks_off()


def _draw_built(axes: Axes, found: Sequence[Model], count: str) -> None:
    """What the built memoriser needs for any labels, from one sequence for each expert on."""
    m, limit = found[0].setup.width, max(model.counts.total for model in found)
    sizes = [n for n in range(4, 32 * limit, max(1, limit // 40)) if memoriser_bound(n, m, 1).total <= limit]
    dense = [memoriser_bound(n, m, 1).total for n in sizes]
    axes.plot(dense, sizes, marker="", color="0.5", linestyle="-.", label="built, one expert")
    if count == "active":
        best = [memoriser_bound(n, m, best_experts(n, m)).active for n in sizes]
        axes.plot(best, sizes, marker="", color="0.5", linestyle="--")
    else:
        best = [memoriser_bound(n, m, best_experts(n, m)).total for n in sizes]
        kept = [(size, n) for size, n in zip(best, sizes, strict=True) if size <= limit]
        axes.plot(*zip(*kept, strict=True), marker="", color="0.5", linestyle="--", label="built, best K")
