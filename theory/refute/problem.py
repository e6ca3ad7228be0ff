"""What every method searches: the inputs of one table, evaluated in batches.

Shapes: ``B`` inputs in a batch, ``r`` intermediates, ``S`` columns of a half (the ``M`` coordinates of the block's
input under uniform attention; each head's ``M`` numerators and its denominator under softmax attention).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from theory.errors import InputError
from theory.instances import BoolArray
from theory.refute.exactly import exact_sign
from theory.rounding import Rounding, rounding
from theory.table import Array, Block, OneLayerTable, message_position, message_values

IntArray = NDArray[np.int64]

MOST_NUMBERS = 2**23
"""Numbers that one batch may hold at a time: 64 MiB of float64."""


@dataclass(frozen=True)
class Problem:
    """A table, and its inputs as pairs of sets.

    Raises :class:`theory.errors.InputError` for a table that holds numbers that are not finite.
    """

    table: OneLayerTable

    def __post_init__(self) -> None:
        if not all(bool(np.isfinite(array).all()) for array in self.table.arrays().values()):
            raise InputError(
                "the model holds numbers that are not finite: no answer follows from them; train it again."
            )

    @property
    def r(self) -> int:
        return self.table.r

    @cached_property
    def errors(self) -> Rounding:
        return rounding(self.table)

    @cached_property
    def batch(self) -> int:
        """Inputs that are evaluated at one time."""
        block, widest = self.table.block, self.edges_2rS.shape[1] + 2 * self.r
        if isinstance(block, Block):
            widest += block.inner_KMF.shape[2] + 3 * block.experts
        return max(1, min(8192, MOST_NUMBERS // widest))

    @cached_property
    def edges_2rS(self) -> Array:
        """What each edge adds to a half, ``[2r, S]``: r edges (s, i), then r edges (i, d)."""
        return self.table.edge_parts()

    @cached_property
    def empty_2S(self) -> Array:
        """The halves of Alice and Bob without edges; Alice owns r slots, Bob the rest and the query."""
        table = self.table
        alice_C = self.r * table.null_C
        bob_C = (table.edge_slots - self.r) * table.null_C + table.query_C
        alice_S, bob_S = table.half(alice_C[None], self.r)[0], table.half(bob_C[None], table.tokens - self.r)[0]
        return np.stack((alice_S, bob_S + table.residual_M if table.uniform else bob_S))

    def alice(self, alice_BR: BoolArray) -> Array:
        """Alice's halves ``[batch, S]``."""
        return np.asarray(alice_BR.astype(np.float64) @ self.edges_2rS[: self.r] + self.empty_2S[0])

    def bob(self, bob_BR: BoolArray) -> Array:
        """Bob's halves ``[batch, S]``."""
        return np.asarray(bob_BR.astype(np.float64) @ self.edges_2rS[self.r :] + self.empty_2S[1])

    def states(self, alice_BS: Array, bob_BS: Array) -> Array:
        """The block's input ``[batch, M]`` from one half of each, Alice's rounded if the table rounds it."""
        if self.table.message_levels is not None:
            alice_BS = message_values(alice_BS, self.table.message_levels)
        return self.table.states(alice_BS + bob_BS)

    def logits(self, alice_BS: Array, bob_BS: Array) -> Array:
        """Answer logits ``[batch]`` from one half of each."""
        with np.errstate(all="ignore"):  # a denominator may be 0; what is not a number is no candidate
            return self.table.block.logits(self.states(alice_BS, bob_BS))

    def margins(self, alice_BR: BoolArray, bob_BR: BoolArray) -> Array:
        """Logits in the direction of the right answers, ``[batch]``; infinite for a graph with too many edges."""
        logits_B = self.logits(self.alice(alice_BR), self.bob(bob_BR))
        margin_B = margins_of(logits_B, np.asarray((alice_BR & bob_BR).any(1)))
        return np.where(self.fits(alice_BR, bob_BR), margin_B, np.inf)

    def fits(self, alice_BR: BoolArray, bob_BR: BoolArray) -> BoolArray:
        """Whether the model has a slot for every edge, ``[batch]``."""
        return np.asarray(alice_BR.sum(1) + bob_BR.sum(1) <= self.table.edge_slots)

    def exactly_wrong(self, alice_R: BoolArray, bob_R: BoolArray) -> bool:
        """Whether exact arithmetic decides this input, and the answer is wrong."""
        sign = exact_sign(self.table, alice_R, bob_R)
        return sign is not None and (sign >= 0) != bool((alice_R & bob_R).any())

    def clearly_wrong(self, alice_R: BoolArray, bob_R: BoolArray) -> bool:
        """Wrong by more than the rounding error of this computation."""
        errors, block = self.errors, self.table.block
        if not self.margins(alice_R[None], bob_R[None])[0] < -errors.logit:
            return False
        alice_BS = self.alice(alice_R[None])
        if self.table.message_levels is not None:
            levels = self.table.message_levels
            position_S = message_position(alice_BS[0], levels)
            gap_S = np.abs(position_S - np.clip(np.rint(position_S), 1, levels - 1))
            if levels > 1 and (gap_S <= levels * (errors.state + 2.0**-50)).any():
                return False
        if isinstance(block, Block) and block.router_MK is not None:
            lead_B = block.routed(self.states(alice_BS, self.bob(bob_R[None])))[1]
            return bool(lead_B[0] > 2 * errors.router)
        return True


def margins_of(logits_B: Array, truth_B: BoolArray) -> Array:
    """Logits in the direction of the right answers ``truth_B``; below 0 exactly where the answer is wrong.

    A logit of 0 is "yes": where that is wrong the margin is the largest number below 0.
    """
    no_B = np.where(logits_B == 0, -np.finfo(np.float64).smallest_subnormal, -logits_B)
    return np.where(truth_B, logits_B, no_B)
