"""The study as the runner and the report see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.images import check_at_hand, sizes
from experiments.studies.specialisation import cells
from experiments.studies.specialisation.measure import IMAGES_AT_ONCE
from experiments.studies.specialisation.preset import PRESETS, SpecialisationPreset
from experiments.studies.specialisation.setup import Setup
from experiments.studies.types import COPIES_OF_PARAMETERS, FLOAT_BYTES, Estimate, Job
from theory.accounting import soft_moe_parameters

if TYPE_CHECKING:
    from experiments.report.page import Page
    from experiments.store import Row

ACTIVATIONS = 8
"""Arrays of [batch, slots, tokens + width] numbers that training holds at one time."""


class SpecialisationStudy:
    """One grid, two views: (a) subsets by weight at every n, (b) against all subsets where n is small."""

    name = "specialisation"
    question = "Given an image, do the combine weights of a Soft MoE tell which of its experts are enough?"
    presets: Mapping[str, SpecialisationPreset] = PRESETS

    def jobs(self, preset: SpecialisationPreset) -> tuple[Job, ...]:
        """Raises :class:`theory.errors.InputError` where files of the images are missing."""
        check_at_hand(preset.images, Path(preset.folder))
        return cells.jobs(preset)

    def dry_run(self, preset: SpecialisationPreset) -> tuple[Estimate, ...]:
        """Needs no files."""
        return tuple(_estimate(job, preset) for job in cells.jobs(preset))

    def page(self, rows: Sequence[Row]) -> Page:
        from experiments.studies.specialisation.report import page

        return page(rows)


def _estimate(job: Job, preset: SpecialisationPreset) -> Estimate:
    """FLOPs of training alone; measuring, in numbers twice as long, holds more."""
    setup, known = Setup.of(job.cells[0]), sizes(preset.images)
    parameters = soft_moe_parameters(setup.config)
    config, members = setup.config, max(preset.seeds, len(cells.candidates(setup)))
    flops = round(job.cost)
    pixels = (known.train + known.validation + known.test) * config.tokens * config.width
    training = members * (
        COPIES_OF_PARAMETERS * parameters
        + ACTIVATIONS * setup.batch * config.all_slots * (config.tokens + config.width)
    )
    kept = 2 * (known.validation + known.test) * config.all_slots * (config.outputs + config.tokens)
    mixed = 2 * ACTIVATIONS * IMAGES_AT_ONCE * config.all_slots * (config.tokens + config.width)
    return Estimate(
        label=job.name,
        cells=len(job.cells),
        parameters=parameters,
        flops=flops,
        memory_bytes=FLOAT_BYTES * (pixels + max(training, kept + mixed)),
        device_hours=flops / preset.device_flops / 3600,
    )
