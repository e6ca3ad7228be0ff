"""The study as the runner and the report see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from experiments.studies.precision import cells
from experiments.studies.precision.preset import PRESETS, PrecisionPreset
from experiments.studies.types import Cell, Estimate, Job
from parrots.constructions import get
from parrots.constructions.design import Design
from theory.digraphs import FAMILIES
from theory.errors import InputError

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
        """Raises :class:`theory.errors.InputError` if no model has any of the options at any of the sizes."""
        found = cells.jobs(preset)
        if not found:
            raise InputError(
                f"digits {preset.digits}, experts {preset.experts} at vertices {preset.vertices}: no such model of "
                f"{', '.join(preset.constructions)} exists; give fewer digits or experts, or more vertices."
            )
        return found

    def dry_run(self, preset: PrecisionPreset) -> tuple[Estimate, ...]:
        """Nothing is trained: the work is forward passes, counted by the numbers that they make."""
        return tuple(_estimate(job, preset.device_flops) for job in self.jobs(preset))

    def page(self, rows: Sequence[Row]) -> Page:
        from experiments.studies.precision.report import page

        return page(rows)


def _estimate(job: Job, device_flops: float) -> Estimate:
    designs = [_design(cell) for cell in job.cells]
    slots = [design.slots_for(2 * design.vertices) for design in designs]
    per_graph = [design.graph_bytes(size) // FLOAT_BYTES for design, size in zip(designs, slots, strict=True)]
    flops = sum(
        RUNS * min(cell.config["graphs"], len(FAMILIES) * cells.most_graphs(size)) * count * 2 * design.width
        for cell, size, count, design in zip(job.cells, slots, per_graph, designs, strict=True)
    )
    return Estimate(
        label=job.name,
        cells=len(job.cells),
        parameters=max(numbers(_design(cell)) for cell in job.cells if cell.seed == 0),
        flops=flops,
        memory_bytes=2 * FLOAT_BYTES * cells.MOST_TOKENS * max(per_graph),
        device_hours=flops / device_flops / 3600,
    )


def numbers(design: Design) -> int:
    """Numbers that the model holds as built."""
    return sum(parameter.numel() for parameter in design.build().parameters())


def _design(cell: Cell) -> Design:
    return get(cell.config["construction"]).design(cell.config["vertices"], **cell.config["options"])
