"""Panel (b): errors against the number of slots, of one expert or of one expert each, at equal total parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from experiments.report.page import Entry, Figure, Section, Table
from experiments.store import Row
from experiments.studies.soft_moe.analysis import (
    average,
    chosen,
    gain_by_slots,
    largest,
    line,
    points,
    shared_slots,
)
from experiments.studies.soft_moe.arms import Kind
from experiments.studies.soft_moe.cells import LOGITS
from experiments.studies.soft_moe.targets import TARGETS
from experiments.studies.soft_moe.targets_report import MEASURES, targets_of
from parrots.soft_moe.config import Logits

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

FAMILIES: tuple[tuple[Kind, str], ...] = (("experts", "S experts, one slot each"), ("slots", "one expert, S slots"))


def sections(rows: Sequence[Row]) -> tuple[Section, ...]:
    """``rows``: of one shape; a section for each kind of error."""
    if shared_slots(rows) is None:
        return ()
    d = rows[0].config["width"]
    words = (
        ("slots-average", "Mean error", "If one expert with as many slots lay where many experts lie, experts would "
         "add nothing to slots; if it stayed where one slot is, slots would add nothing to experts."),
        ("slots-largest", "Largest error found", "Bars without a line: the least largest error of any layer with the "
         "model's slot vectors, by its pair of inputs. A point below its bar would refute the statement. With "
         f"plain logits bars end beyond S = d = {d}; with normalised logits they become lower."),
    )  # fmt: skip
    return tuple(
        Section(
            title=f"(b) {title} against slots",
            paragraphs=(
                "Total parameters are equal, so S experts have about 1/S of the hidden units each. Means of all seeds, "
                "bars from the lowest to the highest seed. Vertical: S = d.",
            ),
            table=_table(rows) if value is average else None,
            figure=Figure(
                name,
                f"{title} against the number of slots for each target, of S experts and of one expert with S slots, "
                "plain and normalised logits.",
                _drawing(rows, label, value),
            ),
            caption=caption,
            statements=("own-soft-few-slots", "own-soft-many-slots", "own-soft-collinear"),
        )
        for (name, title, caption), (label, value) in zip(words, MEASURES, strict=True)
    )


def _table(rows: Sequence[Row]) -> Table:
    """At one slot, at d, at as many as both have, and at the most experts."""
    found, many, d = points(rows), shared_slots(rows), rows[0].config["width"]
    most = max(point.slots for point in found)
    shown: tuple[tuple[str, Kind, int | None], ...] = (
        ("one slot", "experts", 1),
        (f"{d} experts", "experts", d),
        (f"one expert, {d} slots", "slots", d),
        (f"{many} experts", "experts", many),
        (f"one expert, {many} slots", "slots", many),
        (f"{most} experts", "experts", most),
    )
    lines: list[tuple[Entry, ...]] = []
    for logits in LOGITS:
        for target in targets_of(rows):
            here = [chosen(found, kind, logits, target, slots) for _, kind, slots in shown]
            errors = [group[0].interval(average) if group else None for group in here]
            lines.append((logits, TARGETS[target].title, *errors, gain_by_slots(here[0], here[4], here[3])))
    gain = f"gain of one expert with {many} slots, in that of {many} experts"
    return Table(("logits", "mean error, by target", *(name for name, _, _ in shown), gain), tuple(lines))


def _drawing(rows: Sequence[Row], label: str, value: Callable[[Row], float]) -> Callable[[], Drawing]:
    def draw() -> Drawing:
        from matplotlib.figure import Figure as Drawing

        targets = targets_of(rows)
        height = -(-len(targets) // 2)
        figure = Drawing(figsize=(7.2, 2.7 * height + 0.8))
        grid = figure.subplots(height, 2, sharex=True, sharey=True, squeeze=False).flatten()
        for axes, target in zip(grid, targets, strict=False):
            for number, logits in enumerate(LOGITS):
                _draw_family(axes, rows, logits, target, value, number)
            axes.axvline(rows[0].config["width"], color="0.5", linewidth=0.8)
            axes.set(title=TARGETS[target].title, xlabel="slots S")
            axes.label_outer()
        for axes in grid[len(targets) :]:
            axes.set_axis_off()
        grid[0].set_ylim(bottom=0)
        sizes = sorted({point.slots for point in points(rows)})
        grid[0].set_xscale("log", base=2)
        grid[0].set_xticks(sizes, list(map(str, sizes)))
        figure.supylabel(label, fontsize=10)
        figure.legend(*grid[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
        return figure

    return draw


def _draw_family(
    axes: Axes, rows: Sequence[Row], logits: Logits, target: str, value: Callable[[Row], float], number: int
) -> None:
    for (kind, name), style in zip(FAMILIES, ("-", "--"), strict=True):
        here = chosen(points(rows), kind, logits, target)
        values = [[value(row) for row in point.rows] for point in here]
        means = [sum(some) / len(some) for some in values]
        axes.errorbar(
            [point.slots for point in here],
            means,
            (
                [mean - min(some) for mean, some in zip(means, values, strict=True)],
                [max(some) - mean for mean, some in zip(means, values, strict=True)],
            ),
            color=f"C{number}",
            linestyle=style,
            marker="os"[kind == "slots"],
            markersize=4,
            label=f"{name}, {logits} logits",
        )
        if value is largest:
            marks = [(point.slots, min(map(line, point.rows))) for point in here if point.has_line]
            if marks:
                label = f"least largest error by a pair, {logits} logits" if kind == "experts" else None
                axes.plot(
                    *zip(*marks, strict=True), linestyle="", marker="_", markersize=13, color=f"C{number}", label=label
                )
