"""The study as the runner and the report see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from experiments.studies.refuted import built, trained
from experiments.studies.refuted.preset import PRESETS, RefutedPreset
from experiments.studies.types import COPIES_OF_PARAMETERS, FLOAT_BYTES, Estimate, Job
from theory.accounting import parameters, table_flops

if TYPE_CHECKING:
    from experiments.report.page import Page
    from experiments.store import Row


class RefutedStudy:
    """Two panels: (a) trained models against their certificates, (b) hand-built and p-bit models."""

    name = "refuted"
    question = "Does a search find the graph that a model gets wrong, and what does it cost beside sampling?"
    presets: Mapping[str, RefutedPreset] = PRESETS

    def jobs(self, preset: RefutedPreset) -> tuple[Job, ...]:
        return (*trained.jobs(preset), *built.jobs(preset))

    def dry_run(self, preset: RefutedPreset) -> tuple[Estimate, ...]:
        """Training, and every method at its whole budget."""
        return tuple(_estimate(job, preset.device_flops) for job in self.jobs(preset))

    def page(self, rows: Sequence[Row]) -> Page:
        from experiments.studies.refuted.report import page

        return page(rows)


def _estimate(job: Job, device_flops: float) -> Estimate:
    if job.function is trained.run:
        setups = [trained.Setup.of(cell) for cell in job.cells]
        configs = [setup.config for setup in setups]
        searched = [len(trained.METHODS) * setup.evaluations for setup in setups]
        training = sum(setup.flops for setup in setups)
    else:
        built_setups = [built.Setup.of(cell) for cell in job.cells]
        configs = [model.config for model in (setup.model() for setup in built_setups) if model is not None]
        searched = [(len(built.METHODS) + 1) * setup.evaluations for setup in built_setups]
        training = 0
    flops = training + sum(table_flops(config, n) for config, n in zip(configs, searched, strict=True))
    counts = [parameters(config).total for config in configs]
    return Estimate(
        label=job.name,
        cells=len(configs),
        parameters=max(counts),
        flops=flops,
        memory_bytes=FLOAT_BYTES * COPIES_OF_PARAMETERS * sum(counts),
        device_hours=flops / device_flops / 3600,
    )
