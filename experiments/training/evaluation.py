"""How good a trained decoder is at its task: what it writes greedily is graded by the task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from experiments.report.statistics import Interval, bootstrap, wilson
from experiments.tasks import Examples, Split, Task
from parrots.decoder import Decoder
from parrots.decoder.generate import generate
from parrots.decoder.statistics import RoutingStatistics


@dataclass(frozen=True)
class Evaluation:
    """Metrics with intervals, what shortcuts reach on the same examples, and what the routers did."""

    examples: int
    metrics: dict[str, Interval]
    """A metric that is defined for no example is left out."""
    baselines: dict[str, dict[str, float]]
    """Shortcut -> metric -> mean."""
    routing: dict[str, Any] | None
    """See :mod:`parrots.decoder.statistics`; None for a dense model."""
    shown: str
    """The first example as a person reads it, and what the model wrote."""


@torch.no_grad()
def evaluate(model: Decoder, task: Task, split: Split, examples: int, batch: int) -> Evaluation:
    """Grade the answers to examples ``0, ..., examples - 1`` of ``split``, ``batch`` of them at a time."""
    device = next(model.parameters()).device
    model.eval()
    asked = task.examples(split, 0, examples)
    statistics = RoutingStatistics()
    written = []
    for tokens in asked.tokens.split(batch):
        prompts = tokens[:, : asked.prompt].to(device)
        answers = generate(model, prompts, tokens.shape[1] - asked.prompt)
        read = torch.cat((prompts, answers[:, :-1]), 1)
        if model.config.router is not None:
            statistics.add(model(read).routings, read)
        written.append(answers.cpu())
    answer = torch.cat(written)
    graded = {name: _interval(values) for name, values in task.grade(asked, answer).items()}
    return Evaluation(
        examples,
        {name: interval for name, interval in graded.items() if interval is not None},
        task.baselines(asked),
        statistics.to_json() if statistics.layers else None,
        _shown(task, asked, answer),
    )


def _interval(values: Tensor) -> Interval | None:
    """Wilson's where every value is 0 or 1, the bootstrap's otherwise; examples without a value (nan) are left out."""
    known = values[~values.isnan()].double().numpy()
    if len(known) == 0:
        return None
    if np.isin(known, (0.0, 1.0)).all():
        return wilson(int(known.sum()), len(known))
    return bootstrap([known], np.mean)


def _shown(task: Task, asked: Examples, answer: Tensor) -> str:
    wrote = torch.cat((asked.tokens[0, : asked.prompt], answer[0]))
    return f"right: {task.show(asked.tokens[0])}\nwrote: {task.show(wrote)}"
