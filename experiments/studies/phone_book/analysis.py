"""From rows to what the page says: models, what explains what they recall, bits for each parameter."""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum

from experiments.report.statistics import Interval, mean_interval
from experiments.store import Row
from experiments.studies.decoders import gains
from experiments.studies.decoders.explain import Explained
from experiments.studies.decoders.points import Point
from experiments.studies.phone_book.cells import BookSetup

BITS, LARGEST = "bits", "largest"


def book_points(rows: Sequence[Row]) -> list[Point]:
    """One a model, with the rows of its seeds, dense models first."""
    return gains.model_points(rows, BookSetup)


def explained(found: Sequence[Point], inner: bool = False) -> Explained | None:
    """How well total and active parameters explain what is recalled, both in logarithms.

    Models with a seed that recalls nothing have no logarithm and are left out.
    """
    return gains.explained([point for point in found if min(point.values(BITS), default=0) > 0], BITS, "log2", inner)


def density(point: Point, parameters: int) -> Interval | None:
    """Bits recalled for each of the ``parameters``, mean over the seeds."""
    values = [bits / parameters for bits in point.values(BITS)]
    return mean_interval(values) if values else None


def most_for_each_parameter(found: Sequence[Point]) -> tuple[float, Point] | None:
    """The most bits for each parameter, of the total, that any model of any seed recalls, and its point."""
    ratios = [(bits / point.counts.total, number) for number, point in enumerate(found) for bits in point.values(BITS)]
    if not ratios:
        return None
    most, number = max(ratios)
    return most, found[number]


def fullest(rows: Sequence[Row]) -> float:
    """The largest share of its book's bits that a model recalls: near 1 the book is measured, not the model."""
    return max((row.metrics["bits"] / row.metrics["book_bits"] for row in rows), default=0.0)


def shortcuts(rows: Sequence[Row]) -> dict[str, float]:
    """Name -> share of numbers got right, mean over the rows, the best first."""
    names = {name for row in rows for name in row.metrics["baselines"]}
    means = {name: _mean([row.metrics["baselines"][name]["correct"] for row in rows]) for name in names}
    return dict(sorted(means.items(), key=lambda item: (-item[1], item[0])))


def _mean(values: Sequence[float]) -> float:
    return fsum(values) / len(values)
