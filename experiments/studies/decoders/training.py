"""Trains the cells of one model: first one model at each candidate learning rate, then all seeds at the best.

The candidates train on the task and from the initial weights of :data:`TUNING_SEED`, which no result uses, for as many
steps as a cell; the one with the highest score on validation examples wins.  Dense models and models with experts get
the same candidates and the same runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from experiments.engine import BUDGET, DIVERGED, TUNING_SEED, best_device
from experiments.provenance import memory_bytes
from experiments.studies.decoders.setup import Setup
from experiments.studies.types import Cell, Finished
from experiments.training.ensemble import Member, TrainedEnsemble, train_ensemble

MEMORY_SHARE = 0.25
"""Of the device's memory: what the members of one ensemble may take together."""

Validate = Callable[[TrainedEnsemble], Tensor]
"""A score for every member, ``[E]``, on validation examples; higher is better."""
Measure = Callable[[TrainedEnsemble, Setup], Sequence[Mapping[str, Any]]]
"""Metrics (JSON types) of every member on test examples."""


@dataclass(frozen=True)
class Tuned:
    """The candidate with the best score, and the scores of all: learning rate -> score."""

    learning_rate: float
    scores: dict[str, float]


def train_cells(
    cells: tuple[Cell, ...], validate: Validate, measure: Measure, kind: type[Setup] = Setup
) -> Iterator[Finished]:
    """The cells of one setup, of class ``kind``, in any number of seeds."""
    device = best_device()
    (setup,) = {kind.of(cell) for cell in cells}
    began = time.perf_counter()
    tuned = tune(setup, validate, device)
    tuning = (time.perf_counter() - began) / len(cells)
    members = [member(setup, cell.seed, tuned.learning_rate) for cell in cells]
    done = 0
    for trained in ensembles(setup, members, device):
        began = time.perf_counter()
        measured = measure(trained, setup)
        seconds = (trained.seconds + time.perf_counter() - began) / len(measured) + tuning
        for metrics, finite in zip(measured, trained.finite, strict=True):
            chosen = {"learning_rate": tuned.learning_rate, "tuning": tuned.scores}
            stopped = BUDGET if finite else DIVERGED
            yield Finished(cells[done], chosen | dict(metrics), stopped, seconds, device.type)
            done += 1


def tune(setup: Setup, validate: Validate, device: torch.device) -> Tuned:
    """The best candidate; a single one needs no run."""
    if len(setup.learning_rates) == 1:
        return Tuned(setup.learning_rates[0], {})
    members = [member(setup, TUNING_SEED, rate) for rate in setup.learning_rates]
    scores: list[float] = []
    for trained in ensembles(setup, members, device):
        values = validate(trained).tolist()
        scores += [value if finite else -torch.inf for value, finite in zip(values, trained.finite, strict=True)]
    best = max(range(len(scores)), key=scores.__getitem__)
    return Tuned(setup.learning_rates[best], {f"{r:g}": s for r, s in zip(setup.learning_rates, scores, strict=True)})


def member(setup: Setup, seed: int, learning_rate: float) -> Member:
    return Member(setup.model, setup.task_of(seed), seed, learning_rate)


def ensembles(setup: Setup, members: Sequence[Member], device: torch.device) -> Iterator[TrainedEnsemble]:
    """Train ``members`` in order, as many of them together as the device's memory holds."""
    at_once = members_at_once(setup.memory, device)
    for first in range(0, len(members), at_once):
        yield train_ensemble(members[first : first + at_once], setup.recipe, device)


def members_at_once(member_bytes: int, device: torch.device) -> int:
    """How many members of ``member_bytes`` bytes each fit into :data:`MEMORY_SHARE` of the device; at least 1."""
    available = torch.cuda.mem_get_info(device)[1] if device.type == "cuda" else memory_bytes()
    return max(1, int(MEMORY_SHARE * available) // member_bytes)
