"""Shapes of trained models that are certified, and how they are trained: the same in every study that has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Self

from experiments.studies.types import Cell
from parrots.config import OneLayerConfig

HIDDEN_RATIO = 4
"""Hidden units of an expert, for each intermediate vertex."""
ROUTED = 1.5
"""About the time of a model with experts, in that of a dense one with as many FLOPs."""


def widths(whole: int, shares: Sequence[float]) -> list[int]:
    """Widths that are these shares of ``whole``, each once, in ascending order; at least 1."""
    return sorted({max(1, round(share * whole)) for share in shares})


@dataclass(frozen=True)
class Shape:
    """What the cells of these studies share: the model, how fast it learns, and the way to and from a cell."""

    r: int
    width: int
    experts: int
    seed: int
    grid: str
    """In words, what all cells share that may be compared."""

    @classmethod
    def of(cls, cell: Cell) -> Self:
        return cls(**cell.config)

    def cell(self, study: str, panel: str) -> Cell:
        return Cell(study, panel, asdict(self))

    @property
    def config(self) -> OneLayerConfig:
        """Softmax attention, and 4r hidden units in every expert."""
        return OneLayerConfig(vertices=self.r + 2, width=self.width, hidden=HIDDEN_RATIO * self.r, experts=self.experts)

    @property
    def learning_rate(self) -> float:
        """Falls like the square root of r, as the best rates of the study `width` do; the same for every block."""
        return 0.06 * self.r**-0.5
