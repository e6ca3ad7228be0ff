"""The study as the runner and the report see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from experiments.studies.certified import cells
from experiments.studies.certified.preset import PRESETS, CertifiedPreset
from experiments.studies.types import COPIES_OF_PARAMETERS, FLOAT_BYTES, Estimate, Job
from theory.accounting import parameters

if TYPE_CHECKING:
    from experiments.report.page import Page
    from experiments.store import Row


class CertifiedStudy:
    """One question: does feeding counterexamples back lower the width at which a model is right on every input?"""

    name = "certified"
    question = "How narrow can a model be that is right on every input, if its errors are fed back into training?"
    presets: Mapping[str, CertifiedPreset] = PRESETS

    def jobs(self, preset: CertifiedPreset) -> tuple[Job, ...]:
        return cells.jobs(preset)

    def dry_run(self, preset: CertifiedPreset) -> tuple[Estimate, ...]:
        """Every round used, which is the most a cell can take."""
        return tuple(_estimate(job, preset.device_flops) for job in self.jobs(preset))

    def page(self, rows: Sequence[Row]) -> Page:
        from experiments.studies.certified.report import page

        return page(rows)


def _estimate(job: Job, device_flops: float) -> Estimate:
    setups = [cells.Setup.of(cell) for cell in job.cells]
    counts = [parameters(setup.config).total for setup in setups]
    flops = cells.most_flops(setups)
    r = setups[0].r
    graphs = (4**r + len(setups) * setups[0].batch) * (2 * r + 1)
    hidden = sum(setup.batch * 3 * setup.config.hidden for setup in setups)
    return Estimate(
        label=job.name,
        cells=len(setups),
        parameters=max(counts),
        flops=flops,
        memory_bytes=FLOAT_BYTES * (COPIES_OF_PARAMETERS * sum(counts) + graphs + hidden),
        device_hours=flops / device_flops / 3600,
    )
