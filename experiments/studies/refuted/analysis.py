"""From rows to counts: which models are wrong for sure, which of them were refuted, and at what cost."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from experiments.report.statistics import Interval, bootstrap
from experiments.store import Row
from experiments.studies.refuted import built, trained
from experiments.studies.selection import of_panel


def searched(rows: Sequence[Row]) -> list[Row]:
    """Trained models with weights that are numbers; the others were thrown out of range and no method has seen them."""
    return [row for row in of_panel(rows, trained.PANEL) if row.metrics["spent"]]


def certified_wrong(rows: Sequence[Row]) -> list[Row]:
    """Searched models that the certifier found wrong on some input."""
    return [row for row in searched(rows) if row.metrics["wrong"] > 0]


def certified_right(rows: Sequence[Row]) -> list[Row]:
    """Searched models that the certifier found right on every input."""
    return [row for row in searched(rows) if row.metrics["wrong"] == 0 and row.metrics["undecided"] == 0]


def perfect_on_samples(rows: Sequence[Row]) -> list[Row]:
    """Without an error on the sampled graphs."""
    return [row for row in rows if row.metrics["accuracy"] == 1.0]


def refuted_by(row: Row, method: str) -> bool:
    return row.metrics["evaluations"].get(method) is not None


def refuted(row: Row) -> bool:
    """By some method."""
    return any(count is not None for count in row.metrics["evaluations"].values())


def costs(rows: Sequence[Row], method: str) -> list[int]:
    """Logits to the first counterexample, of the models that the method refuted, in ascending order."""
    found = [row.metrics["evaluations"].get(method) for row in rows]
    return sorted(count for count in found if count is not None)


def median_cost(rows: Sequence[Row], method: str) -> Interval | None:
    """Median over the models that the method refuted; None if there are none."""
    found = costs(rows, method)
    return bootstrap([found], lambda values: float(np.median(values))) if found else None


def of_kind(rows: Sequence[Row], kind: str) -> list[Row]:
    return [row for row in of_panel(rows, built.PANEL) if row.config["kind"] == kind]
