"""Panel (b), models that start from the construction plus noise: does training keep it, and from how far away?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from experiments.engine import Member
from experiments.studies.routing_boundary import trained
from experiments.studies.routing_boundary.arms import CAPACITY_ONE, CHOICE_ONE, CHOICE_SMOOTH, SOFT_ONE
from experiments.studies.routing_boundary.built import FORMS, STUDY
from experiments.studies.routing_boundary.preset import RoutingBoundaryPreset
from experiments.studies.routing_boundary.training import measured_accuracy, train_members
from experiments.studies.types import Cell, Estimate, Finished, Job
from parrots.mixing import MixingConfig, MixingModel, initial_parameters

PANEL = "b-kept"
OF_ARM = {SOFT_ONE: "soft", CHOICE_ONE: "expert-choice", CHOICE_SMOOTH: "expert-choice", CAPACITY_ONE: "capacity"}
"""The construction that each arm starts from."""


@dataclass(frozen=True)
class Setup(trained.Setup):
    """What a cell depends on."""

    noise: float

    def initial(self) -> dict[str, Tensor]:
        """The construction plus ``noise`` times a random initialisation, of the seed."""
        config = self.plan.config
        built, random = construction(self.arm, config), initial_parameters(config, self.seed)
        return {name: built[name] + self.noise * random[name] for name in built}


def construction(arm: str, config: MixingConfig) -> dict[str, Tensor]:
    """The hand-built weights, zeros in every coordinate and unit that they do without."""
    design = FORMS[OF_ARM[arm]](config.vertices, slots=config.edge_slots)
    weights = design.build().weights()
    padded = {name: torch.zeros(shape) for name, shape in config.shapes().items()}
    for name, target in padded.items():
        target[tuple(slice(size) for size in weights[name].shape)] = weights[name].detach()
    return padded


def jobs(preset: RoutingBoundaryPreset) -> tuple[Job, ...]:
    """One job for every arm."""
    return tuple(_job(preset, arm) for arm in OF_ARM)


def _job(preset: RoutingBoundaryPreset, arm: str) -> Job:
    r, rate = preset.kept_size, min(preset.rates)
    grid = f"r = {r}, F = {preset.hidden}, {preset.kept_steps} steps of {preset.batch} graphs, rate {rate}"
    width = min(preset.widths(r))
    shape = (arm, r, width, preset.hidden, preset.kept_steps, preset.batch)
    setups = [
        Setup(*shape, rate, preset.test_graphs, seed, grid, noise)
        for noise in preset.noises
        for seed in range(preset.seeds)
    ]
    cells = tuple(Cell(STUDY, PANEL, asdict(setup)) for setup in setups)
    return Job(f"{arm}, from the construction", cells, run, len(cells) * setups[0].plan.flops)


def run(cells: tuple[Cell, ...]) -> Iterator[Finished]:
    """Train all noises and seeds side by side."""
    setups = [Setup.of(cell) for cell in cells]
    plan = setups[0].plan
    initial = [setup.initial() for setup in setups]
    members = [Member(plan.config, setup.seed, setup.rate) for setup in setups]
    for index, end in train_members(plan, members, initial):
        setup = setups[index]
        before = MixingModel(plan.config, initial[index])
        metrics = {
            "before": measured_accuracy(before, setup.seed, setup.test_graphs),
            "accuracy": measured_accuracy(end.model, setup.seed, setup.test_graphs),
            "steps": end.steps,
        }
        device = end.model.weights()["readout"].device.type
        yield Finished(cells[index], metrics, end.stopped, end.seconds, device)


def estimate(job: Job, device_flops: float) -> Estimate:
    """One line of ``--dry-run``."""
    return trained.training_estimate(job, Setup.of(job.cells[0]).plan, device_flops)
