"""What replacing one model by another adds to a metric: experts, hidden units, width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal

from experiments.report.statistics import Interval, bootstrap, mean_interval
from experiments.store import Row
from experiments.studies.decoders.explain import Explained, Sample, explain
from experiments.studies.decoders.points import Point, points
from experiments.studies.decoders.setup import Setup


def model_points(rows: Sequence[Row], kind: type[Setup]) -> list[Point]:
    """One a model, with the rows of its seeds, dense models first; a store holds rows as they were finished."""

    def experts_and_hidden(row: Row) -> tuple[int, int]:
        model = kind.of(row.cell).model
        return (0 if model.router is None else model.router.experts, model.feed_forward // model.width)

    return points(sorted(rows, key=experts_and_hidden), kind)


def interval(values: Sequence[float]) -> Interval | None:
    """Mean with a bootstrap interval over the seeds; None without a value."""
    return mean_interval(values) if values else None


def explained(
    found: Sequence[Point], metric: str, scale: Literal["log2", "linear"], inner: bool = False
) -> Explained | None:
    """How well total and active parameters explain the metric; None where too few models tell them apart.

    ``inner``: both counted without embedding and head, which are most of a small model and the same in all families.
    """
    with_values = [point for point in found if point.values(metric)]
    counts = [
        (p.counts.inner, p.counts.active_inner) if inner else (p.counts.total, p.counts.active) for p in with_values
    ]
    samples = tuple(Sample(*of_one, tuple(p.values(metric))) for of_one, p in zip(counts, with_values, strict=True))
    return _explained(samples, scale)


@lru_cache(maxsize=8)
def _explained(samples: tuple[Sample, ...], scale: Literal["log2", "linear"]) -> Explained | None:
    """A page asks several times, and the bootstrap takes a while."""
    return explain(samples, scale)


@dataclass(frozen=True)
class Gain:
    """What replacing one model by another adds to a metric's mean, interval over the seeds of both."""

    before: Point
    after: Point
    added: Interval


def gain(before: Point, after: Point, metric: str) -> Gain | None:
    """None where one of the two has no values."""
    one, other = before.values(metric), after.values(metric)
    if not one or not other:
        return None
    return Gain(before, after, bootstrap([one, other], lambda x, y: float(y.mean() - x.mean())))


def expert_gains(found: Sequence[Point], metric: str) -> list[Gain]:
    """From the dense model to each with experts, at the same width and depth."""
    return _gains_at_one_width(found, metric, [point for point in found if point.setup.model.router is not None])


def control_gains(found: Sequence[Point], metric: str) -> list[Gain]:
    """From the dense model to each dense one with more hidden units, at the same width and depth."""
    dense = [point for point in found if point.setup.model.router is None]
    return _gains_at_one_width(found, metric, [point for point in dense if not _is_plain(point)])


def _gains_at_one_width(found: Sequence[Point], metric: str, others: Sequence[Point]) -> list[Gain]:
    pairs = [(base, point) for point in others if (base := dense_of(found, point)) is not None]
    return [added for base, point in pairs if (added := gain(base, point, metric)) is not None]


def width_gains(found: Sequence[Point], metric: str) -> list[Gain]:
    """From each dense model to the next wider one of the same depth and ratio of hidden units."""
    dense = sorted((p for p in found if _is_plain(p)), key=lambda p: (p.setup.model.layers, p.setup.model.width))
    pairs = [(a, b) for a, b in pairwise(dense) if a.setup.model.layers == b.setup.model.layers]
    return [added for a, b in pairs if (added := gain(a, b, metric)) is not None]


def dense_of(found: Sequence[Point], point: Point) -> Point | None:
    """The dense model of the same width and depth."""
    model = point.setup.model
    same = [
        p for p in found if _is_plain(p) and (p.setup.model.width, p.setup.model.layers) == (model.width, model.layers)
    ]
    return same[0] if same else None


def _is_plain(point: Point) -> bool:
    """Dense, with as many hidden units as the width."""
    model = point.setup.model
    return model.router is None and model.feed_forward == model.width
