"""Rows of the study `shortest-path` made without training, with metrics that a test chooses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from experiments.store import Row
from experiments.studies.shortest_path import STUDY
from experiments.studies.shortest_path.cells import MODELS, PathSetup
from experiments.studies.shortest_path.preset import PRESETS
from experiments.studies.types import Cell

TINY = [
    "seeds=2", "widths=8,16", "experts=4", "controls=2", "steps=3", "batch=8", "tests=24", "depth_widths=8",
    "depths=1,2", "depth_experts=2", "depth_vertices=8", "depth_steps=2", "learning_rates=0.01,0.02",
]  # fmt: skip
"""Trains everything in a few seconds, and learns nothing."""

Accuracy = Callable[[PathSetup], float]


def by_active(setup: PathSetup) -> float:
    """Accuracy that follows the active parameters alone."""
    return 1 - 300 / setup.counts.active


def by_total(setup: PathSetup) -> float:
    """Accuracy that follows the total alone."""
    return 1 - 300 / setup.counts.total


def synthetic_rows(accuracy: Accuracy = by_active) -> list[Row]:
    """A row for every cell of the quick preset; a seed moves the accuracy by a hundredth."""
    cells = [cell for job in STUDY.jobs(PRESETS["quick"]) for cell in job.cells]
    return [row_of(cell, metrics_of(cell, accuracy)) for cell in cells]


def row_of(cell: Cell, metrics: dict[str, Any], stopped: str = "used its budget of steps") -> Row:
    return Row(
        cell, metrics, stopped, 0.5, "cpu", {"torch": "2"}, "unknown", {"cores": 2},
        "2026-01-01T00:00:00.000+00:00", "2026-01-01T00:00:01.000+00:00",
    )  # fmt: skip


def metrics_of(cell: Cell, accuracy: Accuracy) -> dict[str, Any]:
    setup = PathSetup.of(cell)
    correct = accuracy(setup) - 0.01 * cell.seed
    shared = {"learning_rate": 0.01, "tuning": {"0.01": 0.5, "0.02": 0.4}, "counted": setup.counts.total}
    graded = {"correct": correct, "larger": {}, "baselines": {"random walk": {"correct": 0.05}}}
    if cell.panel != MODELS:
        return shared | graded
    rule = {"correct": 0.05, "exact": 0.04, "valid": 0.1, "first_hop": 0.3}
    graded |= {"exact": correct - 0.02, "valid": correct + 0.02, "first_hop": correct + 0.03}
    graded["baselines"] = {"random walk": rule, "no return": {name: value + 0.02 for name, value in rule.items()}}
    grown = {"correct": correct - 0.2, "baselines": graded["baselines"]}
    return shared | graded | {"larger": {str(size): grown for size in setup.larger}}
