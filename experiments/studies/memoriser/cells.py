"""The cells: one memoriser of one size, router and seed, built, checked on every label, counted."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

import torch

from experiments.engine import best_device
from experiments.studies.memoriser.preset import MemoriserPreset
from experiments.studies.types import Cell, Finished, Job
from parrots.memoriser import Built, build, check
from theory.accounting import fixed_point_bits, memoriser_flops
from theory.bounds.memorisation import best_experts, largest_load
from theory.errors import InputError
from theory.memorisation import RandomSequences, Router

STUDY = "memoriser"
COUNT, LOAD, BITS = "a-count", "b-load", "c-bits"
COUNT_ROUTERS: tuple[Router, ...] = ("interval", "dense-interval", "random-unit")
LOAD_ROUTERS: tuple[Router, ...] = ("interval", "random", "random-unit")
BITS_ROUTERS: tuple[Router, ...] = ("interval", "random-unit")
HELD, LOST, REFUSED = "every label held", "some label lost", "refused"
"""How a cell ends; refused: readings closer than float64 can tell apart."""


@dataclass(frozen=True)
class Setup:
    """What a cell depends on."""

    sequences: int
    width: int
    tokens: int
    experts: int
    router: Router
    seed: int
    grid: str

    @classmethod
    def of(cls, cell: Cell) -> Setup:
        return cls(**cell.config)

    @property
    def source(self) -> RandomSequences:
        return RandomSequences(self.sequences, self.width, self.tokens, self.seed)

    @property
    def hidden(self) -> int:
        """F of a balanced router and any labels: the size that is planned for."""
        return largest_load(self.sequences, self.experts) - 1

    @property
    def flops(self) -> int:
        """Reading, routing and two checks, float64 and float32, each a forward pass at most."""
        size = (self.width, self.tokens, self.hidden, self.experts, self.router, self.sequences)
        return 3 * memoriser_flops(*size)


def jobs(preset: MemoriserPreset) -> tuple[Job, ...]:
    """One job for every panel, router and size."""
    return (*_count_jobs(preset), *_load_jobs(preset), *_bits_jobs(preset))


def _count_jobs(preset: MemoriserPreset) -> Iterator[Job]:
    n, m = preset.sequences, preset.width
    for experts, router in product(preset.experts, COUNT_ROUTERS):
        yield _job(preset, COUNT, f"n = {n}, m = {m}", n, m, experts, router)


def _load_jobs(preset: MemoriserPreset) -> Iterator[Job]:
    n, K = preset.sequences, preset.load_experts
    for width, router in product(preset.load_widths, LOAD_ROUTERS):
        yield _job(preset, LOAD, f"n = {n}, K = {K}", n, width, K, router)


def _bits_jobs(preset: MemoriserPreset) -> Iterator[Job]:
    m = preset.width
    for n, router in product(preset.bit_sequences, BITS_ROUTERS):
        experts = best_experts(n, m, "interval" if router == "interval" else "dense-interval")
        yield _job(preset, BITS, f"m = {m}", n, m, experts, router)


def _job(preset: MemoriserPreset, panel: str, shared: str, n: int, m: int, experts: int, router: Router) -> Job:
    """The seeds of one point; ``shared`` is what all cells of the panel have in common."""
    first = Setup(n, m, preset.tokens, experts, router, 0, f"{shared}, N = {preset.tokens}")
    cells = tuple(Cell(STUDY, panel, asdict(first) | {"seed": seed}) for seed in range(preset.seeds))
    return Job(f"{panel}: {router}, n = {n}, m = {m}, K = {experts}", cells, run, preset.seeds * first.flops)


def run(cells: tuple[Cell, ...]) -> Iterator[Finished]:
    """Build, check and count each."""
    device = best_device()
    for cell in cells:
        start, setup = time.perf_counter(), Setup.of(cell)
        try:
            built = build(setup.source, setup.experts, setup.router, device=device)
        except InputError as error:  # what float64 cannot hold is a result
            yield Finished(cell, {"refused": str(error)}, REFUSED, time.perf_counter() - start, device.type)
            continue
        metrics = measure(built, setup.source)
        stopped = LOST if metrics["wrong"] else HELD
        yield Finished(cell, metrics, stopped, time.perf_counter() - start, device.type)


def measure(built: Built, source: RandomSequences) -> Mapping[str, Any]:
    """Labels, loads, parameters and bits of one model."""
    verdict, single = check(built.model, source), check(built.model, source, torch.float32)
    return {
        "wrong": verdict.wrong,
        "float32_wrong": single.wrong,
        "largest_load": int(verdict.loads.max()),
        "smallest_load": int(verdict.loads.min()),
        "hidden": built.model.hidden,
        **asdict(built.model.stored()),
        "threshold_bits": fixed_point_bits(built.layout.thresholds),
        "fraction_bits": built.layout.fraction_bits,
        "least_fraction_bits": built.layout.least_fraction_bits,
    }
