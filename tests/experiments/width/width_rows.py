"""Rows of the study `width` made without training: what a store would hold, with metrics that a test chooses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from experiments.store import Row
from experiments.studies.types import Cell
from experiments.studies.width import ceiling, certified, critical, matched, two_layer
from experiments.studies.width.preset import WidthPreset
from experiments.studies.width.study import WidthStudy
from experiments.studies.width.training import Setup

TINY = WidthPreset(
    seeds=1, index_r=4, index_sampled_r=0, index_bits=(1,), index_experts=(1, 2), index_steps=3, index_batch=16,
    float_r=6, float_widths=(1,), float_steps=3, critical_r=(6,), critical_share=(0.5, 1.0),
    critical_share_large_batch=(1.0,), critical_steps=4, critical_batch=16, test_graphs=200, certified_r=(4,),
    certified_share=(1.0,), certified_steps=4, certified_batch=16, certified_samples=200, matched_r=6, matched_width=6,
    matched_experts=(1, 2), matched_steps=4, matched_batch=16, two_layer_r=(),
)  # fmt: skip
"""Trains everything in a few seconds, and learns nothing."""

SYNTHETIC = WidthPreset(
    seeds=2, index_bits=(1,), critical_r=(8, 16), two_layer_r=(16,), certified_r=(8,), float_r=128
)  # fmt: skip


def flags(preset: WidthPreset) -> list[str]:
    """``--set`` for every field in which ``preset`` differs from the quick one."""
    quick = WidthPreset()
    words: list[str] = []
    for name in vars(quick):
        value = getattr(preset, name)
        if value != getattr(quick, name):
            words += ["--set", f"{name}={','.join(map(str, value)) if isinstance(value, tuple) else value}"]
    return words


def synthetic_rows(preset: WidthPreset = SYNTHETIC) -> list[Row]:
    """A row for every cell of ``preset``: plausible results, below every ceiling and above every bound."""
    return [row_of(cell, metrics_of(cell)) for job in WidthStudy().jobs(preset) for cell in job.cells]


def row_of(cell: Cell, metrics: dict[str, Any], finished: str = "2026-01-01T00:00:01.000+00:00") -> Row:
    return Row(
        cell, metrics, "used its budget of steps", 0.5, "cpu", {"torch": "2"}, "unknown",
        {"cores": 2}, "2026-01-01T00:00:00.000+00:00", finished,
    )  # fmt: skip


def metrics_of(cell: Cell) -> dict[str, Any]:
    if cell.panel == two_layer.PANEL:
        return {"steps": 100, "validation": 1.0, "accuracy": 0.995 if cell.seed else 0.7}
    setup = Setup.of(cell)
    shared = {"learning_rate": 0.01, "steps": setup.steps, "validation": 0.9, "tuning": {}}
    return shared | _BY_PANEL[cell.panel](setup)


def index_metrics(r: int, wrong: Sequence[int], asked: int, all_inputs: bool) -> dict[str, Any]:
    """Metrics of INDEX with these wrong answers by coordinate."""
    return {
        "accuracy": 1 - sum(wrong) / (r * asked),
        "wrong_by_coordinate": list(wrong),
        "asked_by_coordinate": asked,
        "all_inputs": all_inputs,
    }


def _index(setup: Setup) -> dict[str, Any]:
    """Stores as many bits as the message has and guesses the rest (for a float model: all of them)."""
    stored = 0 if setup.message_bits is None else min(setup.r, setup.width * setup.message_bits)
    asked = min(2**setup.r, ceiling.SAMPLED_SETS)
    wrong = [0] * stored + [asked // 2] * (setup.r - stored)
    return index_metrics(setup.r, wrong, asked, 2**setup.r <= ceiling.SAMPLED_SETS)


def _critical(setup: Setup) -> dict[str, Any]:
    accuracy = min(0.9995, 0.9 + 0.12 * setup.width / setup.r)
    return {"accuracy": accuracy, "accuracy_by_bits": {str(b): accuracy if b >= 5 else 0.9 for b in critical.BITS}}


def _certified(setup: Setup) -> dict[str, Any]:
    wide = setup.width >= setup.r
    return {
        "accuracy": 1.0, "planted_accuracy": 1.0, "inputs": 4**setup.r, "wrong": 0 if wide else 17, "undecided": 0,
        "min_margin": 0.1 if wide else -0.1,
    }  # fmt: skip


def _matched(setup: Setup) -> dict[str, Any]:
    return {"accuracy": 0.99 - 0.01 * setup.experts, "total_parameters": 5000, "active_parameters": 1000}


_BY_PANEL = {
    ceiling.INDEX: _index,
    ceiling.FLOAT: _index,
    critical.PANEL: _critical,
    certified.PANEL: _certified,
    matched.PANEL: _matched,
}
PANELS = (*_BY_PANEL, two_layer.PANEL)
