"""The arms: one layer dense or with experts, two layers, and two layers whose edges do not meet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import torch

from experiments.answers import sampled_accuracy
from experiments.engine import Graphs, Member, Recipe, Trained, stream, train
from experiments.studies.types import Cell
from experiments.two_layer_training import curriculum, train_two_layer
from parrots.config import OneLayerConfig
from parrots.model import OneLayerModel
from parrots.two_layer import TwoLayerConfig, TwoLayerModel
from theory.encoding import star_edges
from theory.errors import InputError
from theory.instances import Pairs, planted

STUDY, PANEL = "depth", "a-accuracy"
DENSE, EXPERTS = "one layer, dense", "one layer, experts"
TWO, APART = "two layers", "two layers, edges apart"
ARMS = (DENSE, EXPERTS, TWO, APART)
ONE_LAYER = (DENSE, EXPERTS)
HIDDEN_RATIO = 4
"""Hidden units of a one-layer block or expert, for each intermediate vertex."""
VALIDATION = 1024
TOKEN_BY_TOKEN = 256
"""Graphs in one forward pass of a model that is run token by token."""

Config = OneLayerConfig | TwoLayerConfig
Model = OneLayerModel | TwoLayerModel


@dataclass(frozen=True)
class Setup:
    """What all seeds of one arm, size and width share.

    ``seeds`` belongs to it because members of one batched model are trained together: an interrupted job repeats all
    of them, and so ends on the same bits.
    """

    r: int
    width: int
    arm: str
    experts: int
    steps: int
    batch: int
    learning_rates: tuple[float, ...]
    seeds: int
    test_graphs: int
    grid: str

    @classmethod
    def of(cls, cell: Cell) -> Setup:
        return cls(**cell.settings)

    def cells(self) -> tuple[Cell, ...]:
        return tuple(Cell(STUDY, PANEL, {**asdict(self), "seed": seed}) for seed in range(self.seeds))

    @property
    def config(self) -> Config:
        """One softmax head in every layer; two layers have twice their width of hidden units."""
        if self.arm in ONE_LAYER:
            experts = self.experts if self.arm == EXPERTS else 1
            return OneLayerConfig(self.r + 2, self.width, HIDDEN_RATIO * self.r, experts=experts)
        return TwoLayerConfig(self.r + 2, self.width, 2 * self.width, edges_meet=self.arm == TWO)

    @property
    def recipe(self) -> Recipe:
        """The same steps for every arm; one-layer models have the factors of the rate by parameter that they need."""
        recipe = Recipe(steps=self.steps, batch=self.batch, check_every=100, validation=VALIDATION)
        return recipe if self.arm in ONE_LAYER else replace(recipe, rates=())


def train_members(
    setup: Setup, tried: Sequence[tuple[int, float]], device: torch.device
) -> Iterator[tuple[int, Trained, Model]]:
    """Train a model for each ``(seed, learning rate)`` together; yields ``(index, trained, its model)`` as each stops.

    All arms see the same graphs in the same order: the planted law, sparse at first.
    """
    config = setup.config
    if isinstance(config, TwoLayerConfig):
        deep = [Member(config, seed, rate) for seed, rate in tried]
        for index, one in train_two_layer(deep, setup.recipe, device):
            yield index, one, one.model
        return

    def law(rng: np.random.Generator, batch: int, progress: float) -> Pairs:
        return curriculum(rng, batch, setup.r, progress)

    shallow = [Member(config, seed, rate) for seed, rate in tried]
    for index, other in train(shallow, law, setup.recipe, device=device):
        yield index, other, other.model


def measured_accuracy(model: Model, seed: int, graphs: int, device: torch.device) -> float:
    """Share of right answers to fresh planted graphs of ``seed``."""
    pairs = planted(stream("test", seed), graphs, model.config.intermediates)
    try:
        return sampled_accuracy(model, Graphs.of(pairs, device))
    except InputError:  # scores beyond what the table execution covers
        parts = torch.from_numpy(star_edges(pairs)).to(device).split(TOKEN_BY_TOKEN)
        with torch.no_grad():
            logits = torch.cat([model(part) for part in parts]).numpy(force=True)
        return float((((logits >= 0) == pairs.intersects_B) & ~np.isnan(logits)).mean())
