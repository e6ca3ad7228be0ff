"""The answer of a one-layer table by its definition, in fractions; mpmath only where exp or tanh enter."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import mpmath
import numpy as np
from numpy.typing import NDArray

from theory.instances import all_pairs
from theory.table import Array, Block, OneLayerTable

DIGITS = 400


def fraction(x: float) -> Fraction:
    return Fraction(float(x))


def dot(numbers: list[Fraction], weights: Array) -> Fraction:
    return sum((x * fraction(w) for x, w in zip(numbers, weights, strict=True)), Fraction(0))


def state(table: OneLayerTable, alice: NDArray[np.bool_], bob: NDArray[np.bool_]) -> list[Fraction] | None:
    """The block's input ``[M]``, token by token; None where all attention weights are 0."""
    r, D, H, M = table.r, len(table.offset_D), table.heads, len(table.residual_M)
    null = [fraction(x) for x in table.null_C]
    hers, his = [], []
    for edges, owner, present in ((range(r), hers, alice), (range(r, 2 * r), his, bob)):
        for edge, there in zip(edges, present, strict=True):
            owner.append([fraction(x) + n for x, n in zip(table.edges_2rC[edge], null, strict=True)] if there else null)
    his += [null] * (table.edge_slots - 2 * r) + [[fraction(x) for x in table.query_C]]

    def mean(tokens: list[list[Fraction]], total: int) -> list[Fraction] | None:
        values = []
        for column in range(D):
            head = column // (D // H)
            weight = Fraction(total) if table.uniform else sum(token[D + head] for token in tokens)
            if weight == 0:
                return None
            share = Fraction(len(tokens), total) if table.uniform else Fraction(1)
            numerator = sum(token[column] for token in tokens)
            values.append(
                fraction(table.offset_D[column]) * share + fraction(table.scale_D[column]) * numerator / weight
            )
        return [dot(values, table.mix_DM[:, m]) for m in range(M)]

    residual = [fraction(x) for x in table.residual_M]
    if table.message_levels is None:
        whole = mean(hers + his, table.tokens)
        return None if whole is None else [a + b for a, b in zip(residual, whole, strict=True)]
    message, rest = mean(hers, table.tokens), mean(his, table.tokens)
    assert message is not None and rest is not None
    heard = [Fraction(2 * level(x, table.message_levels) + 1, table.message_levels) - 1 for x in message]
    return [a + b + c for a, b, c in zip(residual, heard, rest, strict=True)]


def level(message: Fraction, levels: int) -> int:
    if message == 0:
        return floor(Fraction(levels, 2))
    with mpmath.workdps(DIGITS):
        return int(mpmath.floor((mpmath.tanh(mpmath.mpf(message.numerator) / message.denominator) + 1) / 2 * levels))


def answer(table: OneLayerTable, alice: NDArray[np.bool_], bob: NDArray[np.bool_]) -> bool | None:
    """Whether the logit is at least 0; None where it is not defined."""
    block = table.block
    assert isinstance(block, Block)
    x = state(table, alice, bob)
    if x is None:
        return None
    outputs = [
        sum(
            (
                max(dot(x, block.inner_KMF[k, :, f]) + fraction(block.inner_bias_KF[k, f]), Fraction(0))
                * fraction(block.folded_KF[k, f])
                for f in range(block.inner_KMF.shape[2])
            ),
            dot(x, block.readout_M) + fraction(block.constant_K[k]),
        )
        for k in range(block.experts)
    ]
    if block.router_MK is None or block.router_bias_K is None:
        return outputs[0] >= 0
    scores = [dot(x, block.router_MK[:, k]) + fraction(block.router_bias_K[k]) for k in range(block.experts)]
    chosen = sorted(range(block.experts), key=lambda k: (-scores[k], k))[: block.top_k]
    with mpmath.workdps(DIGITS):
        terms = [mpmath.mpf(outputs[k].numerator) / outputs[k].denominator * power(scores[k], scores) for k in chosen]
        total = mpmath.fsum(terms)
        return bool(total >= 0 or abs(total) < mpmath.mpf(10) ** (20 - DIGITS) * max(map(abs, terms)))


def power(score: Fraction, scores: list[Fraction]) -> mpmath.mpf:
    over = score - max(scores)
    return mpmath.exp(mpmath.mpf(over.numerator) / over.denominator)


def answers(table: OneLayerTable) -> tuple[list[bool | None], NDArray[np.bool_]]:
    """Answers to all ``4^r`` inputs, rows as :func:`theory.instances.all_pairs`, and the truth."""
    pairs = all_pairs(table.r)
    given = [answer(table, alice, bob) for alice, bob in zip(pairs.alice_BR, pairs.bob_BR, strict=True)]
    return given, (pairs.alice_BR & pairs.bob_BR).any(1)
