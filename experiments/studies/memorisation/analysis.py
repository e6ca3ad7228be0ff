"""Rows gathered by point and by model: bits held, the most sequences held, the fewest active parameters."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import exp, log, log2, sqrt

from experiments.report.statistics import Interval, bootstrap
from experiments.store import Row
from experiments.studies.memorisation.setup import Setup
from theory.accounting import Parameters

FLOAT_BITS = 32
"""Bits of a parameter: weights are trained and run in float32."""
TOLERANCES = (0.0, 0.01)
"""Shares of wrong labels with which sequences count as memorised: none, and one in a hundred."""


@dataclass(frozen=True)
class Point:
    """One model on one number of sequences: the rows of its seeds, in their order."""

    setup: Setup
    rows: tuple[Row, ...]

    @property
    def wrong(self) -> list[int]:
        return [int(row.metrics["wrong"]) for row in self.rows]

    @property
    def bits(self) -> list[float]:
        """Bits held by each seed's model."""
        return [bits_held(self.setup.sequences, wrong) for wrong in self.wrong]

    def density(self, active: bool = False) -> list[float]:
        """Bits held for each parameter, of every seed."""
        count = self.setup.counts.active if active else self.setup.counts.total
        return [bits / count for bits in self.bits]


@dataclass(frozen=True)
class Model:
    """One shape with its points, in ascending order of sequences."""

    points: tuple[Point, ...]

    @property
    def setup(self) -> Setup:
        return self.points[0].setup

    @property
    def counts(self) -> Parameters:
        return self.setup.counts

    @property
    def name(self) -> str:
        return model_name(self.setup)

    @cached_property
    def fullest(self) -> Point:
        """Where it holds most bits, on average over seeds."""
        return max(self.points, key=lambda point: sum(point.bits) / len(point.rows))

    def largest(self, tolerance: float) -> list[int]:
        """The most sequences that each seed memorises but for this share of labels; 0 if none of the sizes tried."""
        found: dict[int, int] = defaultdict(int)
        for point in self.points:
            n = point.setup.sequences
            for row, wrong in zip(point.rows, point.wrong, strict=True):
                found[row.cell.seed] = max(found[row.cell.seed], n if wrong <= tolerance * n else 0)
        return [found[seed] for seed in sorted(found)]


def model_name(setup: Setup) -> str:
    return "dense" if setup.experts == 1 else f"{setup.experts} experts"


def bits_held(sequences: int, wrong: int) -> float:
    """``n (1 - h2(wrong / n))``: what a model that names all but ``wrong`` of n fair labels must hold of them.

    There are at most ``2^(n h2)`` labelings within ``wrong`` errors of one, so 2^bits models cover all 2^n only with
    as many bits; :func:`theory.bounds.memorisation.labelings_held` is the exact form.  0 from half of them wrong on.
    """
    if 2 * wrong >= sequences:
        return 0.0
    if not wrong:
        return float(sequences)
    p = wrong / sequences
    return sequences * (1 + p * log2(p) + (1 - p) * log2(1 - p))


def points(rows: Sequence[Row]) -> list[Point]:
    """In order of experts, hidden units and sequences."""
    seeds: dict[Setup, list[Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.cell.seed):
        seeds[Setup.of(row.cell)].append(row)
    found = [Point(setup, tuple(group)) for setup, group in seeds.items()]
    return sorted(found, key=lambda point: (point.setup.experts, point.setup.hidden, point.setup.sequences))


def models(rows: Sequence[Row]) -> list[Model]:
    """In order of experts and hidden units."""
    shapes: dict[tuple[int, int], list[Point]] = defaultdict(list)
    for point in points(rows):
        shapes[point.setup.experts, point.setup.hidden].append(point)
    return [Model(tuple(group)) for group in shapes.values()]


@dataclass(frozen=True)
class Comparison:
    """A model with experts beside the dense model with as many parameters in total, and that with as many active."""

    mixture: Model
    same_total: Model
    same_active: Model

    def more(self, values: Callable[[Model], Sequence[float]]) -> Interval:
        """Mean of the mixture less that of the dense model of the same total."""
        pair = [values(self.mixture), values(self.same_total)]
        return bootstrap(pair, lambda mixed, dense: float(mixed.mean() - dense.mean()))

    def times(self, values: Callable[[Model], Sequence[float]]) -> Interval:
        """Mean of the mixture over that of the dense model with as many active parameters."""
        pair = [values(self.mixture), values(self.same_active)]
        return bootstrap(pair, lambda mixed, dense: float(mixed.mean() / dense.mean()))


def comparisons(rows: Sequence[Row]) -> list[Comparison]:
    """One for each model with experts; none where the rows hold no dense model."""
    found = models(rows)
    dense = [model for model in found if model.setup.experts == 1]
    if not dense:
        return []

    def nearest(size: int) -> Model:
        return min(dense, key=lambda model: abs(log(model.counts.total / size)))

    mixed = [model for model in found if model.setup.experts > 1]
    return [Comparison(m, nearest(m.counts.total), nearest(m.counts.active)) for m in mixed]


@dataclass(frozen=True)
class Need:
    """What it takes with K experts to memorise the sequences of panel (c): the smallest model of every seed."""

    experts: int
    setups: tuple[Setup | None, ...]
    """By seed; None where none of the sizes tried does."""
    smallest: Setup
    largest: Setup
    """Of the sizes tried."""

    @property
    def active(self) -> list[int]:
        """Active parameters of every seed that memorises; those of the largest model tried for one that does not."""
        return [(setup or self.largest).counts.active for setup in self.setups]

    @property
    def total(self) -> list[int]:
        return [(setup or self.largest).counts.total for setup in self.setups]

    @property
    def failed(self) -> int:
        """Seeds that none of the sizes tried memorises."""
        return self.setups.count(None)

    @property
    def mean_active(self) -> float:
        """Geometric: sizes tried are a constant factor apart."""
        return exp(sum(map(log, self.active)) / len(self.active))


def needs(rows: Sequence[Row], tolerance: float) -> list[Need]:
    """One for each K, in ascending order."""
    by_experts: dict[int, list[Point]] = defaultdict(list)
    for point in points(rows):
        by_experts[point.setup.experts].append(point)
    return [_need(experts, found, tolerance) for experts, found in sorted(by_experts.items())]


def _need(experts: int, found: Sequence[Point], tolerance: float) -> Need:
    seeds = sorted({row.cell.seed for point in found for row in point.rows})
    least: dict[int, Setup] = {}
    for point in found:  # hidden units ascend
        for row, wrong in zip(point.rows, point.wrong, strict=True):
            if wrong <= tolerance * point.setup.sequences:
                least.setdefault(row.cell.seed, point.setup)
    return Need(experts, tuple(least.get(seed) for seed in seeds), found[0].setup, found[-1].setup)


def best_need(rows: Sequence[Row], tolerance: float) -> Need | None:
    """The K that takes fewest active parameters, of those with which every seed memorises."""
    return min((need for need in needs(rows, tolerance) if not need.failed), key=lambda n: n.mean_active, default=None)


def paper_experts(setup: Setup) -> float:
    """sqrt(n/m), the K of Theorem 3.5."""
    return sqrt(setup.sequences / setup.width)
