"""Panel (c): Soft MoE without attention, slots against width, trained and built by hand."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import torch

from experiments.answers import GRAPHS_AT_ONCE
from experiments.engine import Member, Recipe, Trained, Training, best_device, stream, to_present, train_stacked
from experiments.studies.routing_boundary.built import STUDY
from experiments.studies.routing_boundary.preset import RoutingBoundaryPreset
from experiments.studies.routing_boundary.trained import TUNING_SEED
from experiments.studies.shapes import widths
from experiments.studies.types import COPIES_OF_PARAMETERS, FLOAT_BYTES, Cell, Estimate, Finished, Job
from parrots.constructions.soft_moe import soft_moe
from parrots.flat import sizes
from parrots.mixing import MixingConfig, MixingModel, initial_parameters
from parrots.mixing.slots import SlotsEnsemble
from theory.accounting import slots_table_flops
from theory.bounds.soft_moe import soft_moe_width
from theory.instances import Pairs, planted

PANEL = "c-slots"
BUILT_PANEL = "c-built"
TUNING_SHARE = 4
"""A tuning run takes this fraction of a cell's steps."""
TARGET = 0.99
"""Accuracy that makes a width sufficient; training stops a little above it."""


@dataclass(frozen=True)
class Setup:
    """What all seeds of one number of slots and width share; they are trained together, whichever are asked for."""

    r: int
    slots: int
    """S, each with an expert of its own."""
    width: int
    hidden: int
    """Hidden units of all experts together."""
    steps: int
    batch: int
    rates: tuple[float, ...]
    seeds: int
    test_graphs: int
    grid: str

    @classmethod
    def of(cls, cell: Cell) -> Setup:
        return cls(**cell.settings)

    @property
    def config(self) -> MixingConfig:
        hidden = max(1, self.hidden // self.slots)
        return MixingConfig(
            self.r + 2, self.width, hidden, "soft", experts=self.slots, attention="none", nulls="masked"
        )

    @property
    def recipe(self) -> Recipe:
        return Recipe(self.steps, self.batch, check_every=100, target=(1 + TARGET) / 2, validation=2048, rates=())

    @property
    def flops(self) -> int:
        """Forward and backward of all seeds and of the tuning, all of a cell's steps used."""
        runs = self.seeds + len(self.rates) / TUNING_SHARE
        return round(3 * slots_table_flops(self.config) * self.batch * self.steps * runs)


@dataclass(frozen=True)
class BuiltSetup:
    """What a cell of a hand-built model depends on."""

    r: int
    slots: int
    test_graphs: int
    seed: int
    grid: str

    @classmethod
    def of(cls, cell: Cell) -> BuiltSetup:
        return cls(**cell.config)

    @property
    def flops(self) -> int:
        return 2 * self.test_graphs * self.slots * 2 * self.r * (soft_moe_width(self.r, self.slots) + 1)


def jobs(preset: RoutingBoundaryPreset) -> tuple[Job, ...]:
    """One job for every number of slots and share of the hand-built width, and one for each size built by hand."""
    trained = [
        _job(preset, slots, width)
        for slots in preset.slots_counts
        for width in widths(soft_moe_width(preset.slots_r, slots), preset.slots_shares)
    ]
    return (*trained, *(_built_job(preset, r) for r in (preset.slots_r, preset.slots_large_r)))


def _job(preset: RoutingBoundaryPreset, slots: int, width: int) -> Job:
    setup = Setup(
        r=preset.slots_r,
        slots=slots,
        width=width,
        hidden=preset.slots_hidden,
        steps=preset.slots_steps,
        batch=preset.slots_batch,
        rates=preset.slots_rates,
        seeds=preset.slots_seeds,
        test_graphs=preset.test_graphs,
        grid=f"r = {preset.slots_r}, {preset.slots_hidden} hidden units in all, {preset.slots_steps} steps of "
        f"{preset.slots_batch} graphs, rates {', '.join(map(str, preset.slots_rates))}",
    )
    cells = tuple(Cell(STUDY, PANEL, {**asdict(setup), "seed": seed}) for seed in range(setup.seeds))
    return Job(f"{slots} slots, width {width}", cells, run, setup.flops)


def _built_job(preset: RoutingBoundaryPreset, r: int) -> Job:
    setups = [
        BuiltSetup(r, slots, preset.test_graphs, 0, f"{preset.test_graphs} graphs") for slots in preset.slots_counts
    ]
    cells = tuple(Cell(STUDY, f"{BUILT_PANEL}, r = {r}", asdict(setup)) for setup in setups)
    return Job(f"slots built, r = {r}", cells, run_built, sum(setup.flops for setup in setups))


def run(cells: tuple[Cell, ...]) -> Iterator[Finished]:
    """Choose the learning rate on a seed that no result uses, train all seeds, yield those that are asked for."""
    device = best_device()
    setup, wanted = Setup.of(cells[0]), {cell.seed: cell for cell in cells}
    began = time.perf_counter()
    short = replace(setup.recipe, steps=max(1, setup.steps // TUNING_SHARE), target=2.0)
    tuning = {
        trained.member.learning_rate: trained.validation
        for _, trained in _train(setup, [(TUNING_SEED, rate) for rate in setup.rates], short, device)
    }
    rate = max(sorted(tuning), key=lambda tried: tuning[tried])
    share = (time.perf_counter() - began) / setup.seeds
    for index, trained in _train(setup, [(seed, rate) for seed in range(setup.seeds)], setup.recipe, device):
        if index in wanted:
            metrics = {
                "rate": rate,
                "tuning": {f"{tried:g}": score for tried, score in tuning.items()},
                "steps": trained.steps,
                "accuracy": 1 - count_wrong(trained.model, index, setup.test_graphs) / setup.test_graphs,
            }
            yield Finished(wanted[index], metrics, trained.stopped, trained.seconds + share, device.type)


def _train(
    setup: Setup, tried: Sequence[tuple[int, float]], recipe: Recipe, device: torch.device
) -> Iterator[tuple[int, Trained[MixingConfig, MixingModel]]]:
    members = [Member(setup.config, seed, rate) for seed, rate in tried]
    ensemble = SlotsEnsemble(setup.config)
    flat = ensemble.pack([initial_parameters(setup.config, member.seed) for member in members]).to(device)

    def law(rng: np.random.Generator, batch: int, _: float) -> Pairs:
        return planted(rng, batch, setup.r)

    return train_stacked(members, Training(ensemble, flat, recipe), law)


def run_built(cells: tuple[Cell, ...]) -> Iterator[Finished]:
    """Build each model and count its wrong answers."""
    for cell in cells:
        began, setup = time.perf_counter(), BuiltSetup.of(cell)
        design = soft_moe(setup.r + 2, experts=setup.slots, slots=2 * setup.r)
        config = replace(design.config, nulls="masked", slots=None)
        weights = {name: value for name, value in design.build().named_parameters() if name != "null"}
        wrong = count_wrong(MixingModel(config, weights), setup.seed, setup.test_graphs)
        metrics = {"width": design.width, "neurons": design.neurons, "wrong": wrong}
        yield Finished(cell, metrics, "counted", time.perf_counter() - began)


def count_wrong(model: MixingModel, seed: int, graphs: int) -> int:
    """Wrong answers to fresh planted graphs; a logit that is not a number is wrong either way."""
    ensemble, device = SlotsEnsemble(model.config), next(model.parameters()).device
    pairs = planted(stream("test", seed), graphs, model.config.intermediates)
    flat, labels = ensemble.pack([model.weights()]), torch.from_numpy(pairs.intersects_B).to(device)
    with torch.no_grad():
        parts = to_present(pairs, device).split(GRAPHS_AT_ONCE)
        logits = torch.cat([ensemble.output(part[None], flat).logits[0] for part in parts])
    return int((((logits >= 0) != labels) | logits.isnan()).sum())


def estimate(job: Job, device_flops: float) -> Estimate:
    """One line of ``--dry-run``."""
    if job.function is run_built:
        setups = [BuiltSetup.of(cell) for cell in job.cells]
        table = max(2 * built.r * built.slots * (soft_moe_width(built.r, built.slots) + 1) for built in setups)
        flops = sum(setup.flops for setup in setups)
        return Estimate(job.name, len(setups), table, flops, FLOAT_BYTES * 2 * table, flops / device_flops / 3600)
    setup = Setup.of(job.cells[0])
    numbers = sum(sizes(setup.config.shapes()).values())
    kept = setup.batch * setup.slots * (2 * (setup.width + 1) + 2 * setup.config.hidden)
    memory = FLOAT_BYTES * setup.seeds * (COPIES_OF_PARAMETERS * numbers + kept)
    return Estimate(job.name, len(job.cells), numbers, setup.flops, memory, setup.flops / device_flops / 3600)
