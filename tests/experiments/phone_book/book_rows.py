"""Rows of the study `phone-book` made without training, with bits that a test chooses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from experiments.store import Row
from experiments.studies.phone_book import STUDY
from experiments.studies.phone_book.cells import BITS, BookSetup
from experiments.studies.phone_book.preset import PRESETS
from experiments.studies.types import Cell

TINY = [
    "seeds=2", "widths=8,16", "experts=2", "mixture_widths=8", "controls=2", "control_widths=8", "steps=3", "batch=8",
    "entries=20", "tests=10", "book_widths=8", "book_experts=2", "books=4,8,12", "book_steps=2",
]  # fmt: skip
"""Trains everything in a few seconds, and learns nothing."""

Recall = Callable[[BookSetup], float]


def by_total(setup: BookSetup) -> float:
    return 0.5 * setup.counts.total


def by_active(setup: BookSetup) -> float:
    return 0.5 * setup.counts.active


def synthetic_rows(bits: Recall = by_total) -> list[Row]:
    """A row for every cell of the quick preset; a seed moves what is recalled by a hundredth."""
    cells = [cell for job in STUDY.jobs(PRESETS["quick"]) for cell in job.cells]
    return [row_of(cell, metrics_of(cell, bits)) for cell in cells]


def row_of(cell: Cell, metrics: dict[str, Any], stopped: str = "used its budget of steps") -> Row:
    return Row(
        cell, metrics, stopped, 0.5, "cpu", {"torch": "2"}, "unknown", {"cores": 2},
        "2026-01-01T00:00:00.000+00:00", "2026-01-01T00:00:01.000+00:00",
    )  # fmt: skip


def metrics_of(cell: Cell, recall: Recall) -> dict[str, Any]:
    setup = BookSetup.of(cell)
    tuning = {"0.01": -9.0, "0.02": -9.1, "0.04": -9.2}
    shared = {"learning_rate": 0.01, "tuning": tuning, "counted": setup.counts.total}
    bits = recall(setup) * (1 + 0.01 * cell.seed)
    if cell.panel != BITS:
        largest = max((size for size in setup.books if 13.3 * size < bits), default=0)
        return shared | {"largest": largest, "recalled": {}, "bounded": largest < max(setup.books)}
    share = min(1.0, bits / 26_575)
    guess = {"correct": 1e-4, "digits_right": 0.1}
    graded = {"correct": share, "digits_right": share + 0.1 * (1 - share), "read": share}
    return shared | graded | {"bits": bits, "book_bits": 26_575.4, "baselines": {"random guess": guess}}
