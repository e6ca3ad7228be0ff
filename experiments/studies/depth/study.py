"""The study as the runner and the report see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from experiments.studies.depth import built, kept, trained
from experiments.studies.depth.arms import Setup
from experiments.studies.depth.preset import PRESETS, DepthPreset
from experiments.studies.types import COPIES_OF_PARAMETERS, FLOAT_BYTES, Estimate, Job
from parrots.two_layer import TwoLayerConfig, parameter_count
from theory.bounds.two_layer import two_layer_width

if TYPE_CHECKING:
    from experiments.report.page import Page
    from experiments.store import Row


class DepthStudy:
    """Two panels, (a) accuracy by depth and width, (b) every seed; and what is built, what is proved, what is kept."""

    name = "depth"
    question = "At a width where one layer fails, does a second layer help, and does training find it?"
    presets: Mapping[str, DepthPreset] = PRESETS

    def jobs(self, preset: DepthPreset) -> tuple[Job, ...]:
        return (*trained.jobs(preset), *kept.jobs(preset), *built.jobs(preset))

    def dry_run(self, preset: DepthPreset) -> tuple[Estimate, ...]:
        """Training at its whole budget of steps."""
        return tuple(_estimate(job, preset.device_flops) for job in self.jobs(preset))

    def page(self, rows: Sequence[Row]) -> Page:
        from experiments.studies.depth.report import page

        return page(rows)


def _estimate(job: Job, device_flops: float) -> Estimate:
    flops, parameters, members, graph = _sizes(job)
    memory = FLOAT_BYTES * (COPIES_OF_PARAMETERS * parameters * members + graph)
    return Estimate(job.name, len(job.cells), parameters, flops, memory, flops / device_flops / 3600)


def _sizes(job: Job) -> tuple[int, int, int, int]:
    """FLOPs, parameters of a model, models held at once, and numbers of the activations kept for the gradient."""
    if job.function is trained.run:
        planned = Setup.of(job.cells[0])
        tokens = 2 * planned.r + 1
        activations = planned.seeds * planned.batch * (4 * tokens + planned.config.hidden + 8 * planned.width)
        return trained.flops(planned), trained.numbers(planned), planned.seeds, activations
    if job.function is kept.run:
        start = kept.Setup.of(job.cells[0])
        config, members = start.config, len(start.group())
        activations = members * start.batch * (4 * config.tokens + config.hidden + 8 * config.width)
        return kept.flops(start), parameter_count(config), members, activations
    setups = [built.Setup.of(cell) for cell in job.cells]
    widest = TwoLayerConfig(setups[0].r + 2, two_layer_width(setups[0].r + 2), hidden=1)
    return sum(setup.flops for setup in setups), parameter_count(widest), 1, widest.tokens**2
