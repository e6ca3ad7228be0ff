"""What the learning rate does to it, from the models that the rate was chosen by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from experiments.report.page import Entry, Figure, Section, Table
from experiments.store import Row
from experiments.studies.specialisation.analysis import Point, mean, points
from experiments.studies.specialisation.cells import PART

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing


def sections(rows: Sequence[Row]) -> tuple[Section, ...]:
    found = [point for point in points(rows) if point.rows[0].metrics["tuning"]]
    if not found:
        return ()
    seeds = found[0].config["tuning_seeds"]
    return (
        Section(
            title="(a) The learning rate",
            paragraphs=(
                f"Every n trains with the same candidates, {seeds} seeds each that no result uses; the one of highest "
                "mean accuracy on validation images is used. The candidates show besides how much retained accuracy "
                "owes to the training: models of about the same accuracy can keep nearly all of it or next to none.",
            ),
            table=_table(found),
            figure=Figure(
                "rates",
                "Accuracy, and the share of it that an eighth of the experts keeps, on validation images, over the "
                "number of experts, a line for each learning rate.",
                lambda: _draw(found),
            ),
            caption=f"One expert in {PART} is kept. A point a seed, lines through the means.",
        ),
    )


def scores(point: Point, rate: str, score: str) -> list[float]:
    """Of every tuning seed: "accuracy", "loss" or "retained", on validation images."""
    return [float(value) for value in point.rows[0].metrics["tuning"][rate][score]]


def least_retained(found: Sequence[Point], close: float) -> tuple[int, str, float, float] | None:
    """n, rate, accuracy and retained accuracy of the candidate that retains least.

    Of all n and of the rates whose mean accuracy is at most ``close`` below that of the best rate for the n.
    """
    candidates = []
    for point in found:
        if point.rows[0].metrics["tuning"] and point.experts >= PART:
            means = {rate: mean(scores(point, rate, "accuracy")) for rate in _rates([point])}
            best = max(means.values())
            candidates += [
                (mean(scores(point, rate, "retained")), point.experts, rate, accuracy)
                for rate, accuracy in means.items()
                if accuracy >= best - close
            ]
    if not candidates:
        return None
    kept, n, rate, accuracy = min(candidates)
    return n, rate, accuracy, kept


def _rates(found: Sequence[Point]) -> list[str]:
    return sorted(found[0].rows[0].metrics["tuning"], key=float)


def _table(found: Sequence[Point]) -> Table:
    rates = _rates(found)
    columns = ("n", *(f"accuracy at {rate}" for rate in rates), *(f"retained at {rate}" for rate in rates))
    lines: list[tuple[Entry, ...]] = [
        (
            point.experts,
            *(mean(scores(point, rate, "accuracy")) for rate in rates),
            *(mean(scores(point, rate, "retained")) if point.experts >= PART else None for rate in rates),
        )
        for point in found
    ]
    return Table(columns, tuple(lines))


def _draw(found: Sequence[Point]) -> Drawing:
    from matplotlib.figure import Figure as Drawing

    figure = Drawing(figsize=(7.2, 3.6))
    row = figure.subplots(1, 2)
    for axes, score, label in zip(row, ("accuracy", "retained"), ("accuracy", "share of it retained"), strict=True):
        for colour, rate in enumerate(_rates(found)):
            mine = [point for point in found if score == "accuracy" or point.experts >= PART]
            means = [mean(scores(point, rate, score)) for point in mine]
            name = f"rate {rate}" if axes is row[0] else None
            axes.plot([point.experts for point in mine], means, marker="", color=f"C{colour}", label=name)
            for point in mine:
                values = scores(point, rate, score)
                axes.plot([point.experts] * len(values), values, "o", markersize=3, color=f"C{colour}")
        axes.set_xscale("log", base=2)
        axes.set(xlabel="experts n", ylabel=label)
    figure.legend(loc="outside lower center", ncols=4)
    return figure
