"""What is measured of a trained model: what it writes, what it says with the answer before it, how it routes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from experiments.studies.decoders.grading import counted_parameters, grade, parts
from experiments.studies.decoders.setup import Setup
from experiments.tasks import PAD, Examples, Task
from experiments.tasks.phone_book import PhoneBook
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
def reading(model: Decoder, task: Task, count: int) -> dict[str, float]:
    """With the right answer before it, as in training: share of answers whose every token is the likeliest.

    A causal model whose tokens do not meet other sequences writes exactly these.  ``bits``, for a phone-book: what it
    recalls by likelihood.
    """
    model.eval()
    read = [(examples, _log_probabilities(model, examples)) for examples in parts(task, "test", count)]
    right = [_is_likeliest(log_probabilities, examples).all(1) for examples, log_probabilities in read]
    metrics = {"read": float(torch.cat(right).double().mean())}
    if isinstance(task, PhoneBook):
        of_answers = [p.gather(-1, examples.answer.unsqueeze(-1)).squeeze(-1) for examples, p in read]
        metrics["bits"] = task.bits_recalled(torch.cat(of_answers))
    return metrics


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


def _log_probabilities(model: Decoder, examples: Examples) -> Tensor:
    """``[batch, answer, vocabulary]``, on the CPU."""
    tokens = examples.tokens[:, :-1].to(model.embedding.weight.device)
    return model(tokens, last=examples.answer.shape[1]).logits.log_softmax(-1).cpu()


def _is_likeliest(log_probabilities: Tensor, examples: Examples) -> Tensor:
    """Boolean ``[batch, answer]``; padding counts as right."""
    return (log_probabilities.argmax(-1) == examples.answer) | (examples.answer == PAD)


def _first(task: Task, count: int) -> Examples:
    size = task.size("test")
    return task.examples("test", 0, count if size is None else min(count, size))
