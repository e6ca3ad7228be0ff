"""What a trained decoder says of right answers, the answer before it, as in training."""

from __future__ import annotations

import torch
from torch import Tensor

from experiments.studies.decoders.grading import VALIDATION, parts
from experiments.tasks import PAD, Examples, Task
from experiments.tasks.phone_book import PhoneBook
from experiments.training.ensemble import TrainedEnsemble
from parrots.decoder import Decoder


@torch.no_grad()
def likelihood(trained: TrainedEnsemble) -> Tensor:
    """Mean logarithm of the probability of a right validation answer, ``[E]``.

    A score for choosing learning rates where the share of answers that are wholly right is too coarse.
    """
    scores = []
    for index, member in enumerate(trained.members):
        model = trained.ensemble.member(index).eval()
        chances = [_of_answers(model, examples) for examples in parts(member.task, "validation", VALIDATION)]
        scores.append(float(torch.cat(chances).sum(1).mean()))
    return torch.tensor(scores)


@torch.no_grad()
def reading(model: Decoder, task: Task, count: int) -> dict[str, float]:
    """``read``: the share of answers whose every token is the likeliest after those before it.

    A causal model whose tokens do not meet other sequences writes exactly these.  ``bits``, for a phone-book: what it
    recalls by likelihood.
    """
    model.eval()
    read = [(examples, _log_probabilities(model, examples)) for examples in parts(task, "test", count)]
    right = [_is_likeliest(log_probabilities, examples).all(1) for examples, log_probabilities in read]
    metrics = {"read": float(torch.cat(right).double().mean())}
    if isinstance(task, PhoneBook):
        metrics["bits"] = task.bits_recalled(torch.cat([_picked(p, examples) for examples, p in read]))
    return metrics


def _log_probabilities(model: Decoder, examples: Examples) -> Tensor:
    """``[batch, answer, vocabulary]``, on the CPU."""
    tokens = examples.tokens[:, :-1].to(model.embedding.weight.device)
    return model(tokens, last=examples.answer.shape[1]).logits.log_softmax(-1).cpu()


def _of_answers(model: Decoder, examples: Examples) -> Tensor:
    """``[batch, answer]``; 0 at padding."""
    return torch.where(examples.answer == PAD, 0.0, _picked(_log_probabilities(model, examples), examples))


def _picked(log_probabilities: Tensor, examples: Examples) -> Tensor:
    """Those of the right tokens, ``[batch, answer]``."""
    return log_probabilities.gather(-1, examples.answer.unsqueeze(-1)).squeeze(-1)


def _is_likeliest(log_probabilities: Tensor, examples: Examples) -> Tensor:
    """Boolean ``[batch, answer]``; padding counts as right."""
    return (log_probabilities.argmax(-1) == examples.answer) | (examples.answer == PAD)
