"""The study as the runner and the report see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from experiments.studies.precision import cells
from experiments.studies.precision.preset import PRESETS, PrecisionPreset
from experiments.studies.types import Cell, Estimate, Job
from parrots.constructions import get
from parrots.constructions.design import Design

if TYPE_CHECKING:
    from experiments.report.page import Page
    from experiments.store import Row

RUNS = 20
"""Formats that are tried on each model, about."""
FLOAT_BYTES = 4
"""Of the numbers that :meth:`Design.graph_bytes` counts; emulation takes twice as many."""


class PrecisionStudy:
    """One question: where does each construction stop being exact, and how do width, bits and neurons trade?"""

    name = "precision"
    question = "In which number formats is each hand-built model right, and what does width cost in bits and neurons?"
    presets: Mapping[str, PrecisionPreset] = PRESETS

    def jobs(self, preset: PrecisionPreset) -> tuple[Job, ...]:
        return cells.jobs(preset)

    def dry_run(self, preset: PrecisionPreset) -> tuple[Estimate, ...]:
        """Nothing is trained: the work is forward passes, counted by the numbers that they make."""
        return tuple(_estimate(job, preset.device_flops) for job in self.jobs(preset))

    def page(self, rows: Sequence[Row]) -> Page:
        from experiments.studies.precision.report import page

        return page(rows)


def _estimate(job: Job, device_flops: float) -> Estimate:
    designs = [_design(cell) for cell in job.cells]
    per_graph = [design.graph_bytes(design.slots_for(2 * design.vertices)) // FLOAT_BYTES for design in designs]
    flops = sum(
        RUNS * cell.config["graphs"] * count * 2 * design.width
        for cell, count, design in zip(job.cells, per_graph, designs, strict=True)
    )
    return Estimate(
        label=job.name,
        cells=len(job.cells),
        parameters=max(design.width * design.neurons for design in designs),
        flops=flops,
        memory_bytes=2 * FLOAT_BYTES * cells.MOST_TOKENS * max(per_graph),
        device_hours=flops / device_flops / 3600,
    )


def _design(cell: Cell) -> Design:
    return get(cell.config["construction"]).design(cell.config["vertices"], **cell.config["options"])
