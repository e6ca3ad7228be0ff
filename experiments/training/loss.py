"""What a decoder model is trained on: the answer's tokens and its routers' balance."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from experiments.tasks import PAD
from experiments.training.recipe import Recipe
from parrots.decoder.losses import load_balancing_loss, z_loss
from parrots.decoder.model import Output


class Loss(NamedTuple):
    """Numbers, each a scalar (stacked models: ``[E]``); ``total`` is what is differentiated."""

    total: Tensor
    cross_entropy: Tensor
    """Mean over the answer's tokens, in nats a token."""
    balance: Tensor
    """Load-balancing loss, mean over the layers; 1 for balanced routers, 0 without routers."""
    z: Tensor
    """z-loss, mean over the layers."""


def answer_nats(logits: Tensor, answers: Tensor) -> Tensor:
    """Cross entropy of each answer token in nats, ``[..., answer]``; 0 at padding.

    ``logits`` ``[..., answer, vocabulary]`` (at least float32 in here), ``answers`` ``[..., answer]`` token ids.
    """
    taken = (
        logits.to(torch.promote_types(logits.dtype, torch.float32))
        .log_softmax(-1)
        .gather(-1, answers[..., None])[..., 0]
    )
    return torch.where(answers != PAD, -taken, 0.0)


def answer_count(answers: Tensor) -> Tensor:
    """Tokens that the loss is on, a scalar (at least 1, so that a batch of empty answers has loss 0)."""
    return (answers != PAD).sum().clamp(min=1)


def answer_loss(
    output: Output, answers: Tensor, recipe: Recipe, *, count: Tensor | None = None, part: float = 1.0
) -> Loss:
    """The loss of one model on one batch, ``cross entropy + balance * load balancing + z * z-loss``.

    ``output`` holds the logits ``[batch, answer, vocabulary]`` that predict ``answers`` ``[batch, answer]`` (the model
    ran on ``tokens[:, :-1]`` with ``last=answer``).  For one part of a step's batch, ``count`` is the number of answer
    tokens in the whole batch and ``part`` the share of its sequences that are here: the parts' losses then add up to
    the batch's.  The router losses add up to their mean over the parts, which is not the batch's own, because load
    balancing is no mean over tokens.
    """
    nats = answer_nats(output.logits, answers).sum() / (answer_count(answers) if count is None else count)
    if not output.routings:
        zero = torch.zeros_like(nats)
        return Loss(nats, nats, zero, zero)
    balance = part * torch.stack([load_balancing_loss(routing) for routing in output.routings]).mean()
    z = part * torch.stack([z_loss(routing) for routing in output.routings]).mean()
    return Loss(nats + recipe.balance * balance + recipe.z * z, nats, balance, z)
