"""Rows gathered by point: the seeds of one size and router."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import sqrt

from experiments.store import Row
from experiments.studies.memoriser.cells import Setup
from theory.bounds.memorisation import fraction_bits
from theory.memorisation import Router, reading_variance

FAILURE = Fraction(1, 100)
"""Probability that random labels need more bits than are said to suffice."""


@dataclass(frozen=True)
class Point:
    """One size and router with the rows of its seeds."""

    sequences: int
    width: int
    experts: int
    router: Router
    rows: tuple[Row, ...]

    def values(self, metric: str) -> list[float]:
        """A metric of every seed."""
        return [float(row.metrics[metric]) for row in self.rows]

    def mean(self, metric: str) -> float:
        return sum(self.values(metric)) / len(self.rows)


def held(rows: Sequence[Row]) -> list[Row]:
    """Those that were built; the others were refused."""
    return [row for row in rows if "refused" not in row.metrics]


def points(rows: Sequence[Row]) -> list[Point]:
    """In order of router, n, m and K."""
    seeds: dict[tuple[Router, int, int, int], list[Row]] = defaultdict(list)
    for row in rows:
        config = row.config
        seeds[config["router"], config["sequences"], config["width"], config["experts"]].append(row)
    return [Point(n, m, K, router, tuple(seeds[router, n, m, K])) for router, n, m, K in sorted(seeds)]


def best_measured(rows: Sequence[Row], router: Router) -> Point | None:
    """The point of ``router`` with the fewest active parameters; None without a row."""
    mine = [point for point in points(rows) if point.router == router]
    return min(mine, key=lambda point: point.mean("active"), default=None)


def paper_experts(point: Point) -> float:
    """sqrt(n/m), the K of Theorem 3.5; sqrt(n) for the rank-one router."""
    return sqrt(point.sequences / (1 if point.router == "interval" else point.width))


def imbalance(point: Point) -> list[float]:
    """Largest load over n/K, for every seed."""
    return [load * point.experts / point.sequences for load in point.values("largest_load")]


def sufficient_fraction_bits(setup: Setup) -> int:
    """Fraction bits of a threshold that suffice for random labels but for :data:`FAILURE`, whatever the split."""
    return fraction_bits(setup.sequences, FAILURE, reading_variance(setup.width, setup.tokens))
