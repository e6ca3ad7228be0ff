"""Trains Soft MoE classifiers of one shape, which differ in seed and learning rate, as one stack.

Adam at a constant rate, as the authors of the experiment have it.  Members with one seed start from the same weights
and see the same images in the same order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.func import vmap
from torch.nn.functional import cross_entropy

from experiments.engine import stream
from experiments.images import Split, patches
from experiments.row_adam import RowAdam
from parrots.flat import pack, unpack
from parrots.soft_moe import SoftMoeConfig, initial_parameters, predict

BETAS = (0.9, 0.999)
NO_CLIPPING = 1e30


@dataclass(frozen=True)
class Member:
    """One model of the stack."""

    seed: int
    learning_rate: float


@dataclass(frozen=True)
class Tokens:
    """Images as a model reads them: ``x`` ``[images, T, width]`` and ``labels`` ``[images]``."""

    x: Tensor
    labels: Tensor

    @classmethod
    def of(cls, split: Split, side: int, device: torch.device) -> Tokens:
        """``split`` cut into side x side patches."""
        tokens = torch.from_numpy(patches(split.pixels, side))
        return cls(tokens.to(device), torch.from_numpy(split.labels).to(device))

    def __len__(self) -> int:
        return len(self.labels)


def train(
    config: SoftMoeConfig, data: Tokens, members: Sequence[Member], epochs: int, batch: int
) -> list[dict[str, Tensor]]:
    """The trained parameters of every member, by name.

    An epoch is a new order of the images, without those left over from whole batches.
    """
    device, shapes = data.x.device, config.shapes()
    stack = pack([initial_parameters(config, member.seed) for member in members], shapes).to(device)
    rates = torch.tensor([member.learning_rate for member in members], device=device)
    adam = RowAdam(stack, BETAS, NO_CLIPPING)
    outputs = vmap(lambda row, x: predict(x, unpack(row, shapes), config))
    for index in _batches([member.seed for member in members], len(data), epochs, batch):
        flat = adam.flat.requires_grad_()
        logits = outputs(flat, data.x[index]).flatten(0, 1)
        loss = cross_entropy(logits, data.labels[index].flatten(), reduction="sum") / batch
        (gradient,) = torch.autograd.grad(loss, flat)
        flat.requires_grad_(False)
        adam.step(gradient, rates)
    return [unpack(row, shapes) for row in adam.flat]


def _batches(seeds: Sequence[int], images: int, epochs: int, batch: int) -> Iterator[Tensor]:
    """Indices ``[members, batch]``; each seed has an order of its own."""
    streams = {seed: stream("train", seed) for seed in seeds}
    for _ in range(epochs):
        orders = {seed: rng.permutation(images) for seed, rng in streams.items()}
        whole = torch.from_numpy(np.stack([orders[seed] for seed in seeds]))
        yield from whole[:, : images // batch * batch].split(batch, 1)
