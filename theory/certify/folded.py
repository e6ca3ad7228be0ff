"""A dense block or one expert a token, after attention of one head: logits from two tables and one maximum.

Written homogeneously (:mod:`theory.certify.integer`: the state is ``(x d, d)``), a pre-activation ``a + b`` has one
term from Alice and one from Bob, and ``relu(a + b) = max(b, -a) + a``.  So with both tables made for a square of
inputs, an input costs one maximum and one product a hidden unit, whatever the width is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theory.certify.grids import Grid, Rows
from theory.rounding import SMALL_LOGIT, SMALL_STATE, denominator_range, homogeneous_terms, rounding_unit
from theory.table import Array, Block, OneLayerTable

MAX_RATIO, LEAST_DENOMINATOR = 2.0**20, 2.0**-100
"""Of softmax denominators: errors here are those of the largest one, and must be far from underflow."""


@dataclass(frozen=True)
class Folded:
    """``alice_SY``, ``bob_SY``: parts of the homogeneous state, ``Y = M + 1``; ``edges_2rY`` what each edge adds.

    ``inner_KYF``, ``folded_KF``, ``answer_KY``, ``router_YK`` as in :class:`theory.certify.exact.IntegerBlock`.
    ``size`` bounds a logit, ``error`` and ``router_error`` the rounding of a logit and of a router score, all before
    they are divided by the state's denominator, which is from ``least`` to ``most``.
    """

    alice_SY: Array
    bob_SY: Array
    edges_2rY: Array | None
    inner_KYF: Array
    folded_KF: Array
    answer_KY: Array
    router_YK: Array | None
    size: float
    error: float
    router_error: float
    least: float
    most: float

    @property
    def experts(self) -> int:
        return len(self.folded_KF)

    @property
    def margin_error(self) -> float:
        """On the error of a logit, its gate and its denominator included."""
        with np.errstate(over="ignore"):
            gate = np.expm1(2 * self.router_error / self.least)
        return float((self.error + self.size * gate) / self.least)

    def square(self, alice: slice | Rows, bob: slice | Rows) -> FoldedSquare:
        """The two tables for some rows of Alice and of Bob."""
        return FoldedSquare.of(self, self.alice_SY[alice], self.bob_SY[bob])


def fold(table: OneLayerTable, alice_SC: Array, bob_SC: Array) -> Folded | None:
    """The folded form of a table with these halves, or None if it has none (or none with useful bounds)."""
    block = table.block
    if not isinstance(block, Block) or block.top_k > 1 or not (table.uniform or table.heads == 1):
        return None
    with np.errstate(all="ignore"):
        least, most = denominator_range(table)
        if not (least >= LEAST_DENOMINATOR and most <= MAX_RATIO * least):
            return None
        inner, answer, router = _homogeneous_weights(block)
        size, router_error, error = _size_and_errors(table, block, inner, answer, router)
    if not np.isfinite([size, router_error, error]).all():
        return None
    if table.uniform:
        halves = _with_column(alice_SC, 0.0), _with_column(bob_SC, 1.0)
    else:
        halves = _from_softmax(table, alice_SC), _from_softmax(table, bob_SC)
    return Folded(
        *halves, _edges(table), inner, block.folded_KF, answer, router, size, error, router_error, least, most
    )


def _homogeneous_weights(block: Block) -> tuple[Array, Array, Array | None]:
    K = block.experts
    inner = np.concatenate((block.inner_KMF, block.inner_bias_KF[:, None]), axis=1)
    answer = np.concatenate((np.repeat(block.readout_M[None], K, axis=0), block.constant_K[:, None]), axis=1)
    if block.router_MK is None or block.router_bias_K is None:
        return inner, answer, None
    return inner, answer, np.concatenate((block.router_MK, block.router_bias_K[None]))


def _size_and_errors(
    table: OneLayerTable, block: Block, inner: Array, answer: Array, router: Array | None
) -> tuple[float, float, float]:
    """A bound on a logit, and on the errors of a router score and of a logit, all times the state's denominator.

    With ``t`` the sum of the absolute values of all terms of a pre-activation (of Alice's, Bob's, and the bias), an
    entry of either table errs by ``unit t``, and so does their maximum.  ``w . max(b, -a) + w . a`` takes two such
    errors and rounds terms that add up to ``2 |w| t`` at most: ``4 unit |w| t``; the residual's part adds less.
    """
    K, Y, F = inner.shape
    unit = rounding_unit(table, F + K + Y)
    terms_Y = homogeneous_terms(table) + SMALL_STATE
    hidden_KF = np.einsum("y,kyf->kf", terms_Y, np.abs(inner)) + SMALL_LOGIT
    answer_K = (hidden_KF * np.abs(block.folded_KF)).sum(1) + np.abs(answer) @ terms_Y
    scores_K = np.zeros(1) if router is None else terms_Y @ np.abs(router)
    size = float(answer_K.max())
    return size, 2 * float(scores_K.max()) * unit + SMALL_LOGIT, 4 * size * unit + SMALL_LOGIT


def _from_softmax(table: OneLayerTable, half_SC: Array) -> Array:
    """``(n + x0 d, d)`` from a numerator through ``mix_DM`` and its denominator."""
    offset_M = table.residual_M + table.offset_D @ table.mix_DM
    return np.concatenate((half_SC[:, :-1] + half_SC[:, -1:] * offset_M, half_SC[:, -1:]), axis=1)


def _with_column(half_SM: Array, value: float) -> Array:
    return np.concatenate((half_SM, np.full((len(half_SM), 1), value)), axis=1)


def _edges(table: OneLayerTable) -> Array | None:
    """What each edge adds to the homogeneous state, ``[2r, Y]``; None where Alice's part is no sum over her edges."""
    if table.message_levels is not None:
        return None
    parts = table.edge_parts()
    return _with_column(parts, 0.0) if table.uniform else _from_softmax(table, parts)


@dataclass(frozen=True)
class FoldedSquare:
    """Tables of one square of inputs.

    ``bob_KBF`` and, negative, ``below_KAF`` are the pre-activations; ``bob_KB`` and ``alice_KA`` the rest of the logit
    (Alice's with her ``w . a``); then router scores, experts first, and denominators.
    """

    folded: Folded
    below_KAF: Array
    bob_KBF: Array
    alice_KA: Array
    bob_KB: Array
    alice_scores_KA: Array | None
    bob_scores_KB: Array | None
    alice_d_A: Array
    bob_d_B: Array

    @classmethod
    def of(cls, folded: Folded, alice_AY: Array, bob_BY: Array) -> FoldedSquare:
        alice_KAF, bob_KBF = alice_AY @ folded.inner_KYF, bob_BY @ folded.inner_KYF
        alice_KA = folded.answer_KY @ alice_AY.T + np.einsum("kaf,kf->ka", alice_KAF, folded.folded_KF)
        router = folded.router_YK
        bob_KB = folded.answer_KY @ bob_BY.T
        alice_d_A, bob_d_B = alice_AY[:, -1].copy(), bob_BY[:, -1].copy()
        alice_scores_KA = None if router is None else router.T @ alice_AY.T
        bob_scores_KB = None if router is None else router.T @ bob_BY.T
        return cls(folded, -alice_KAF, bob_KBF, alice_KA, bob_KB, alice_scores_KA, bob_scores_KB, alice_d_A, bob_d_B)

    def grid(self, alice_TA: Rows, bob_TB: Rows) -> Grid:
        """See :class:`theory.certify.grids.Square`."""
        if self.alice_scores_KA is None or self.bob_scores_KB is None:
            return self._dense(alice_TA, bob_TB)
        return self._routed(alice_TA, bob_TB, self.alice_scores_KA, self.bob_scores_KB)

    def logits(self, alice_N: Rows, bob_N: Rows) -> Array:
        """See :class:`theory.certify.grids.Square`."""
        grid = self.grid(alice_N[:, None], bob_N[:, None])
        return grid.logit_N if grid.gates is None else grid.logit_N * grid.gates(np.arange(len(alice_N)))

    def _dense(self, alice_TA: Rows, bob_TB: Rows) -> Grid:
        hidden_TABF = np.maximum(self.bob_KBF[0][bob_TB][:, None], self.below_KAF[0][alice_TA][:, :, None])
        logit_TAB = (hidden_TABF.reshape(-1, hidden_TABF.shape[-1]) @ self.folded.folded_KF[0]).reshape(
            hidden_TABF.shape[:3]
        )
        logit_TAB += self.alice_KA[0][alice_TA][:, :, None]
        logit_TAB += self.bob_KB[0][bob_TB][:, None]
        logit_N = logit_TAB.reshape(-1)
        return Grid(logit_N / self._denominators(alice_TA, bob_TB), np.abs(logit_N) > self.folded.error)

    def _denominators(self, alice_TA: Rows, bob_TB: Rows) -> Array:
        return np.asarray(self.alice_d_A[alice_TA][:, :, None] + self.bob_d_B[bob_TB][:, None]).reshape(-1)

    def _routed(self, alice_TA: Rows, bob_TB: Rows, alice_KA: Array, bob_KB: Array) -> Grid:
        K = self.folded.experts
        score_KN = (alice_KA[:, alice_TA][..., None] + bob_KB[:, bob_TB][:, :, None]).reshape(K, -1)
        top_N = score_KN.max(0)
        # Within the rounding error of the router another expert could have been chosen.
        bar_N = top_N - 2 * self.folded.router_error
        shape = (*alice_TA.shape, bob_TB.shape[1])
        alice_N = np.broadcast_to(alice_TA[:, :, None], shape).reshape(-1)
        bob_N = np.broadcast_to(bob_TB[:, None], shape).reshape(-1)
        logit_N, choices = np.full(len(top_N), np.nan), 0
        for k in range(K):
            at = np.flatnonzero(score_KN[k] >= bar_N)
            if len(at):
                logit_N[at] = self._expert(k, alice_N[at], bob_N[at])
                choices += len(at)
        sure_N = np.abs(logit_N) > self.folded.error
        if choices != len(top_N):
            sure_N &= (score_KN >= bar_N).sum(0) == 1
        denominator_N = self._denominators(alice_TA, bob_TB)

        def gates(at: NDArray[np.int64]) -> Array:
            return np.asarray(1 / np.exp((score_KN[:, at] - top_N[at]) / denominator_N[at]).sum(0))

        return Grid(logit_N / denominator_N, sure_N, gates, 1 / K)

    def _expert(self, k: int, alice_N: Rows, bob_N: Rows) -> Array:
        hidden_NF = np.maximum(self.bob_KBF[k][bob_N], self.below_KAF[k][alice_N])
        return np.asarray(hidden_NF @ self.folded.folded_KF[k] + self.alice_KA[k][alice_N] + self.bob_KB[k][bob_N])
