"""What a cell depends on."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property

from experiments.studies.types import Cell
from parrots.memoriser.trainable import Attention, TrainableConfig
from theory.accounting import Parameters, trainable_memoriser_flops, trainable_memoriser_parameters

STUDY = "memorisation"
TUNING_SHARE = 4
"""A tuning run takes this fraction of a cell's steps."""


@dataclass(frozen=True)
class Setup:
    """Model, data and training of one point; the seed is the cell's."""

    width: int
    hidden: int
    experts: int
    attention: Attention
    tokens: int
    sequences: int
    steps: int
    tuning_steps: int
    learning_rates: tuple[float, ...]
    momenta: tuple[float, ...]
    balance: float
    together: int
    """Seeds 0, 1, … that train as one batched model, whichever of them are asked for: products of another shape round
    differently, and long training makes that visible."""
    grid: str
    """In words, what all cells share that may be compared."""

    @classmethod
    def of(cls, cell: Cell) -> Setup:
        return cls(**cell.settings)

    def cell(self, panel: str, seed: int) -> Cell:
        return Cell(STUDY, panel, asdict(self) | {"seed": seed})

    @cached_property
    def model(self) -> TrainableConfig:
        return TrainableConfig(self.width, self.hidden, self.experts, self.attention)

    @cached_property
    def counts(self) -> Parameters:
        return counts(self.model)

    @property
    def member_steps(self) -> int:
        """Steps of all seeds and of all candidates in tuning."""
        return self.steps * self.together + self.tuning_steps * len(self.learning_rates) * len(self.momenta)

    @property
    def flops(self) -> int:
        """All seeds and the tuning, forward and backward (two forward passes)."""
        shape = (self.width, self.tokens, self.hidden, self.experts, self.attention == "learned")
        return 3 * self.member_steps * self.sequences * trainable_memoriser_flops(*shape)

    @property
    def core_seconds(self) -> float:
        """About what it takes on one CPU core, from timings of the quick preset: routing is most of a mixture."""
        a_sequence = 6e-8 + 6e-10 * self.hidden * self.width + (8e-7 if self.experts > 1 else 0.0)
        return self.member_steps * (4e-5 + self.sequences * a_sequence)


def counts(model: TrainableConfig) -> Parameters:
    """Parameters of a model, total and active."""
    return trainable_memoriser_parameters(model.width, model.hidden, model.experts, model.attention == "learned")
