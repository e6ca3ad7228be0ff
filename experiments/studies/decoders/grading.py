"""What trained decoders write on fresh examples, graded by the task, in parts that fit into memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from experiments.tasks import Examples, Split, Task
from experiments.tasks.task import means
from experiments.training.ensemble import TrainedEnsemble
from parrots.decoder import Decoder
from parrots.decoder.generate import generate

VALIDATION = 512
"""Validation examples that choose the learning rate."""
AT_ONCE = 500
"""Sequences that one model writes together."""


def grades(
    trained: TrainedEnsemble, split: Split, count: int, of: Callable[[Task], Task] = lambda task: task
) -> list[dict[str, float]]:
    """For every member the mean of each metric of its task, or of the one that ``of`` makes of it.

    Examples 0, …, ``count - 1`` of ``split`` are written greedily, token by token, as in use: no model sees an answer,
    and no router drops tokens or adds noise.
    """
    models = (trained.ensemble.member(i) for i in range(len(trained.members)))
    tasks = (of(member.task) for member in trained.members)
    return [grade(model, task, split, count) for model, task in zip(models, tasks, strict=True)]


def grade(model: Decoder, task: Task, split: Split, count: int) -> dict[str, float]:
    """The mean of each metric of ``task`` over what ``model`` writes on ``count`` examples."""
    graded = [task.grade(examples, write(model, examples)) for examples in parts(task, split, count)]
    return means({name: torch.cat([part[name] for part in graded]) for name in graded[0]})


def write(model: Decoder, examples: Examples) -> Tensor:
    """What ``model`` writes after the prompts, greedily, ``[batch, length - prompt]``, on the CPU."""
    prompts = examples.tokens[:, : examples.prompt].to(model.embedding.weight.device)
    return generate(model, prompts, examples.answer.shape[1]).cpu()


def parts(task: Task, split: Split, count: int) -> Iterator[Examples]:
    """Examples 0, …, ``count - 1`` of ``split``, all of them where the task has fewer, some at a time."""
    size = task.size(split)
    count = count if size is None else min(count, size)
    for first in range(0, count, AT_ONCE):
        yield task.examples(split, first, min(AT_ONCE, count - first))


def validate(trained: TrainedEnsemble) -> Tensor:
    """Share of validation examples that every member writes right, ``[E]``."""
    return torch.tensor([graded["correct"] for graded in grades(trained, "validation", VALIDATION)])


def counted_parameters(trained: TrainedEnsemble) -> int:
    """Numbers in one member's tensors."""
    return sum(value[0].numel() for value in trained.ensemble.parameters.values())
