"""Rows of the study `routing` made without training: what a store would hold, with metrics that a test chooses."""

from __future__ import annotations

from typing import Any

from experiments.store import Row
from experiments.studies.decoders.setup import Setup
from experiments.studies.routing import STUDY
from experiments.studies.routing.arms import DENSE, is_causal
from experiments.studies.routing.cells import MEMORY
from experiments.studies.routing.preset import RoutingPreset
from experiments.studies.types import Cell

TINY = [
    "seeds=2", "experts=4", "entries=60", "book_steps=3", "book_batch=20", "path_steps=3", "path_batch=8", "tests=24",
    "book_width=8", "path_width=8", "vertices=10", "learning_rates=0.01",
]  # fmt: skip
"""Trains every router in a few seconds, and learns nothing."""


def synthetic_rows() -> list[Row]:
    """A row for every cell of the quick preset; a model without experts is worse than the others."""
    cells = [cell for job in STUDY.jobs(RoutingPreset()) for cell in job.cells]
    return [row_of(cell, metrics_of(cell)) for cell in cells]


def row_of(cell: Cell, metrics: dict[str, Any]) -> Row:
    return Row(
        cell, metrics, "used its budget of steps", 0.5, "cpu", {"torch": "2"}, "unknown", {"cores": 2},
        "2026-01-01T00:00:00.000+00:00", "2026-01-01T00:00:01.000+00:00",
    )  # fmt: skip


def metrics_of(cell: Cell) -> dict[str, Any]:
    setup = Setup.of(cell)
    right = (0.3 if setup.family == DENSE else 0.6) - 0.01 * cell.seed
    read = right if is_causal(setup.model) else 0.95
    metrics: dict[str, Any] = {"correct": right, "read": read, "counted": setup.counts.total, "learning_rate": 0.01,
                               "tuning": {}, "baselines": {"random guess": {"correct": 0.1}}}  # fmt: skip
    if cell.panel == MEMORY:
        metrics["bits"] = 26_000 * right
    if setup.model.router is not None:
        metrics["routing"] = {"layers": [layer(setup.model.router.experts)] * setup.model.layers}
    return metrics


def layer(experts: int) -> dict[str, Any]:
    """Even loads."""
    share = [1 / experts] * experts
    scalars = {"load_entropy": 1.0, "largest_load": 1.0, "router_entropy": 0.5, "dropped": 0.0, "unrouted": 0.0,
               "dead": 0.0, "token_information": 0.4, "token_information_bias": 0.1, "position_information": 0.2,
               "position_information_bias": 0.1}  # fmt: skip
    return {"tokens": 100, "load": share, "importance": share, **scalars}
