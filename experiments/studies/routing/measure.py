"""What is measured of a trained model: what it writes, what it says with the answer before it, how it routes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from experiments.studies.decoders.grading import counted_parameters, grade
from experiments.studies.decoders.reading import reading
from experiments.studies.decoders.setup import Setup
from experiments.tasks import PAD, Examples, Task
from experiments.training.ensemble import TrainedEnsemble
from parrots.decoder import Decoder
from parrots.decoder.statistics import RoutingStatistics

MAPPED_SEED = 0
"""Whose row holds the tables of specialisation, which are large."""


def measure(trained: TrainedEnsemble, setup: Setup) -> Sequence[dict[str, Any]]:
    """Metrics of every member on the test examples of its own task."""
    found = []
    for i, member in enumerate(trained.members):
        model, task = trained.ensemble.member(i), member.task
        metrics: dict[str, Any] = grade(model, task, "test", setup.tests) | reading(model, task, setup.tests)
        metrics["counted"] = counted_parameters(trained)
        metrics["baselines"] = task.baselines(_first(task, setup.tests))
        if setup.model.router is not None:
            metrics["routing"] = routing(model, setup, task, maps=member.seed == MAPPED_SEED)
        found.append(metrics)
    return found


@torch.no_grad()
def routing(model: Decoder, setup: Setup, task: Task, maps: bool) -> dict[str, Any]:
    """Statistics of one pass over test examples in batches as in training, where routers drop tokens and add noise."""
    model.train()
    statistics = RoutingStatistics()
    tokens = _first(task, setup.tests).tokens[:, :-1]
    torch.manual_seed(MAPPED_SEED)
    for batch in tokens.split(setup.recipe.batch):
        ids = batch.to(model.embedding.weight.device)
        statistics.add(model(ids, last=setup.answer).routings, ids, ids != PAD)
    model.eval()
    return statistics.to_json(maps)


def _first(task: Task, count: int) -> Examples:
    size = task.size("test")
    return task.examples("test", 0, count if size is None else min(count, size))
