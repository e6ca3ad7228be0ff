"""The study as the runner and the report see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from experiments.studies.memorisation import cells
from experiments.studies.memorisation.preset import PRESETS, MemorisationPreset
from experiments.studies.memorisation.setup import Setup
from experiments.studies.memorisation.shortcuts import MOST_PASSES, SHORTCUTS, ShortcutSetup
from experiments.studies.types import COPIES_OF_PARAMETERS, FLOAT_BYTES, Estimate, Job

if TYPE_CHECKING:
    from experiments.report.page import Page
    from experiments.store import Row


class MemorisationStudy:
    """Three panels: (a) the largest n memorised, (b) bits a parameter, (c) active parameters against K."""

    name = "memorisation"
    question = "How many random labels does a trained layer hold, dense and with experts? (Theorems 3.5 and 3.6)"
    presets: Mapping[str, MemorisationPreset] = PRESETS

    def jobs(self, preset: MemorisationPreset) -> tuple[Job, ...]:
        return cells.jobs(preset)

    def dry_run(self, preset: MemorisationPreset) -> tuple[Estimate, ...]:
        """As if no model stopped before its steps are used up."""
        return tuple(_estimate(job, preset.device_flops) for job in self.jobs(preset))

    def page(self, rows: Sequence[Row]) -> Page:
        from experiments.studies.memorisation.report import page

        return page(rows)


def _estimate(job: Job, device_flops: float) -> Estimate:
    if job.cells[0].panel == SHORTCUTS:
        return _shortcut_estimate(job, device_flops)
    setup = Setup.of(job.cells[0])
    stacked = max(setup.together, len(setup.learning_rates))
    # Tokens, and of a sequence what the backward pass keeps: states, units before and after the ReLU, router.
    numbers = setup.tokens * setup.width + setup.width + 2 * setup.hidden + 3 * setup.experts
    return Estimate(
        label=job.name,
        cells=len(job.cells),
        parameters=setup.counts.total,
        flops=setup.flops,
        memory_bytes=FLOAT_BYTES * stacked * (COPIES_OF_PARAMETERS * setup.counts.total + setup.sequences * numbers),
        device_hours=setup.flops / device_flops / 3600,
    )


def _shortcut_estimate(job: Job, device_flops: float) -> Estimate:
    """Drawing the sequences, and at most so many passes of logistic regression over their means."""
    setup = ShortcutSetup.of(job.cells[0])
    numbers = setup.sequences * setup.width
    flops = len(job.cells) * (numbers * setup.tokens + 4 * MOST_PASSES * numbers)
    return Estimate(
        label=job.name,
        cells=len(job.cells),
        parameters=setup.width + 1,
        flops=flops,
        memory_bytes=2 * FLOAT_BYTES * numbers * setup.tokens,  # drawn in float64
        device_hours=flops / device_flops / 3600,
    )
