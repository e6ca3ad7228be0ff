"""From rows to what the page says: a point for every n, accuracies by method and k, and their intervals."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import log2
from typing import Any

import numpy as np

from experiments.report.statistics import Interval, bootstrap, mean_interval, slope
from experiments.store import Row

CHOSEN, RANDOM, TYPICAL, GREEDY_FIXED = "chosen", "random", "typical", "greedy_fixed"
MERGED, MERGED_SLOTS = "merged", "merged_slots"
NAMES = {
    CHOSEN: "by its combine weights",
    RANDOM: "at random",
    TYPICAL: "one for all, by mean weight",
    GREEDY_FIXED: "one for all, greedy",
    MERGED: "merged, all slots kept",
    MERGED_SLOTS: "merged, one slot a group",
}
"""Ways to be left with k experts that see no test label; ours beside the paper's first two."""
ORACLES = {
    "exhaustive_oracle": "some subset gives the label",
    "greedy_oracle": "greedy, sees the label",
    "exhaustive_wrong": "some subset gives a wrong label",
    "greedy_wrong": "greedy, sees a wrong label",
    "exhaustive_fixed": "one for all, best on validation",
}
"""What is measured besides where n is small."""


@dataclass(frozen=True)
class Point:
    """One n with the rows of its seeds."""

    experts: int
    rows: tuple[Row, ...]

    @property
    def config(self) -> dict[str, Any]:
        return dict(self.rows[0].config)

    @property
    def sizes(self) -> list[int]:
        """k, ascending."""
        return list(self.rows[0].metrics["sizes"])

    def values(self, metric: str) -> list[float]:
        """A number of every seed."""
        return [float(row.metrics[metric]) for row in self.rows]

    def whole(self) -> list[float]:
        """Accuracy of the whole model, of every seed."""
        return [row.metrics["right"] / row.metrics["tests"] for row in self.rows]

    def has(self, method: str, k: int) -> bool:
        """Whether ``method`` was measured with k experts."""
        if k not in self.sizes:
            return False
        return all(method in row.metrics and self._place(k) < _length(row.metrics[method]) for row in self.rows)

    def accuracy(self, method: str, k: int) -> list[float]:
        """Of every seed; for random subsets the mean over the draws."""
        return [float(np.mean(draws)) for draws in self.draws(method, k)]

    def draws(self, method: str, k: int) -> list[list[float]]:
        """Of every seed the accuracy of every draw; one for methods that draw nothing."""
        place, found = self._place(k), []
        for row in self.rows:
            counts = row.metrics[method]
            several = counts if isinstance(counts[0], list) else [counts]
            found.append([draw[place] / row.metrics["tests"] for draw in several])
        return found

    def retained(self, method: str, k: int) -> list[float]:
        """Accuracy over that of the whole model, of every seed."""
        return [part / whole for part, whole in zip(self.accuracy(method, k), self.whole(), strict=True)]

    def _place(self, k: int) -> int:
        return self.sizes.index(k)


def _length(counts: list[Any]) -> int:
    return len(counts[0]) if isinstance(counts[0], list) else len(counts)


def points(rows: Sequence[Row]) -> list[Point]:
    """By n, without models that diverged."""
    by_experts: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        if "right" in row.metrics:
            by_experts[row.config["experts"]].append(row)
    return [Point(n, tuple(sorted(by_experts[n], key=lambda row: row.cell.seed))) for n in sorted(by_experts)]


def divided(found: Sequence[Point], part: int) -> list[Point]:
    """Those whose n the ``part`` divides: k = n / part exists."""
    return [point for point in found if point.experts % part == 0]


def mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def lead(point: Point, k: int, method: str = CHOSEN, base: str = RANDOM) -> Interval | None:
    """Accuracy of ``method`` less that of ``base`` in the same model, with an interval over the seeds."""
    if not (point.has(method, k) and point.has(base, k)):
        return None
    pairs = zip(point.accuracy(method, k), point.accuracy(base, k), strict=True)
    return mean_interval([one - other for one, other in pairs])


def growth(found: Sequence[Point], part: int, method: str = CHOSEN) -> Interval | None:
    """By how much retained accuracy at k = n / part grows with a doubling of n: slope of a line through the means."""
    mine = divided(found, part)
    if len(mine) < 2:
        return None
    doublings = [log2(point.experts) for point in mine]
    samples = [point.retained(method, point.experts // part) for point in mine]
    return bootstrap(samples, lambda *drawn: slope(doublings, [float(values.mean()) for values in drawn]))


def least_part(point: Point, method: str, share: float) -> float:
    """The least k/n tried that retains ``share`` of the accuracy, on the mean over seeds, as all larger k do."""
    enough = 1.0
    for k in reversed(point.sizes):
        if not point.has(method, k):
            continue
        if mean(point.retained(method, k)) < share:
            break
        enough = k / point.experts
    return enough
