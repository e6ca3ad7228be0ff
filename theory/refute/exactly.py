"""One input in exact arithmetic, whatever r is: for the few whose margin is within the rounding error.

The certifier's exact arithmetic works on all ``2^r`` halves of a table.  For one input a table of few vertices does:
the sum of Alice's edges is a dyadic rational, written as a sum of a few floats, and these are the edges of the small
table whose full sets stand for the input.  The number of null tokens in all does not change.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from theory.certify.dyadic import Dyadic
from theory.certify.exact import Exact
from theory.certify.integer import Integer
from theory.instances import BoolArray
from theory.table import Array, Block, OneLayerTable

MOST_WEIGHTS = 2**21
"""Weights of the block beyond which one decision takes too long."""


def exact_sign(table: OneLayerTable, alice_R: BoolArray, bob_R: BoolArray) -> int | None:
    """1, 0 or -1: the sign of the exact logit; None where it is not decided.

    Not decided: foreign blocks, rounded messages (they depend on r), blocks with too many weights, and what the exact
    arithmetic of the certifier leaves open.
    """
    block = table.block
    if not isinstance(block, Block) or table.message_levels is not None or block.inner_KMF.size > MOST_WEIGHTS:
        return None
    r = table.r
    alice, bob = _as_floats(table.edges_2rC[:r][alice_R]), _as_floats(table.edges_2rC[r:][bob_R])
    vertices = max(len(alice), len(bob), 1)
    edges = np.zeros((2, vertices, table.edges_2rC.shape[1]))
    edges[0, : len(alice)], edges[1, : len(bob)] = alice, bob
    small = replace(table, edges_2rC=edges.reshape(2 * vertices, -1))
    whole = np.array([2**vertices - 1])
    sign = int(Exact.of(small, Integer(small), None).decide(whole, whole).sign_B[0])
    return None if sign == 2 else sign


def _as_floats(edges_nC: Array) -> Array:
    """Rows of floats ``[few, C]`` with exactly the sum of the given rows."""
    rows: list[list[float]] = []
    exact = Dyadic.of(edges_nC)
    left = [int(number) for number in exact.numbers.sum(0)] if len(edges_nC) else []
    while any(left):
        rows.append([number / 2**exact.bits for number in left])
        left = [number - _scaled(part, exact.bits) for number, part in zip(left, rows[-1], strict=True)]
    return np.array(rows).reshape(len(rows), edges_nC.shape[1])


def _scaled(part: float, bits: int) -> int:
    """``part * 2^bits``, which is an integer: the parts of a sum of multiples of ``2^-bits`` are such multiples."""
    numerator, denominator = part.as_integer_ratio()
    return numerator * 2**bits // denominator
