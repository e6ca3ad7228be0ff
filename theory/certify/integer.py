"""The halves and the states of a table as integers: a state is homogeneous, ``(x d, d)`` for the block's input x.

Scaling a state by a positive number scales every pre-activation, every router score and, as the maximum with 0 does the
same, every expert's logit.  So denominators (of softmax attention, of the mean over N tokens, of the levels of a
message) are never divided by, and signs are those of integers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theory.certify.dyadic import Dyadic, Integers, stacked
from theory.table import OneLayerTable


@dataclass(frozen=True)
class Integer:
    """What :class:`theory.table.OneLayerTable` computes before its block, without rounding."""

    table: OneLayerTable

    def unquantised_alice(self) -> Dyadic:
        """Alice's messages under uniform attention before they are squashed and rounded, times N, ``[2^r, M]``."""
        return self._share(self._alice_sums(), self.table.r)

    def halves(self, codes_SM: Integers | None) -> tuple[Dyadic, Dyadic]:
        """Alice's and Bob's parts, ``[2^r, H, M + 1]``: of a head its value through ``mix_DM``, then its denominator.

        Under uniform attention there is one "head", which is the state itself, residual included, and its denominator
        is Bob's alone.  ``codes_SM`` are Alice's levels, for a table with ``message_levels``.
        """
        table = self.table
        alice_SC, bob_SC = self._alice_sums(), self._bob_sums()
        if not table.uniform:
            return self._mixed(alice_SC), self._mixed(bob_SC)
        N = table.tokens
        alice = self._share(alice_SC, table.r)
        bob = self._share(bob_SC, N - table.r) + Dyadic.of(table.residual_M) * N
        if codes_SM is not None:
            assert table.message_levels is not None
            alice = Dyadic((2 * codes_SM + 1 - table.message_levels) * N)
            bob, N = bob * table.message_levels, N * table.message_levels
        return _with_denominator(alice, 0), _with_denominator(bob, N)

    def states(self, alice_BHY: Dyadic, bob_BHY: Dyadic) -> Dyadic:
        """Homogeneous states ``[batch, M + 1]`` of rows of halves; all zero where a denominator is 0."""
        heads = alice_BHY + bob_BHY
        if self.table.uniform:
            return heads[:, 0]
        offset = Dyadic.of(self.table.residual_M) + Dyadic.of(self.table.offset_D) @ Dyadic.of(self.table.mix_DM)
        H = heads.numbers.shape[1]
        product = _product([heads[:, h, -1:] for h in range(H)])
        state = offset[None] * product
        for h in range(H):
            others = _product([heads[:, g, -1:] for g in range(H) if g != h])
            state = state + heads[:, h, :-1] * others
        whole = stacked((state, product), 1)
        sign_B1 = (product.numbers > 0).astype(object) * 2 - 1
        return Dyadic(whole.numbers * (sign_B1 * (product.numbers != 0)), whole.bits)

    def _alice_sums(self) -> Dyadic:
        edges, null = Dyadic.of(self.table.edges_2rC), Dyadic.of(self.table.null_C)
        return _subset_sums(edges[: self.table.r], null * self.table.r)

    def _bob_sums(self) -> Dyadic:
        table = self.table
        edges, null = Dyadic.of(table.edges_2rC), Dyadic.of(table.null_C)
        return _subset_sums(edges[table.r :], null * (table.edge_slots - table.r) + Dyadic.of(table.query_C))

    def _share(self, sums_SC: Dyadic, tokens: int) -> Dyadic:
        offset, scale = Dyadic.of(self.table.offset_D), Dyadic.of(self.table.scale_D)
        return (offset * tokens + scale * sums_SC) @ Dyadic.of(self.table.mix_DM)

    def _mixed(self, sums_SC: Dyadic) -> Dyadic:
        D, H = len(self.table.offset_D), self.table.heads
        scale, mix = Dyadic.of(self.table.scale_D), Dyadic.of(self.table.mix_DM)
        heads = [slice(h * D // H, (h + 1) * D // H) for h in range(H)]
        return stacked(
            [
                stacked(((sums_SC[:, head] * scale[head] @ mix[head])[:, None], sums_SC[:, D + h, None, None]), 2)
                for h, head in enumerate(heads)
            ],
            1,
        )


def _subset_sums(edges_rC: Dyadic, base_C: Dyadic) -> Dyadic:
    """``base`` plus the sum of each subset of ``edges``, ``[2^r, C]``: each vertex doubles the list."""
    bits = max(edges_rC.bits, base_C.bits)
    sums = base_C.at(bits)[None]
    for edge_C in edges_rC.at(bits):
        sums = np.concatenate((sums, sums + edge_C))
    return Dyadic(sums, bits)


def _with_denominator(numerators_SM: Dyadic, denominator: int) -> Dyadic:
    column = np.full((len(numerators_SM.numbers), 1), denominator, dtype=object)
    return stacked((numerators_SM, Dyadic(column)), 1)[:, None]


def _product(factors: list[Dyadic]) -> Dyadic:
    product = Dyadic(np.array(1, dtype=object))
    for factor in factors:
        product = product * factor
    return product
