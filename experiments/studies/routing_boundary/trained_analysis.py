"""Rows of trained models gathered by arm and shape, at the learning rate of the tuning seed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from experiments.report.statistics import Interval, mean_interval
from experiments.store import Row
from experiments.studies.routing_boundary.arms import ARMS
from experiments.studies.routing_boundary.trained import LARGE, PANEL, TUNING_SEED
from experiments.studies.routing_boundary.training import TARGET
from experiments.studies.selection import of_panel


@dataclass(frozen=True)
class Point:
    """One arm at one shape: the seeds at the learning rate that was best on the tuning seed."""

    arm: str
    r: int
    width: int
    rate: float
    rates: tuple[float, ...]
    """Those that it was chosen from."""
    tuning: float
    """Validation accuracy of the tuning seed at that rate."""
    accuracies: tuple[float, ...]

    @property
    def found(self) -> int:
        """Seeds that reach :data:`TARGET`."""
        return sum(accuracy >= TARGET for accuracy in self.accuracies)

    @property
    def mean(self) -> Interval:
        return mean_interval(self.accuracies)


def cells(rows: Sequence[Row]) -> list[Row]:
    """Of all sizes."""
    return [*of_panel(rows, PANEL), *of_panel(rows, LARGE)]


def points(rows: Sequence[Row]) -> list[Point]:
    """In the order of arms, then of r and width; an arm whose tuning or seeds are missing is left out."""
    by_rate: dict[tuple[str, int, int], dict[float, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in cells(rows):
        config = row.config
        by_rate[config["arm"], config["r"], config["width"]][config["rate"]].append(row)
    found = [_point(key, rates) for key, rates in by_rate.items()]
    names = list(ARMS)
    return sorted(filter(None, found), key=lambda point: (names.index(point.arm), point.r, point.width))


def _point(key: tuple[str, int, int], rates: dict[float, list[Row]]) -> Point | None:
    tuning = [
        (row.metrics["validation"], -row.metrics["steps"], -rate)
        for rate, rows in rates.items()
        for row in rows
        if row.config["seed"] == TUNING_SEED
    ]
    if not tuning:
        return None
    validation, _, negative = max(tuning)
    results = sorted((row.config["seed"], row.metrics["accuracy"]) for row in rates[-negative])
    accuracies = tuple(accuracy for seed, accuracy in results if seed != TUNING_SEED)
    return Point(*key, -negative, tuple(rates), validation, accuracies) if accuracies else None
