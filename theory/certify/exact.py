"""The answer of a table on single inputs in exact arithmetic: for the few that float64 does not decide.

A table's float64 numbers are dyadic rationals, so integers decide a dense block, the choice of a router and the chosen
expert.  Ties go to the expert with the least index, as in :meth:`theory.table.Block.routed`.  The gate of a single
chosen expert is positive and never changes a sign; several gates need exponentials (:mod:`theory.certify.enclosed`).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from theory.certify.dyadic import Dyadic, Integers, quotient, stacked
from theory.certify.enclosed import sign_of_gated
from theory.certify.integer import Integer
from theory.certify.messages import Messages
from theory.table import Block, OneLayerTable

MAX_STATES = 2**15
"""Different states decided in one call where machine integers do not suffice: about 2 seconds."""

_MACHINE = 2**62
"""Sums of two numbers below this fit int64."""


@dataclass(frozen=True)
class Decisions:
    """``sign_B``: 1 for a positive logit, 0 for 0, -1 for a negative one, and 2 where it is not known.

    ``logit_B``: the logit to the nearest float (to one unit in the last place with several gates); not a number where
    the sign is not known.
    """

    sign_B: NDArray[np.int8]
    logit_B: NDArray[np.float64]


@dataclass(frozen=True)
class Exact:
    """Decides inputs of a table with a :class:`theory.table.Block`."""

    integer: Integer
    alice_SHY: Dyadic
    bob_SHY: Dyadic
    block: IntegerBlock
    machine: bool
    """Everything fits machine integers."""

    @classmethod
    def of(cls, table: OneLayerTable, integer: Integer, messages: Messages | None) -> Exact:
        """For a table of finite numbers; ``messages`` are those of a table with ``message_levels``."""
        assert isinstance(table.block, Block)
        alice, bob = integer.halves(None if messages is None else messages.codes_SM)
        bits = max(alice.bits, bob.bits)
        alice, bob = Dyadic(alice.at(bits), bits), Dyadic(bob.at(bits), bits)
        block = IntegerBlock.of(table.block)
        if not table.uniform or not block.fits(alice[:, 0], bob[:, 0]):
            return cls(integer, alice, bob, block, False)
        return cls(integer, alice.as_int64(), bob.as_int64(), block.as_int64(), True)

    def decide(self, alice_B: NDArray[np.int64], bob_B: NDArray[np.int64]) -> Decisions:
        """For pairs of subsets, by their rows in the halves; equal states are decided once."""
        states = self.integer.states(self.alice_SHY[alice_B], self.bob_SHY[bob_B])
        first_U, which_B = _machine_groups(states.numbers) if self.machine else _groups(states.numbers)
        todo_U = first_U if self.machine else first_U[:MAX_STATES]
        sign_U, logit_U = np.full(len(first_U), 2, dtype=np.int8), np.full(len(first_U), np.nan)
        defined_U = (states.numbers[todo_U, -1] != 0).astype(np.bool_)
        at = np.flatnonzero(defined_U)
        sign_U[at], logit_U[at] = self.block.decide(states[todo_U[at]])
        return Decisions(sign_U[which_B], logit_U[which_B])


@dataclass(frozen=True)
class IntegerBlock:
    """A :class:`theory.table.Block` for homogeneous states: ``inner_KYF``, ``folded_KF``, ``answer_KY`` (the read-out
    of the residual, and the constant), ``router_YK``."""

    inner_KYF: Dyadic
    folded_KF: Dyadic
    answer_KY: Dyadic
    router_YK: Dyadic | None
    top_k: int

    @classmethod
    def of(cls, block: Block) -> IntegerBlock:
        K = block.experts
        inner = stacked((Dyadic.of(block.inner_KMF), Dyadic.of(block.inner_bias_KF[:, None])), 1)
        readout = Dyadic.of(np.repeat(block.readout_M[None], K, axis=0))
        answer = stacked((readout, Dyadic.of(block.constant_K[:, None])), 1)
        router = None
        if block.router_MK is not None and block.router_bias_K is not None:
            router = stacked((Dyadic.of(block.router_MK), Dyadic.of(block.router_bias_K[None])), 0)
        return cls(inner, Dyadic.of(block.folded_KF), answer, router, block.top_k)

    def _parts(self) -> list[Dyadic]:
        parts = [self.inner_KYF, self.folded_KF, self.answer_KY]
        return parts if self.router_YK is None else [*parts, self.router_YK]

    def _with(self, parts: list[Dyadic]) -> IntegerBlock:
        inner, folded, answer, *router = parts
        return IntegerBlock(inner, folded, answer, router[0] if router else None, self.top_k)

    def as_int64(self) -> IntegerBlock:
        return self._with([part.as_int64() for part in self._parts()])

    def fits(self, alice_SY: Dyadic, bob_SY: Dyadic) -> bool:
        """Whether no number on the way can reach :data:`_MACHINE`: the largest of each, all signs positive."""
        absolute = self._with([Dyadic(np.abs(part.numbers), part.bits) for part in self._parts()])
        largest_1Y = np.abs(alice_SY.numbers).max(0) + np.abs(bob_SY.numbers).max(0)
        states = Dyadic(largest_1Y[None], alice_SY.bits)
        K = len(self.folded_KF.numbers)
        numbers = [part.largest() for part in self._parts()] + [states.largest()]
        numbers += [(states @ absolute.inner_KYF[k]).largest() for k in range(K)]
        numbers += [absolute.expert(k, states).largest() for k in range(K)]
        if absolute.router_YK is not None:
            numbers.append((states @ absolute.router_YK).largest())
        return max(numbers) < _MACHINE

    def expert(self, k: int, states_BY: Dyadic) -> Dyadic:
        """Expert ``k``'s logits ``[batch]``, each times its state's denominator."""
        hidden = states_BY @ self.inner_KYF[k]
        active = Dyadic(np.maximum(hidden.numbers, 0), hidden.bits)
        return active @ self.folded_KF[k] + states_BY @ self.answer_KY[k]

    def decide(self, states_BY: Dyadic) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
        """Signs and logits ``[batch]`` of states whose denominator is positive, as in :class:`Decisions`."""
        B = len(states_BY.numbers)
        if self.router_YK is None:
            return self._signed(self.expert(0, states_BY), states_BY, np.ones(B))
        scores = states_BY @ self.router_YK
        chosen_Bk = np.argsort(-scores.numbers, axis=1, kind="stable")[:, : self.top_k]
        outputs = self._outputs(states_BY, chosen_Bk)
        if self.top_k == 1:
            return self._signed(outputs[:, 0], states_BY, _gates(scores, states_BY))
        return self._weighed(scores, chosen_Bk, outputs, states_BY)

    def _outputs(self, states_BY: Dyadic, chosen_Bk: NDArray[np.int64]) -> Dyadic:
        """The chosen experts' logits, ``[batch, top_k]``, expert by expert."""
        flat = chosen_Bk.reshape(-1)
        order = np.argsort(flat, kind="stable")
        ends = np.searchsorted(flat[order], np.arange(len(self.folded_KF.numbers) + 1))
        parts = [
            self.expert(k, states_BY[order[start:stop] // chosen_Bk.shape[1]])
            for k, (start, stop) in enumerate(pairwise(ends))
            if start < stop
        ]
        if not parts:
            return Dyadic(np.zeros(chosen_Bk.shape, dtype=object))
        together = stacked(parts, 0)
        numbers = np.empty_like(together.numbers)
        numbers[order] = together.numbers
        return Dyadic(numbers.reshape(chosen_Bk.shape), together.bits)

    def _signed(
        self, outputs_B: Dyadic, states_BY: Dyadic, gates_B: NDArray[np.float64]
    ) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
        numbers = outputs_B.numbers
        sign_B = (numbers > 0).astype(np.int8) - (numbers < 0).astype(np.int8)
        bits = outputs_B.bits - states_BY.bits
        ratios = [quotient(n, d, bits) for n, d in zip(numbers, states_BY.numbers[:, -1], strict=True)]
        return sign_B, np.array(ratios, dtype=np.float64) * gates_B

    def _weighed(
        self, scores_BK: Dyadic, chosen_Bk: NDArray[np.int64], outputs_Bk: Dyadic, states_BY: Dyadic
    ) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
        sign_B, logit_B = np.full(len(chosen_Bk), 2, dtype=np.int8), np.full(len(chosen_Bk), np.nan)
        for row, chosen_k in enumerate(chosen_Bk):
            denominator = Fraction(int(states_BY.numbers[row, -1]), 1 << states_BY.bits)
            scores = [Fraction(int(scores_BK.numbers[row, k]), 1 << scores_BK.bits) / denominator for k in chosen_k]
            outputs = [Fraction(int(number), 1 << outputs_Bk.bits) / denominator for number in outputs_Bk.numbers[row]]
            sign, logit = sign_of_gated(list(zip(scores, outputs, strict=True)))
            if sign is not None:
                sign_B[row], logit_B[row] = sign, logit
        return sign_B, logit_B


def _gates(scores_BK: Dyadic, states_BY: Dyadic) -> NDArray[np.float64]:
    """The softmax probability of each state's best score, to float precision, ``[batch]``."""
    below_BK = scores_BK.numbers.max(1, keepdims=True) - scores_BK.numbers
    bits = scores_BK.bits - states_BY.bits
    powers = [
        [np.exp(-quotient(number, denominator, bits)) for number in row]
        for row, denominator in zip(below_BK, states_BY.numbers[:, -1], strict=True)
    ]
    return np.asarray(1 / np.array(powers, dtype=np.float64).reshape(below_BK.shape).sum(1))


def _groups(rows: Integers) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First of each group of equal rows, and the group of each row."""
    seen: dict[tuple[int, ...], int] = {}
    first: list[int] = []
    which = np.empty(len(rows), dtype=np.int64)
    for at, row in enumerate(rows.tolist()):
        which[at] = seen.setdefault(tuple(row), len(seen))
        if len(seen) > len(first):
            first.append(at)
    return np.array(first, dtype=np.int64), which


def _machine_groups(rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The same for int64, by a 64-bit hash that is then checked."""
    factors = np.random.default_rng(0).integers(-(2**63), 2**63, size=rows.shape[1]) | 1
    with np.errstate(over="ignore"):  # modulo 2^64
        _, first, which = np.unique(rows @ factors, return_index=True, return_inverse=True)
    return (first, which) if np.array_equal(rows[first[which]], rows) else _groups(rows)
