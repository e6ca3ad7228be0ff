"""How far a logit computed in float64 may be from the exact one, over all inputs of a one-layer table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theory.table import Block, ForeignBlock, OneLayerTable

UNIT = 2.0**-53
"""Unit roundoff u of float64."""
_TINY = 2.0**-500
"""Below this softmax denominators have no bound: their products with the values could underflow."""
SMALL_STATE, SMALL_LOGIT = 2.0**-250, 2.0**-1000
"""Added to what is multiplied by the unit error, and to errors: more than the loss of products that underflow."""


@dataclass(frozen=True)
class Rounding:
    """A-priori bounds on the float64 error of a logit and of a router logit, over all inputs."""

    logit: float
    router: float
    state: float


def rounding(table: OneLayerTable) -> Rounding:
    """Standard forward error analysis: every quantity by the sum of the absolute values of its terms.

    A sum of n terms computed in any order errs by at most ``n u / (1 - n u)`` times the sum of absolute values
    (u = 2^-53); the dimensions of all products are added up, with room for the elementary operations between them.

    The bounds are infinite for a table with weights so large, or so far apart, that this says nothing.
    """
    with np.errstate(all="ignore"):
        errors = _rounding(table)
    finite = bool(np.isfinite([errors.logit, errors.router, errors.state]).all())
    return errors if finite else Rounding(np.inf, np.inf, np.inf)


def _rounding(table: OneLayerTable) -> Rounding:
    block = table.block
    if isinstance(block, ForeignBlock):
        steps = _state_steps(table)
        return Rounding(block.error, 0.0, float(_state_size_and_terms(table, steps)[1].max()) * sum_error(steps))
    K, _, F = block.inner_KMF.shape
    steps = _state_steps(table) + F + K
    x_2M, unit = _state_size_and_terms(table, steps), sum_error(steps)
    size, terms = _answer_size_and_terms(block, x_2M)
    router = 0.0
    if block.router_MK is not None and block.router_bias_K is not None:
        router = float((x_2M[1] @ np.abs(block.router_MK) + np.abs(block.router_bias_K)).max()) * unit + SMALL_LOGIT
    # Gates are at most 1.  Errors of two router logits change the ratio of their powers by exp(2 router) at most.
    logit = 2 * (terms * unit + size * np.expm1(2 * router)) + SMALL_LOGIT
    return Rounding(float(logit), router, float(x_2M[1].max()) * unit)


def _state_steps(table: OneLayerTable) -> int:
    return 4 * table.r + len(table.offset_D) + len(table.residual_M) + 64


def sum_error(terms: int) -> float:
    """``n u / (1 - n u)``: what a float64 sum of n terms, in any order, errs by of the sum of their absolute values."""
    return terms * UNIT / (1 - terms * UNIT)


def _state_size_and_terms(table: OneLayerTable, steps: int) -> NDArray[np.float64]:
    """The largest state, and what to multiply by the unit error to bound its error, ``[2, M]``."""
    mean_2D = _mean_size_and_terms(table, steps)
    x_2M = np.abs(table.residual_M) + (np.abs(table.offset_D) + np.abs(table.scale_D) * mean_2D) @ np.abs(table.mix_DM)
    x_2M = x_2M + SMALL_STATE
    # What Bob reads of a message lies in (-1, 1), however small the message itself is.
    return np.asarray(x_2M if table.message_levels is None else x_2M + 1)


def _answer_size_and_terms(block: Block, x_2M: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same two for the logit of the expert for which they are largest, ``[2]``."""
    hidden_2KF = np.einsum("nm,kmf->nkf", x_2M, np.abs(block.inner_KMF)) + np.abs(block.inner_bias_KF) + SMALL_LOGIT
    answer_2K = (hidden_2KF * np.abs(block.folded_KF)).sum(2) + np.abs(block.constant_K)
    return np.asarray((answer_2K + (x_2M @ np.abs(block.readout_M))[:, None]).max(1))


def _mean_size_and_terms(table: OneLayerTable, steps: int) -> NDArray[np.float64]:
    """The largest output of the heads, and what to multiply by the unit error to bound its error, ``[2, D]``.

    The error of ``n / d`` is at most that of n over d, and ``n / d`` times the relative error of d.
    """
    D, per_head = len(table.offset_D), len(table.offset_D) // table.heads
    total_C = _total_terms(table)
    if table.uniform:
        return np.stack([total_C[:D] / table.tokens] * 2)
    least_H = _least_denominators(table)
    spread_H = total_C[D:] / least_H
    # Up to here the least denominators, which are computed themselves, are right to within a hundredth.
    spread_H = np.where(steps * UNIT * spread_H < 0.01, spread_H, np.inf)
    numerators_D = total_C[:D] / np.repeat(least_H, per_head)
    size_D = np.fmin(numerators_D, _largest_values(table)) + SMALL_STATE
    return np.stack([size_D, numerators_D + size_D * (1 + np.repeat(spread_H, per_head))])


def rounding_unit(table: OneLayerTable, steps: int) -> float:
    """The error of a sum, as a share of its terms' absolute values, after a state and ``steps`` more terms."""
    return sum_error(_state_steps(table) + steps)


def homogeneous_terms(table: OneLayerTable) -> NDArray[np.float64]:
    """Sums of absolute values of all terms of a homogeneous state ``(x d, d)``, ``[M + 1]``, largest over all inputs.

    For uniform attention ``d = 1``; for one softmax head ``d`` is its denominator.
    """
    offset_M = np.abs(table.residual_M) + np.abs(table.offset_D) @ np.abs(table.mix_DM)
    if table.uniform:
        return np.append(_state_size_and_terms(table, 0)[1], 1.0)
    total_C = _total_terms(table)
    return np.append(np.abs(table.scale_D) * total_C[:-1] @ np.abs(table.mix_DM) + offset_M * total_C[-1], total_C[-1])


def denominator_range(table: OneLayerTable) -> tuple[float, float]:
    """The least and the largest denominator of a homogeneous state; not a number if the least could be (almost) 0."""
    if table.uniform:
        return 1.0, 1.0
    least, most = float(_least_denominators(table)[0]), float(_total_terms(table)[-1])
    # The least one is computed itself.
    return (least * 0.99 if rounding_unit(table, 0) * most < 0.01 * least else float("nan")), most


def _total_terms(table: OneLayerTable) -> NDArray[np.float64]:
    return np.asarray(np.abs(table.edges_2rC).sum(0) + table.edge_slots * np.abs(table.null_C) + np.abs(table.query_C))


def _largest_values(table: OneLayerTable) -> NDArray[np.float64]:
    """Largest value of a token in each column, ``[D]``: a weighted mean with weights >= 0 cannot exceed it."""
    D, rows = len(table.offset_D), np.vstack((table.edges_2rC + table.null_C, table.null_C, table.query_C))
    weights_TD = np.repeat(rows[:, D:], D // table.heads, axis=1)
    values_TD = np.where(weights_TD == 0, np.abs(rows[:, :D]) * np.inf, np.abs(rows[:, :D] / weights_TD))
    return np.where((weights_TD < 0).any(0), np.inf, np.fmax.reduce(values_TD) * (1 + 4 * UNIT))


def _least_denominators(table: OneLayerTable) -> NDArray[np.float64]:
    """Smallest softmax denominator of each head over all inputs, ``[H]``; not a number if it could be (almost) 0."""
    D = len(table.offset_D)
    edges, null, query = table.edges_2rC[:, D:], table.null_C[D:], table.query_C[D:]
    least = np.minimum(edges, 0).sum(0) + table.edge_slots * null + query
    return np.where(least >= _TINY, least, np.nan)
