"""A one-layer model from elsewhere as a :class:`~theory.table.OneLayerTable`: its attention, and a bound on its errors.

Bounds, protocol, certifier and refuter need three things of a model: each token's softmax weight and value a head, how
the heads' outputs enter the query's state, and the function of that state that gives the logit, with a bound on its
rounding error (:class:`ErrorBound` derives one).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theory.errors import InputError
from theory.rounding import UNIT, sum_error
from theory.table import Array, Block, ForeignBlock, OneLayerTable


def attention_table(
    values_TD: Array,
    weights_TH: Array | None,
    mix_DM: Array,
    residual_M: Array,
    block: Block | ForeignBlock,
    edge_slots: int | None = None,
) -> OneLayerTable:
    """The table of a float model; the ``T = 2r + 2`` rows are r edges (s, i), r edges (i, d), a null token, the query.

    ``weights_TH`` are exp of the attention logits at the query, on a scale that the model fixes and no graph changes
    (a head's scale cancels); None is uniform attention.  A null token of weight 0 is an empty slot that is masked.  The
    query's state is ``residual_M + heads_D @ mix_DM`` with ``heads_D`` the weighted means of ``values_TD``.
    ``edge_slots`` is 2r unless given.

    Raises:
        InputError: shapes that do not fit together, numbers that are not finite, or weights that are not positive.
    """
    T, D = values_TD.shape
    H = 1 if weights_TH is None else weights_TH.shape[1]
    weights = np.ones((T, 1)) if weights_TH is None else weights_TH
    if T < 4 or T % 2 or len(weights) != T or D % H or mix_DM.shape != (D, len(residual_M)):
        raise InputError(
            f"values {values_TD.shape}, weights {weights.shape}, mix {mix_DM.shape}, residual {residual_M.shape}: give "
            "values [2r + 2, D], weights [2r + 2, H] with H dividing D, mix [D, M] and residual [M]."
        )
    if not all(np.isfinite(array).all() for array in (values_TD, weights, mix_DM, residual_M)):
        raise InputError("the model's values or weights are not all finite numbers: train or scale it differently.")
    if not (np.delete(weights, T - 2, axis=0) > 0).all() or not (weights >= 0).all():
        raise InputError("an attention weight is not positive: give exp of the logit, scaled so that none underflows.")
    columns_TC = np.array(values_TD, dtype=np.float64)
    if weights_TH is not None:
        columns_TC = np.concatenate((columns_TC * np.repeat(weights, D // H, axis=1), weights), axis=1)
    slots = T - 2 if edge_slots is None else edge_slots
    if slots < T // 2:
        raise InputError(f"{slots} edge slots: give at least r + 1 = {T // 2}, {T - 2} to hold every star graph.")
    return OneLayerTable(
        edges_2rC=columns_TC[:-2] - columns_TC[-2],
        null_C=columns_TC[-2],
        query_C=columns_TC[-1],
        edge_slots=slots,
        heads=H,
        uniform=weights_TH is None,
        offset_D=np.zeros(D),
        scale_D=np.ones(D),
        mix_DM=np.array(mix_DM, dtype=np.float64),
        residual_M=np.array(residual_M, dtype=np.float64),
        block=block,
    )


def state_bound(table: OneLayerTable) -> ErrorBound:
    """Bounds on the query's state of a float softmax or uniform ``table``, over all graphs that its slots hold.

    Every head's output is a mean of values with positive weights, so its size is at most the largest value.  Its error
    is that of two sums, each a unit error times the sum of absolute values of its terms, over the sum of weights.  A
    token adds ``|x - null| + |null|`` to the former and ``w`` to the latter, and a quotient of two sums is at most the
    largest quotient of their terms.  That includes the rounding with which the table keeps ``x - null``.
    """
    D, per_head = len(table.offset_D), len(table.offset_D) // table.heads
    null_C = table.null_C
    rows_TC = np.vstack((table.edges_2rC + null_C, null_C, table.query_C))
    terms_TC = np.abs(np.vstack((table.edges_2rC, np.zeros_like(null_C), table.query_C)))
    terms_TC[:-1] += np.abs(null_C)
    weights_TD = np.ones((len(rows_TC), D)) if table.uniform else np.repeat(rows_TC[:, D:], per_head, axis=1)
    unit, spread_D = sum_error(4 * table.r + D + len(table.residual_M) + 64), np.ones(D)
    if (null_C == 0).all():  # masked: it has no part in any sum
        rows_TC, terms_TC, weights_TD = (np.delete(x, 2 * table.r, axis=0) for x in (rows_TC, terms_TC, weights_TD))
    with np.errstate(all="ignore"):  # a weight that is lost beside the null token's
        value_D = np.abs(rows_TC[:, :D] / weights_TD).max(0)
        numerator_D = (terms_TC[:, :D] / weights_TD).max(0)
        if not table.uniform:
            spread_D = np.repeat((terms_TC[:, D:] / rows_TC[:, D:]).max(0), per_head)
    if not unit * spread_D.max() < 0.01:
        return ErrorBound(np.inf, np.inf)
    mix_DM, residual_M = np.abs(table.mix_DM), np.abs(table.residual_M)
    error_M = unit * (residual_M + (numerator_D + value_D * (1 + 1.02 * spread_D)) @ mix_DM)
    return ErrorBound(float(np.linalg.norm(residual_M + value_D @ mix_DM)), float(np.linalg.norm(error_M)))


@dataclass(frozen=True)
class ErrorBound:
    """Bounds on a vector (Euclidean norm): ``size`` of the exact one, ``error`` of the one computed in float64.

    Each method is one operation; a sum of n terms in any order errs by ``n u / (1 - n u)`` of their absolute values.
    """

    size: float
    error: float

    def linear(self, matrix_MN: Array, bias_N: Array | float = 0.0) -> ErrorBound:
        """``x @ matrix + bias``; the Frobenius norm bounds that of the matrix of absolute values."""
        # Both norms are computed in float64, with an error far below the margin.
        norm = float(np.linalg.norm(matrix_MN, 2)) * (1 + 1e-9)
        shift = float(np.linalg.norm(bias_N))
        terms = float(np.linalg.norm(matrix_MN)) * (self.size + self.error) + shift
        return ErrorBound(norm * self.size + shift, norm * self.error + sum_error(len(matrix_MN) + 1) * terms)

    def normalised(self, gain_M: Array, shift_M: Array | float, eps: float) -> ErrorBound:
        """Layer norm or RMS norm, ``eps`` under the root, computed as mean, difference, mean of squares, quotient.

        Its Jacobian is ``(I - c c' / (M s^2)) / s`` times a projection, ``s^2 = |c|^2 / M + eps``: norm at most
        ``eps ** -0.5``.  The result is at most ``sqrt(M)`` long, however small the input is.
        """
        M, gain = len(gain_M), float(np.abs(gain_M).max())
        size = gain * M**0.5 + float(np.linalg.norm(shift_M))
        centred = self.error + 4 * sum_error(M + 2) * (self.size + self.error)
        return ErrorBound(size, gain * eps**-0.5 * centred + sum_error(M + 8) * size)

    def activated(self, slope: float, roundings: int = 0) -> ErrorBound:
        """A function of each coordinate with f(0) = 0: slope at most ``slope``, rounding ``roundings`` u f at most."""
        rounded = roundings * UNIT * slope * (self.size + self.error)
        return ErrorBound(slope * self.size, slope * self.error + rounded)

    def plus(self, other: ErrorBound) -> ErrorBound:
        size, error = self.size + other.size, self.error + other.error
        return ErrorBound(size, error + UNIT * (size + error))

    def times(self, other: ErrorBound) -> ErrorBound:
        """The product coordinate by coordinate."""
        error = self.size * other.error + other.size * self.error + self.error * other.error
        return ErrorBound(self.size * other.size, error + UNIT * (self.size * other.size + error))
