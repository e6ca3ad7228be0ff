"""Logits of many inputs at once, as a table gives them: the form that every model has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from theory.rounding import Rounding
from theory.table import Array, ForeignBlock, OneLayerTable

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Grid:
    """``logit_N`` over its gate, and whether its sign is sure, of inputs in the order of their tiles.

    ``gates(at)`` are the gates of the inputs ``at``, between ``least_gate`` and 1; None where all are 1.
    """

    logit_N: Array
    sure_N: NDArray[np.bool_]
    gates: Callable[[Rows], Array] | None = None
    least_gate: float = 1.0


class Square(Protocol):
    """Rows of Alice times rows of Bob, prepared to be evaluated."""

    def grid(self, alice_TA: Rows, bob_TB: Rows) -> Grid:
        """The inputs of T tiles, each of A rows of Alice times B rows of Bob (counted within the square)."""
        ...

    def logits(self, alice_N: Rows, bob_N: Rows) -> Array:
        """Logits of pairs of rows, each within its error."""
        ...


@dataclass(frozen=True)
class StatesSquare:
    """Any table: sums of halves, states, block."""

    table: OneLayerTable
    errors: Rounding
    alice_AC: Array
    bob_BC: Array

    def grid(self, alice_TA: Rows, bob_TB: Rows) -> Grid:
        sums = self.alice_AC[alice_TA][:, :, None] + self.bob_BC[bob_TB][:, None]
        return self._evaluate(sums.reshape(-1, sums.shape[-1]))

    def logits(self, alice_N: Rows, bob_N: Rows) -> Array:
        return self._evaluate(self.alice_AC[alice_N] + self.bob_BC[bob_N]).logit_N

    def _evaluate(self, sums_NC: Array) -> Grid:
        x_NM, block = self.table.states(sums_NC), self.table.block
        if isinstance(block, ForeignBlock) or block.router_MK is None:
            logit_N = block.logits(x_NM)
            return Grid(logit_N, np.abs(logit_N) > self.errors.logit)
        logit_N, lead_N = block.routed(x_NM)
        # Within the rounding error of the router another expert could have been chosen.
        return Grid(logit_N, (np.abs(logit_N) > self.errors.logit) & (lead_N > 2 * self.errors.router))
