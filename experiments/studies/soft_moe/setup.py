"""What a cell depends on, and what it takes."""

from __future__ import annotations

from dataclasses import dataclass, fields

from experiments.engine import Recipe
from experiments.studies.soft_moe.arms import Arm, Kind
from experiments.studies.types import COPIES_OF_PARAMETERS, FLOAT_BYTES, Cell
from parrots.soft_moe.config import Logits

KEPT_COPIES = 3
"""Of what a forward pass makes: itself, what the backward pass holds, gradients."""


@dataclass(frozen=True)
class Setup:
    """What a cell depends on."""

    kind: Kind
    tokens: int
    width: int
    experts: int
    slots: int
    hidden: int
    logits: Logits
    target: str
    radius: float
    learning_rates: tuple[float, ...]
    steps: int
    batch: int
    tests: int
    starts: int
    climbs: int
    grid: str
    seed: int = 0

    @classmethod
    def of(cls, cell: Cell) -> Setup:
        return cls(**cell.settings, seed=cell.seed)

    @property
    def arm(self) -> Arm:
        return Arm(**{field.name: getattr(self, field.name) for field in fields(Arm)})

    @property
    def recipe(self) -> Recipe:
        return Recipe(steps=self.steps, batch=self.batch)

    @property
    def memory(self) -> int:
        """Bytes of one model in training or ascent."""
        activations = KEPT_COPIES * max(self.batch, self.starts) * self.arm.activations
        return FLOAT_BYTES * (COPIES_OF_PARAMETERS * self.arm.parameters + activations)

    @property
    def flops(self) -> int:
        """Of one model: training with its gradients, tests, and ascent, which needs the gradient of inputs alone."""
        return self.arm.flops * (3 * self.steps * self.batch + self.tests + 2 * self.starts * self.climbs)

    @property
    def tuning_flops(self) -> int:
        """Of the models that choose the learning rate of a target."""
        tuned = len(self.learning_rates) if len(self.learning_rates) > 1 else 0
        return tuned * self.arm.flops * (3 * self.steps * self.batch + self.tests)
