"""Ensemble training against a loop over models: the same members, graphs and optimiser settings, step by step."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from experiments.engine import Member, Recipe, one_layer_training, to_present
from parrots.config import OneLayerConfig
from parrots.initialise import initial_parameters
from parrots.model import OneLayerModel, table_output
from parrots.routing import load_balancing_loss
from theory.instances import planted

SIZES = ((8, 1), (16, 1), (32, 1), (8, 16), (16, 16), (32, 16))
"""(r, K)."""
HEAD = ("r", "experts", "members", "ensemble [ms]", "loop [ms]", "ratio")
MEMBERS = 12
BATCH = 256


@dataclass(frozen=True)
class Ratio:
    """Seconds a step of all members: one batched model, and a loop over ordinary models."""

    r: int
    experts: int
    members: int
    ensemble: float
    loop: float

    @property
    def ratio(self) -> float:
        return self.loop / self.ensemble

    def cells(self) -> tuple[str, ...]:
        """A row under :data:`HEAD`."""
        milliseconds = (f"{self.ensemble * 1e3:.2f}", f"{self.loop * 1e3:.2f}")
        return (str(self.r), str(self.experts), str(self.members), *milliseconds, f"{self.ratio:.1f}")

    def to_json(self) -> dict[str, object]:
        return {
            "r": self.r, "experts": self.experts, "members": self.members, "ensemble_seconds": self.ensemble,
            "loop_seconds": self.loop, "ratio": self.ratio,
        }  # fmt: skip


def measure(r: int, experts: int, rounds: int = 7, steps: int = 12) -> Ratio:
    """Best of ``rounds`` alternating rounds of ``steps`` steps each, so that both meet the same machine."""
    config = OneLayerConfig(vertices=r + 2, width=r, hidden=4 * r, experts=experts, attention="uniform")
    members = [Member(config, seed, 1e-2) for seed in range(MEMBERS)]
    rng = np.random.default_rng(0)
    pairs = planted(rng, steps * BATCH, r)
    present = to_present(pairs).unflatten(0, (steps, BATCH))
    labels = torch.from_numpy(pairs.intersects_B).float().unflatten(0, (steps, BATCH))
    ensemble, loop = _ensemble_step(members), _loop_step(members)
    fastest = [float("inf"), float("inf")]
    for _ in range(rounds):
        for which, step in enumerate((ensemble, loop)):
            began = time.perf_counter()
            for i in range(steps):
                step(present[i], labels[i])
            fastest[which] = min(fastest[which], (time.perf_counter() - began) / steps)
    return Ratio(r, experts, MEMBERS, *fastest)


def _ensemble_step(members: Sequence[Member[OneLayerConfig]]) -> Callable[[Tensor, Tensor], None]:
    training = one_layer_training(members, Recipe(steps=1, batch=BATCH), density=1 / 3)
    rates = torch.full((len(members),), 1e-2)

    def step(present: Tensor, labels: Tensor) -> None:
        training.step(present[None], labels.expand(len(members), -1), rates)

    return step


def _loop_step(members: Sequence[Member[OneLayerConfig]]) -> Callable[[Tensor, Tensor], None]:
    """What one writes without an engine: each model with its own autograd, clipping and AdamW (fused)."""
    models = [OneLayerModel(m.config, initial_parameters(m.config, m.seed)) for m in members]
    optimisers = [
        torch.optim.AdamW(model.parameters(), lr=1e-2, betas=(0.9, 0.99), weight_decay=0.0, fused=True)
        for model in models
    ]

    def step(present: Tensor, labels: Tensor) -> None:
        for model, optimiser in zip(models, optimisers, strict=True):
            output = table_output(present[None], model.stacked(), model.config)
            loss = binary_cross_entropy_with_logits(output.logits[0], labels)
            if output.routing is not None:
                loss = loss + 0.1 * load_balancing_loss(output.routing).sum()
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()

    return step
