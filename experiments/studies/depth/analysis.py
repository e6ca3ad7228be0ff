"""Rows gathered by point: the seeds of one size, arm and width."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from experiments.report.statistics import Interval, wilson
from experiments.store import Row
from experiments.studies.depth.arms import ARMS, HIDDEN_RATIO, ONE_LAYER, Setup
from parrots.config import OneLayerConfig
from theory.bounds import pattern_ceiling, pattern_min_width
from theory.instances import default_overlap_size

TARGET = 0.99
"""Accuracy from which on a model counts as having found the answer; the rows do not depend on it."""


@dataclass(frozen=True)
class Point:
    """One size, arm and width with the rows of its seeds."""

    r: int
    arm: str
    width: int
    rows: tuple[Row, ...]

    @property
    def accuracies(self) -> list[float]:
        """Of every seed, in their order."""
        return [row.metrics["accuracy"] for row in sorted(self.rows, key=lambda row: row.cell.seed)]

    @property
    def median(self) -> float:
        return median(self.accuracies)

    @property
    def share(self) -> Interval:
        """Share of seeds that reach the target."""
        return wilson(sum(value >= TARGET for value in self.accuracies), len(self.rows))


def points(rows: Sequence[Row]) -> list[Point]:
    """In order of size, arm and width."""
    seeds: dict[tuple[int, int, int], list[Row]] = defaultdict(list)
    for row in rows:
        seeds[row.config["r"], ARMS.index(row.config["arm"]), row.config["width"]].append(row)
    return [Point(r, ARMS[arm], width, tuple(seeds[r, arm, width])) for r, arm, width in sorted(seeds)]


def least_width(found: Sequence[Point]) -> int | None:
    """Smallest width of the grid at which half of the seeds or more reach the target."""
    return min((point.width for point in found if point.share.value >= 0.5), default=None)


def ceiling(point: Point) -> float | None:
    """Accuracy on planted graphs that no model of this shape exceeds, at any precision; None for two layers."""
    if point.arm not in ONE_LAYER:
        return None
    config = Setup.of(point.rows[0].cell).config
    assert isinstance(config, OneLayerConfig)
    size = default_overlap_size(point.r)
    return float(
        pattern_ceiling(point.r, config.hidden, point.width, config.experts, attention="softmax", set_size=size)
    )


def lower_bound(r: int) -> int:
    """Width that one dense layer needs to be right on every graph, at any precision."""
    return pattern_min_width(r, HIDDEN_RATIO * r, attention="softmax")
