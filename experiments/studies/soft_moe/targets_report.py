"""Panel (a): errors by target, of one expert, a larger one, one with many slots, many experts, and a perceptron."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from experiments.report.page import Entry, Figure, Section, Table
from experiments.store import Row
from experiments.studies.soft_moe.analysis import Point, average, chosen, largest, line, points, shared_slots
from experiments.studies.soft_moe.arms import Kind
from experiments.studies.soft_moe.cells import LOGITS
from experiments.studies.soft_moe.targets import TARGETS
from parrots.soft_moe.config import Logits

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

MEASURES: tuple[tuple[str, Callable[[Row], float]], ...] = (
    ("mean error / best constant's", average),
    ("largest error found / R", largest),
)


@dataclass(frozen=True)
class Compared:
    """A model that panel (a) compares, and what it is called."""

    title: str
    kind: Kind
    slots: int

    def points(self, found: Sequence[Point], logits: Logits, target: str) -> list[Point]:
        return chosen(found, self.kind, logits, target, self.slots)


def compared(rows: Sequence[Row]) -> tuple[Compared, ...]:
    """In the order of the columns; with many slots: as many as there are both of one expert and of as many experts."""
    many = shared_slots(rows)
    if many is None:
        return ()
    units = {(row.config["kind"], row.config["slots"] * row.config["experts"]): row.config["hidden"] for row in rows}
    found = [
        Compared(f"one expert, one slot, {units.get(('experts', 1), 0):,} units", "experts", 1),
        Compared(f"one expert, one slot, {units.get(('larger', 1), 0):,} units", "larger", 1),
        Compared(f"one expert, {many} slots", "slots", many),
        Compared(f"{many} experts, one slot each", "experts", many),
        Compared("perceptron, no slots", "perceptron", 1),
    ]
    return tuple(one for one in found if (one.kind, one.slots) in units)


def targets_of(rows: Sequence[Row]) -> list[str]:
    """Targets that occur, in their order."""
    return [target for target in TARGETS if any(row.config["target"] == target for row in rows)]


def sections(rows: Sequence[Row]) -> tuple[Section, ...]:
    """``rows``: of one shape."""
    if not compared(rows):
        return ()
    config = rows[0].config
    budget = max(row.metrics["parameters"] for row in rows if row.config["kind"] != "larger")
    return (
        Section(
            title="(a) Errors by target",
            paragraphs=(
                f"T = {config['tokens']} tokens of d = {config['width']} numbers, inputs of Frobenius norm up to "
                f"R = {config['radius']:g}, half of them with all tokens on one line. Every model but the second has "
                f"{budget:,} parameters at most, slot vectors included, and as many hidden units as that leaves. The "
                "mean error is a root mean square, 1 for the best constant. The largest error is the worst that test "
                "inputs, gradient ascent in the ball, or the pair of a statement showed; a constant has 0.5 for the "
                "Frobenius norm.",
                _recipe(rows),
            ),
            table=_table(rows),
            figure=Figure(
                "targets",
                "Mean and largest error of five models for each target, plain and normalised logits, with the least "
                "largest error that one slot allows.",
                lambda: _draw(rows),
            ),
            caption="Black bars: the least largest error of any layer with the slot vectors of the first model, by its "
            "pair of inputs; dotted bars: by collinear inputs, for the models with normalised logits and many slots. A "
            "point below its bar would refute the statement. Bars bind no perceptron, and with plain logits no model "
            "with more slots than dimensions.",
            statements=("chung-one-expert", "own-soft-orthogonal", "own-soft-few-slots", "own-soft-collinear"),
        ),
    )


def _recipe(rows: Sequence[Row]) -> str:
    config, found = rows[0].config, points(rows)
    rates = config["learning_rates"]
    edge = sum(point.rows[0].metrics["learning_rate"] == max(rates) for point in found)
    return (
        f"Every target has a model of its own, trained for {config['steps']} steps of {config['batch']} fresh inputs. "
        f"The learning rate is the best of {', '.join(f'{rate:g}' for rate in rates)} on a seed that no result uses, "
        f"for every model and target apart; the largest was best for {edge} of {len(found)}."
    )


def _table(rows: Sequence[Row]) -> Table:
    models, found = compared(rows), points(rows)
    lines: list[tuple[Entry, ...]] = []
    for logits in LOGITS:
        for target in targets_of(rows):
            for name, value in MEASURES:
                entries: list[Entry] = []
                for model in models:
                    here = model.points(found, logits, target)
                    entries.append(here[0].interval(value) if here else None)
                lines.append((logits, TARGETS[target].title, name, *entries))
    return Table(("logits", "target", "error", *(model.title for model in models)), tuple(lines))


def _draw(rows: Sequence[Row]) -> Drawing:
    from matplotlib.figure import Figure as Drawing

    figure = Drawing(figsize=(7.2, 6.0))
    grid = figure.subplots(len(LOGITS), len(MEASURES), squeeze=False)
    for row, logits in zip(grid, LOGITS, strict=True):
        for axes, (name, value) in zip(row, MEASURES, strict=True):
            _draw_one(axes, rows, logits, value)
            axes.set_title(f"{logits} logits: {name}", fontsize=9)
            axes.set_ylim(bottom=0)
    figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def _draw_one(axes: Axes, rows: Sequence[Row], logits: Logits, value: Callable[[Row], float]) -> None:
    from experiments.report.drawing import INK

    models, targets, found = compared(rows), targets_of(rows), points(rows)
    for i, model in enumerate(models):
        at = 0.13 * (i - (len(models) - 1) / 2)
        here = [model.points(found, logits, target) for target in targets]
        places = [(x + at, value(row)) for x, group in enumerate(here) for point in group for row in point.rows]
        axes.plot(*zip(*places, strict=True), linestyle="", label=model.title, markersize=4.5)
    if value is average:
        axes.axhline(1, color=INK, linewidth=0.9)
    else:
        for x, target in enumerate(targets):
            _draw_lines(axes, x, models, found, logits, target)
    axes.set_xticks(range(len(targets)), targets, rotation=20)


def _draw_lines(
    axes: Axes, x: int, models: Sequence[Compared], found: Sequence[Point], logits: Logits, target: str
) -> None:
    """The least error by the pairs of the model with one slot, and of those with many."""
    from experiments.report.drawing import INK

    for model, style in zip((models[0], models[-2]), ("solid", "dotted"), strict=True):
        bars = [line(row) for point in model.points(found, logits, target) for row in point.rows]
        if bars and max(bars) > 0:
            axes.hlines(min(bars), x - 0.4, x + 0.4, colors=INK, linestyle=style, linewidth=1.4)
