"""Panel (b) from the rows: bits held for each parameter against the number of sequences, and what training leaves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from experiments.capacity import LITERATURE
from experiments.report.page import Entry, Figure, Section, Table
from experiments.report.statistics import mean_interval
from experiments.store import Row
from experiments.studies.memorisation.analysis import (
    FLOAT_BITS,
    Comparison,
    Model,
    comparisons,
    model_name,
    models,
    points,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing


def sections(rows: Sequence[Row], longer: Sequence[Row], attention: Sequence[Row]) -> tuple[Section, ...]:
    """From the rows of the grid, those with more steps, and those with learned attention."""
    if not rows:
        return ()
    found, pairs = models(rows), comparisons(rows)
    names = " and ".join(f"{one.bits:g} ({one.whose})" for one in LITERATURE)
    return (
        Section(
            title="(b) Bits held for each parameter",
            paragraphs=(
                "A model that names all but a share e of n fair labels holds at least n(1 − h2(e)) bits of them, "
                "memorised or not: beyond capacity this measures what is held where the largest n is a threshold. "
                "The table has the n at which a model holds most, on average over its seeds. Equal total: the dense "
                "model with the nearest number of parameters; equal active: with the nearest number of active ones.",
                f"Measured of language models by others: {names} bits a parameter, on text and not on signs.",
            ),
            table=_table(found, pairs),
            figure=Figure(
                "density",
                "Bits held for each parameter against sequences for each parameter, for the models of the largest "
                "total, with the line on which every label is right and the band measured of language models.",
                lambda: _draw(found, longer),
            ),
            caption="Experts would save parameters in total if their curve lay above the dense one. Open marks have "
            "more steps: above the curve, it is training that ends and not the weights. Theorem 3.6 allows "
            f"{FLOAT_BITS} bits a parameter, far above the frame.",
            statements=("thm-3.5", "thm-3.6"),
        ),
        *_control_sections(rows, longer, attention),
    )


def _table(found: Sequence[Model], pairs: Sequence[Comparison]) -> Table:
    columns = ("model", "total", "active", "at n", "labels wrong", "bits a parameter", "bits an active parameter",
               "fullest expert over n/K", "more than dense, equal total", "times dense, equal active")  # fmt: skip
    by_shape = {(pair.mixture.setup.experts, pair.mixture.setup.hidden): pair for pair in pairs}
    lines: list[tuple[Entry, ...]] = []
    for model in found:
        point, pair = model.fullest, by_shape.get((model.setup.experts, model.setup.hidden))
        n = point.setup.sequences
        held = (
            mean_interval([w / n for w in point.wrong]),
            mean_interval(point.density()),
            mean_interval(point.density(active=True)),
        )
        against = (pair.more(density), pair.times(most_bits)) if pair else (None, None)
        load = mean_interval([row.metrics["loads"][0] * model.setup.experts / n for row in point.rows])
        lines.append((model.name, model.counts.total, model.counts.active, n, *held, load, *against))
    return Table(columns, tuple(lines))


def density(model: Model) -> list[float]:
    """Most bits for each parameter, of every seed."""
    return model.fullest.density()


def most_bits(model: Model) -> list[float]:
    """Most bits held, of every seed."""
    return model.fullest.bits


def _control_sections(rows: Sequence[Row], longer: Sequence[Row], attention: Sequence[Row]) -> tuple[Section, ...]:
    lines: list[tuple[Entry, ...]] = []
    plain = {(p.setup.experts, p.setup.hidden, p.setup.sequences): p for p in points(rows)}
    learned = {(p.setup.experts, p.setup.hidden): p for p in points(attention)}
    for point in points(longer):
        shape = (point.setup.experts, point.setup.hidden)
        before, other = plain.get((*shape, point.setup.sequences)), learned.get(shape)
        if before is None:
            continue
        times = point.setup.steps / before.setup.steps
        name, with_attention = model_name(point.setup), mean_interval(other.bits) if other else None
        lines.append(
            (
                name,
                point.setup.sequences,
                mean_interval(before.bits),
                f"{times:g}",
                mean_interval(point.bits),
                with_attention,
            )
        )
    if not lines:
        return ()
    columns = ("model", "n", "bits", "times as many steps", "bits then", "bits with learned attention")
    return (
        Section(
            title="Did training end too early, and does attention help?",
            paragraphs=(
                "The models of the largest total at one n, about as many as a dense model can hold or more: with more "
                "steps, tuned anew; and with a head that learns in which direction to weigh the tokens (m parameters "
                "more) in place of their mean. What more steps add is what a model could hold and had not learned: not "
                "converged is not the same as full. Learned weights make the state depend on every token in its own "
                "way, where the mean leaves the same for all.",
            ),
            table=Table(columns, tuple(lines)),
            statements=("thm-3.6",),
        ),
    )


def _draw(found: Sequence[Model], longer: Sequence[Row]) -> Drawing:
    from matplotlib.figure import Figure as Drawing

    from experiments.report.drawing import INK

    figure = Drawing()
    axes = figure.subplots()
    biggest = max(model.counts.total for model in found)
    shown = [model for model in found if model.counts.total > 0.9 * biggest]
    colours: dict[int, str] = {}
    for index, model in enumerate(shown):
        colours[model.setup.experts] = f"C{index}"
        loads = [point.setup.sequences / model.counts.total for point in model.points]
        means = [mean_interval(point.density()) for point in model.points]
        bars = [[i.value - i.low for i in means], [i.high - i.value for i in means]]
        axes.errorbar(
            loads, [i.value for i in means], bars, color=f"C{index}", marker="os^DvP"[index % 6], label=model.name
        )
    for point in points(longer):
        times = [point.setup.sequences / point.setup.counts.total]
        axes.plot(times, [mean_interval(point.density()).value], "D", fillstyle="none", markersize=8,
                  color=colours.get(point.setup.experts, "0.5"), linestyle="")  # fmt: skip
    ends = [0.0, min(2.5, axes.get_xlim()[1])]
    axes.plot(ends, ends, ":", marker="", color=INK, label="every label right")
    axes.axhspan(LITERATURE[0].bits, LITERATURE[-1].bits, color="0.5", alpha=0.15, label="language models")
    axes.set(xlabel="sequences for each parameter, n / P", ylabel="bits for each parameter", ylim=(0, None))
    axes.set_xlim(left=0.5)
    figure.legend(loc="outside lower center", ncols=3)
    return figure
