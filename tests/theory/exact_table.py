"""The logit of a one-layer table to 60 digits: rational numbers, and mpmath where exp or tanh enter."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import mpmath
import numpy as np
from numpy.typing import NDArray

from theory.table import OneLayerTable

Array = NDArray[np.float64]
DIGITS = 60


@dataclass(frozen=True)
class Exact:
    """``state`` ``[M]``, router scores ``[K]`` (empty without a router) and the logit of one input."""

    state: list[mpmath.mpf]
    scores: list[mpmath.mpf]
    logit: mpmath.mpf


def rational(array: Array) -> NDArray[np.object_]:
    """Every float as the fraction that it is."""
    return np.array([Fraction(float(x)) for x in array.reshape(-1)], dtype=object).reshape(array.shape)


def number(x: Fraction) -> mpmath.mpf:
    return mpmath.mpf(x.numerator) / x.denominator


def exact(table: OneLayerTable, alice: NDArray[np.bool_], bob: NDArray[np.bool_]) -> Exact:
    """For ``alice`` and ``bob`` ``[r]``, from the definition and not from halves."""
    with mpmath.workdps(DIGITS):
        state = [number(x) for x in _state(table, alice, bob)]
        return _block(table, state)


def _state(table: OneLayerTable, alice: NDArray[np.bool_], bob: NDArray[np.bool_]) -> list[Fraction]:
    D, H, N = len(table.offset_D), table.heads, table.edge_slots + 1
    edges, null, query = rational(table.edges_2rC), rational(table.null_C), rational(table.query_C)
    offset, scale, mix = rational(table.offset_D), rational(table.scale_D), rational(table.mix_DM)
    sums_of = {
        "alice": edges[: table.r][alice].sum(0) + table.r * null,
        "bob": edges[table.r :][bob].sum(0) + (table.edge_slots - table.r) * null + query,
    }
    residual = rational(table.residual_M)
    if table.message_levels is not None:
        message = (offset * table.r + scale * sums_of["alice"]) / N @ mix
        heard = [_centre(number(x), table.message_levels) for x in message]
        return list(residual + np.array(heard) + (offset * (N - table.r) + scale * sums_of["bob"]) / N @ mix)
    sums = sums_of["alice"] + sums_of["bob"]
    denominators = np.array([Fraction(N)] * D) if table.uniform else np.repeat(sums[D:], D // H)
    return list(residual + (offset + scale * sums[:D] / denominators) @ mix)


def _centre(message: mpmath.mpf, levels: int) -> Fraction:
    code = min(max(int(mpmath.floor((mpmath.tanh(message) + 1) / 2 * levels)), 0), levels - 1)
    return Fraction(2 * code + 1, levels) - 1


def _block(table: OneLayerTable, state: list[mpmath.mpf]) -> Exact:
    block = table.block
    outputs = []
    for k in range(block.experts):
        hidden = [
            max(mpmath.mpf(0), _dot(state, block.inner_KMF[k, :, f]) + float(block.inner_bias_KF[k, f]))
            for f in range(block.inner_KMF.shape[2])
        ]
        outputs.append(
            _dot(hidden, block.folded_KF[k]) + _dot(state, block.readout_M) + mpmath.mpf(float(block.constant_K[k]))
        )
    if block.router_MK is None or block.router_bias_K is None:
        return Exact(state, [], outputs[0])
    scores = [
        _dot(state, block.router_MK[:, k]) + mpmath.mpf(float(block.router_bias_K[k])) for k in range(block.experts)
    ]
    chosen = sorted(range(block.experts), key=lambda k: -scores[k])[: block.top_k]
    counted = range(block.experts) if block.top_k == 1 else chosen
    total = sum(mpmath.exp(scores[k]) for k in counted)
    return Exact(state, scores, sum(mpmath.exp(scores[k]) / total * outputs[k] for k in chosen))


def _dot(numbers: list[mpmath.mpf], weights: Array) -> mpmath.mpf:
    return mpmath.fsum(x * mpmath.mpf(float(w)) for x, w in zip(numbers, weights, strict=True))
