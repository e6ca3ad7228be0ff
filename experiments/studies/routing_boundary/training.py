"""Trains members of one arm side by side, and measures each as the ordinary model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from experiments.engine import Graphs, Member, Recipe, Trained, Training, best_device, stream, train_stacked
from experiments.studies.routing_boundary.arms import Arm
from experiments.two_layer_training import curriculum
from parrots.mixing import MixingConfig, MixingModel
from parrots.mixing.ensemble import MixingEnsemble
from theory.accounting import mixing_table_flops
from theory.encoding import star_edges
from theory.instances import Pairs, planted

MixingMember = Member[MixingConfig]
MixingTrained = Trained[MixingConfig, MixingModel]


def half_sparse_first(rng: np.random.Generator, batch: int, r: int, progress: float) -> Pairs:
    """Planted graphs, half of which begin sparse and reach their density at half of training; in random order.

    Sparse graphs let attention find partners, the others keep the law of the test in sight: on tuning seeds neither
    half alone suits every arm.
    """
    sparse, plain = curriculum(rng, batch - batch // 2, r, progress), planted(rng, batch // 2, r)
    order = rng.permutation(batch)
    return Pairs(
        np.concatenate((sparse.alice_BR, plain.alice_BR))[order], np.concatenate((sparse.bob_BR, plain.bob_BR))[order]
    )


TARGET = 0.99
"""From this accuracy on a seed counts as one that found it."""
GRAPHS_AT_ONCE = 256


@dataclass(frozen=True)
class Plan:
    """How an arm of one shape trains."""

    arm: Arm
    r: int
    width: int
    hidden: int
    steps: int
    batch: int

    @property
    def config(self) -> MixingConfig:
        return self.arm.config(self.r, self.width, self.hidden)

    @property
    def recipe(self) -> Recipe:
        """No factors of the rate by parameter; loads of dropless experts are balanced."""
        return Recipe(self.steps, self.batch, check_every=max(1, self.steps // 16), validation=2048, rates=())

    @property
    def flops(self) -> int:
        """Of one model's training: forward and backward of the table execution."""
        return 3 * self.steps * self.batch * mixing_table_flops(self.config)


def train_members(
    plan: Plan, members: Sequence[MixingMember], initial: Sequence[Mapping[str, Tensor]]
) -> Iterator[tuple[int, MixingTrained]]:
    """Train ``members`` from their ``initial`` parameters; yields ``(index, trained)`` as each stops.

    A seed's graphs are the same for every arm.
    """
    device = best_device()
    ensemble = MixingEnsemble(plan.config, plan.arm.temperature)

    def law(rng: np.random.Generator, batch: int, progress: float) -> Pairs:
        return half_sparse_first(rng, batch, plan.r, progress)

    return train_stacked(members, Training(ensemble, ensemble.pack(initial).to(device), plan.recipe), law)


def measured_accuracy(model: MixingModel, seed: int, graphs: int) -> float:
    """Share of right answers of the ordinary model, token by token, on fresh planted graphs."""
    r, device = model.config.intermediates, model.weights()["readout"].device
    pairs = planted(stream("test", seed), graphs, r)
    edges = torch.from_numpy(star_edges(pairs)).to(device)
    labels = Graphs.of(pairs, device).labels.bool()
    with torch.no_grad():
        logits = torch.cat([model(part) for part in edges.split(GRAPHS_AT_ONCE)])
    right = ((logits >= 0) == labels) & ~logits.isnan()
    return int(right.sum()) / graphs
