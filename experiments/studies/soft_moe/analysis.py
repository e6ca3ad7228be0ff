"""Rows gathered by model and target, and what is read off them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from experiments.engine import DIVERGED
from experiments.report.statistics import Interval, bootstrap, mean_interval
from experiments.store import Row
from experiments.studies.soft_moe.arms import Kind
from parrots.soft_moe.config import Logits


@dataclass(frozen=True)
class Point:
    """One model and target with the rows of its seeds."""

    kind: Kind
    logits: Logits
    tokens: int
    width: int
    slots: int
    """S, of all experts."""
    target: str
    rows: tuple[Row, ...]

    @property
    def has_line(self) -> bool:
        """Whether every seed confuses a pair of inputs."""
        return all(map(line, self.rows))

    def interval(self, value: Callable[[Row], float]) -> Interval:
        """Mean over seeds."""
        return mean_interval([value(row) for row in self.rows])


def finished(rows: Sequence[Row]) -> list[Row]:
    """Those that training did not throw out of range."""
    return [row for row in rows if row.stopped != DIVERGED]


def points(rows: Sequence[Row]) -> list[Point]:
    """Of all rows, smallest models first."""
    seeds: dict[tuple[Kind, Logits, int, int, int, str], list[Row]] = defaultdict(list)
    for row in rows:
        c = row.config
        total = c["experts"] * c["slots"]
        seeds[c["kind"], c["logits"], c["tokens"], c["width"], total, c["target"]].append(row)
    return [Point(*key, rows=tuple(seeds[key])) for key in sorted(seeds)]


def chosen(found: Sequence[Point], kind: Kind, logits: Logits, target: str, slots: int | None = None) -> list[Point]:
    """Points of one kind, kind of logits and target, by number of slots; one expert with one slot is of both kinds.

    A perceptron has no slots and no logits: it is the same whatever logits are asked for.
    """
    return [
        point
        for point in found
        if point.target == target
        and (point.kind == kind or (kind == "slots" and point.kind == "experts" and point.slots == 1))
        and (point.logits == logits or kind == "perceptron")
        and slots in (None, point.slots)
    ]


def shared_slots(rows: Sequence[Row]) -> int | None:
    """The largest number of slots that there is both for one expert and for as many experts; None if there is none."""
    experts = {row.config["experts"] for row in rows if row.config["kind"] == "experts"}
    slots = {row.config["slots"] for row in rows if row.config["kind"] == "slots"}
    return max(experts & slots, default=None)


def average(row: Row) -> float:
    """Root mean square error on inputs of the law, over that of the best constant."""
    return float(row.metrics["error"])


def pairs(row: Row) -> list[dict]:
    """What the statements with a pair say of the model."""
    return [found for found in row.metrics.get("witnesses", []) if "line" in found]


def line(row: Row) -> float:
    """Least largest error in the ball of any layer with these slot vectors, in R, by the best pair; 0 without one."""
    return max((float(found["line"]) for found in pairs(row)), default=0.0)


def largest(row: Row) -> float:
    """The largest error found in the ball, in R: on test inputs, by ascent, on the pairs."""
    return max(row.metrics["sampled"], row.metrics["worst"], *(found["error"] for found in pairs(row)))


def by_seed(found: Sequence[Point], value: Callable[[Row], float]) -> list[float]:
    """Mean over the points, for every seed that all of them have."""
    tables = [{row.cell.seed: value(row) for row in point.rows} for point in found]
    seeds = sorted(set.intersection(*(set(table) for table in tables))) if tables else []
    return [sum(table[seed] for table in tables) / len(tables) for seed in seeds]


def mean(found: Sequence[Point], value: Callable[[Row], float]) -> Interval | None:
    """Mean over points and seeds, with the spread of seeds; None without a seed that all points have."""
    values = by_seed(found, value)
    return mean_interval(values) if values else None


def gain_by_slots(one: Sequence[Point], slots: Sequence[Point], experts: Sequence[Point]) -> Interval | None:
    """Share of the gain from one slot to many experts that one expert with as many slots has: 1 is all of it."""
    samples = [by_seed(found, average) for found in (one, slots, experts)]
    if not all(samples) or len({len(values) for values in samples}) > 1:
        return None
    return bootstrap(samples, lambda a, b, c: float((a - b).mean() / (a - c).mean()), paired=True)
