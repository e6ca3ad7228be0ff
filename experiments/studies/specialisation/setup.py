"""What a cell depends on, and what it takes to train it."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.images import sizes
from experiments.studies.types import Cell
from parrots.soft_moe import SoftMoeConfig
from theory.accounting import soft_moe_flops


@dataclass(frozen=True)
class Setup:
    """What a cell depends on."""

    images: str
    patches: int
    experts: int
    hidden: int
    """Units of one expert."""
    activation: str
    bias: bool
    learning_rates: tuple[float, ...]
    tuning_seeds: int
    epochs: int
    batch: int
    draws: int
    greedy: int
    """Largest k of the greedy subset for all images."""
    oracle: bool
    """Whether greedy subsets that see the label are measured."""
    exhaustive: bool
    """Whether all subsets are."""
    seed: int
    grid: str

    @classmethod
    def of(cls, cell: Cell) -> Setup:
        return cls(**cell.settings, seed=cell.seed)

    @property
    def config(self) -> SoftMoeConfig:
        known = sizes(self.images)
        return SoftMoeConfig(
            tokens=self.patches**2,
            width=known.height * known.width * known.channels // self.patches**2,
            experts=self.experts,
            hidden=self.hidden,
            outputs=known.classes,
            activation=self.activation,  # type: ignore[arg-type]  # the model checks it
            bias=self.bias,
        )


def training_flops(setup: Setup) -> int:
    """Of training one model: a backward pass costs two forward ones."""
    images = sizes(setup.images).train // setup.batch * setup.batch
    return 3 * setup.epochs * soft_moe_flops(setup.config, images)
