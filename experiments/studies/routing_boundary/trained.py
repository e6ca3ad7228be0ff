"""Panels (a) and (b): every arm trained at the same widths, on the same instances, for as many steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import product
from typing import Self

from experiments.engine import Member
from experiments.studies.routing_boundary.arms import ARMS
from experiments.studies.routing_boundary.built import STUDY
from experiments.studies.routing_boundary.preset import RoutingBoundaryPreset
from experiments.studies.routing_boundary.training import Plan, measured_accuracy, train_members
from experiments.studies.types import COPIES_OF_PARAMETERS, FLOAT_BYTES, Cell, Estimate, Finished, Job
from parrots.flat import sizes
from parrots.mixing import initial_parameters

PANEL, LARGE = "b-trained", "b-trained-large"
"""Cells at the sizes with every width, and at those with the largest one and another number of steps."""
TUNING_SEED = 10**6
"""The learning rate is chosen on this seed, which no result uses."""
OVERHEAD_A_STEP = 3e6
"""FLOPs in whose time a member's step gets through what is no product."""


@dataclass(frozen=True)
class Setup:
    """What a cell depends on."""

    arm: str
    r: int
    width: int
    hidden: int
    steps: int
    batch: int
    rate: float
    test_graphs: int
    seed: int
    grid: str

    @classmethod
    def of(cls, cell: Cell) -> Self:
        return cls(**cell.config)

    @property
    def plan(self) -> Plan:
        return Plan(ARMS[self.arm], self.r, self.width, self.hidden, self.steps, self.batch)


def jobs(preset: RoutingBoundaryPreset) -> tuple[Job, ...]:
    """One job for every arm, size and width."""
    everywhere = [(PANEL, preset.steps, r, width) for r in preset.sizes for width in preset.widths(r)]
    large = [(LARGE, preset.large_steps, r, max(preset.widths(r))) for r in preset.large_sizes]
    return tuple(_job(preset, arm, *shape) for shape, arm in product((*everywhere, *large), ARMS))


def _job(preset: RoutingBoundaryPreset, arm: str, panel: str, steps: int, r: int, width: int) -> Job:
    grid = (
        f"F = {preset.hidden}, {steps} steps of {preset.batch} graphs, "
        f"rates {', '.join(map(str, preset.rates))}, {preset.test_graphs} test graphs"
    )
    shape = (arm, r, width, preset.hidden, steps, preset.batch)
    setups = [
        Setup(*shape, rate, preset.test_graphs, seed, grid)
        for rate in preset.rates
        for seed in (TUNING_SEED, *range(preset.seeds))
    ]
    cells = tuple(Cell(STUDY, panel, asdict(setup)) for setup in setups)
    return Job(
        f"{arm}, r = {r}, width {width}", cells, run, len(cells) * (setups[0].plan.flops + steps * OVERHEAD_A_STEP)
    )


def run(cells: tuple[Cell, ...]) -> Iterator[Finished]:
    """Train all rates and seeds side by side."""
    setups = [Setup.of(cell) for cell in cells]
    plan = setups[0].plan
    members = [Member(plan.config, setup.seed, setup.rate) for setup in setups]
    initial = [initial_parameters(plan.config, setup.seed) for setup in setups]
    for index, trained in train_members(plan, members, initial):
        metrics = {
            "steps": trained.steps,
            "validation": trained.validation,
            "accuracy": measured_accuracy(trained.model, setups[index].seed, setups[index].test_graphs),
        }
        device = trained.model.weights()["readout"].device.type
        yield Finished(cells[index], metrics, trained.stopped, trained.seconds, device)


def estimate(job: Job, device_flops: float) -> Estimate:
    """One line of ``--dry-run``: the tuning seed included, every model at its whole budget of steps."""
    return training_estimate(job, Setup.of(job.cells[0]).plan, device_flops)


def training_estimate(job: Job, plan: Plan, device_flops: float) -> Estimate:
    """All cells of the job side by side."""
    parameters, flops = sum(sizes(plan.config.shapes()).values()), len(job.cells) * plan.flops
    tokens = plan.batch * plan.config.tokens * (4 + 4 * max(plan.config.soft_slots, plan.config.experts))
    memory = FLOAT_BYTES * len(job.cells) * (COPIES_OF_PARAMETERS * parameters + tokens + plan.config.tokens**2)
    return Estimate(job.name, len(job.cells), parameters, flops, memory, flops / device_flops / 3600)
