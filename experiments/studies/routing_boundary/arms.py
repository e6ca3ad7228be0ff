"""The blocks that are compared: who routes how, and which of them see more than the query's own state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from parrots.mixing import MixingConfig


@dataclass(frozen=True)
class Arm:
    """One block.  ``options`` go to :class:`~parrots.mixing.MixingConfig`."""

    name: str
    crosses: bool
    """Whether the query's answer depends on the states of other tokens after attention."""
    options: Mapping[str, Any] = field(hash=False)
    temperature: float | None = None
    """Straight-through gradient of a place in an expert; None: as it is, 0."""

    def config(self, r: int, width: int, hidden: int) -> MixingConfig:
        """Full attention of the edges that exist and the query; one head."""
        return MixingConfig(vertices=r + 2, width=width, hidden=hidden, nulls="masked", **self.options)


SOFT_ONE, CHOICE_ONE, CAPACITY_ONE = "Soft MoE, 1 slot", "expert choice, 1 place", "capacity, 1 place"
"""The blocks of the three constructions."""
CHOICE_SMOOTH = f"{CHOICE_ONE}, straight-through"
_CHOICE = {"routing": "expert-choice", "experts": 2, "capacity": 1}
_CAPACITY = {"routing": "token-choice", "experts": 2, "capacity": 1}
SCORES, PLACES = 0.1, 1.0
"""Temperatures of the straight-through gradient, in units of a score and of a place; on exploratory seeds five
times the first, and a tenth or a half of the second, did no better."""

ARMS = {
    arm.name: arm
    for arm in (
        Arm("dense", False, {"routing": "token-choice"}),
        Arm("token choice, K = 2", False, {"routing": "token-choice", "experts": 2}),
        Arm("token choice, K = 8", False, {"routing": "token-choice", "experts": 8}),
        Arm("top 2 of 8", False, {"routing": "token-choice", "experts": 8, "top_k": 2}),
        Arm(CAPACITY_ONE, True, _CAPACITY),
        Arm(f"{CAPACITY_ONE}, straight-through", True, _CAPACITY, PLACES),
        Arm(CHOICE_ONE, True, _CHOICE),
        Arm("expert choice, 4 places", True, _CHOICE | {"capacity": 4}),
        Arm(CHOICE_SMOOTH, True, _CHOICE, SCORES),
        Arm(SOFT_ONE, True, {"routing": "soft"}),
        Arm("Soft MoE, 4 slots", True, {"routing": "soft", "experts": 4}),
    )
}
"""By name; token-wise ones first."""
