"""Rows gathered by model: the seeds of one setup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum, isfinite

from experiments.store import Row
from experiments.studies.decoders.setup import Setup
from theory.accounting import DecoderParameters


@dataclass(frozen=True)
class Point:
    """One setup with the rows of its seeds."""

    setup: Setup
    rows: tuple[Row, ...]

    @property
    def counts(self) -> DecoderParameters:
        return self.setup.counts

    def values(self, metric: str) -> list[float]:
        """A metric of every seed that has it as a finite number."""
        found = [row.metrics.get(metric) for row in self.rows]
        return [float(value) for value in found if isinstance(value, int | float) and isfinite(value)]

    def mean(self, metric: str) -> float:
        """Over the seeds; nan without one."""
        values = self.values(metric)
        return fsum(values) / len(values) if values else float("nan")


def points(rows: Sequence[Row], kind: type[Setup] = Setup) -> list[Point]:
    """Ordered by family (as they first come), active and total parameters."""
    by_setup: dict[Setup, list[Row]] = {}
    for row in rows:
        by_setup.setdefault(kind.of(row.cell), []).append(row)
    found = [Point(setup, tuple(of_setup)) for setup, of_setup in by_setup.items()]
    names = list(dict.fromkeys(point.setup.family for point in found))
    return sorted(found, key=lambda p: (names.index(p.setup.family), p.counts.active, p.counts.total))


def families(found: Sequence[Point]) -> dict[str, list[Point]]:
    """Points by family, in their order."""
    grouped: dict[str, list[Point]] = {}
    for point in found:
        grouped.setdefault(point.setup.family, []).append(point)
    return grouped
