"""Shapes of trained models that are certified, and how they are trained: the same in every study that has them."""

from __future__ import annotations

from collections.abc import Sequence

from parrots.config import OneLayerConfig

HIDDEN_RATIO = 4
"""Hidden units of an expert, for each intermediate vertex."""
ROUTED = 1.5
"""About the time of a model with experts, in that of a dense one with as many FLOPs."""


def widths(r: int, shares: Sequence[float]) -> list[int]:
    """Widths that are these shares of r, each once, in ascending order; at least 1."""
    return sorted({max(1, round(share * r)) for share in shares})


def shape(r: int, width: int, experts: int) -> OneLayerConfig:
    """Softmax attention, and 4r hidden units in every expert."""
    return OneLayerConfig(vertices=r + 2, width=width, hidden=HIDDEN_RATIO * r, experts=experts)


def learning_rate(r: int) -> float:
    """Falls like the square root of r, as the best rates of the study `width` do; the same for every block."""
    return 0.06 * r**-0.5
