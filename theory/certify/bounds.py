"""Branch and bound: tiles of inputs that are right as a whole, by linear bounds on the logit, are not evaluated.

A tile fixes the high vertices of both sets and leaves ``bits`` low ones of each free, so everything that is a sum over
edges takes its least and largest value vertex by vertex.  A hidden unit whose pre-activation lies in ``[l, u]`` is
linear if ``l >= 0`` or ``u <= 0``; else ``s z <= relu(z) <= u (z - l) / (u - l)`` for every ``s`` from 0 to 1.  With
the lower line where the unit's weight is positive and the upper one where it is negative the logit is at least a linear
function of the edges, whose least value is exact (the CROWN bound of Zhang et al. 2018, over a set that is a product).

Only tiles in which all pairs of sets meet, by a vertex that both have fixed, are bounded: "yes" is right on all of
them.  They hold all but ``3^r`` of the ``4^r`` inputs, less those of the smallest tiles.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theory.certify.folded import FoldedSquare
from theory.certify.squares import Place, Tiles
from theory.table import Array

LEAST_BITS = 4
"""A smaller tile costs as much to bound as to evaluate."""

_WORTH = 1 / 16
"""Of the tiles of one size, this share must be right as a whole to try the next size."""

_SLACK = 4
"""Errors of a bound, as multiples of those of a logit: its terms are those of a logit three times."""


@dataclass(frozen=True)
class Bounds:
    """Lower bounds on the logits of one square's tiles, for a table whose halves are sums over edges."""

    square: FoldedSquare
    place: Place
    alice_KEF: Array
    """What each of Alice's free edges adds to the pre-activations, ``[K, bits, F]``."""
    bob_KEF: Array
    alice_KE: Array
    """The same for the linear part of the logit."""
    bob_KE: Array
    alice_d_E: Array
    bob_d_E: Array

    @classmethod
    def of(cls, square: FoldedSquare, place: Place) -> Bounds | None:
        """None for a table that has no such bounds."""
        folded = square.folded
        if folded.edges_2rY is None:
            return None
        r = len(folded.edges_2rY) // 2
        halves = folded.edges_2rY[: place.bits], folded.edges_2rY[r : r + place.bits]
        pre = [edges @ folded.inner_KYF for edges in halves]
        linear = [folded.answer_KY @ edges.T for edges in halves]
        return cls(square, place, *pre, *linear, *(edges[:, -1] for edges in halves))

    def open_tiles(self, best: float) -> Tiles:
        """What is left to evaluate: tiles that hold an input with no vertex in both sets, or with no good bound.

        The others are right on all their inputs, with margins of at least ``best >= 0`` up to rounding.
        """
        tiles = Tiles(np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64), self.place.bits)
        while True:
            right_T = self._meet(tiles)
            at = np.flatnonzero(right_T)
            right_T[at] = self._right(Tiles(tiles.alice_T[at], tiles.bob_T[at], tiles.bits), best)
            few = len(right_T) >= 256 and right_T.sum() < _WORTH * len(right_T)
            tiles = Tiles(tiles.alice_T[~right_T], tiles.bob_T[~right_T], tiles.bits)
            if few or tiles.bits <= LEAST_BITS:
                return tiles
            tiles = _quarters(tiles)

    def _meet(self, tiles: Tiles) -> NDArray[np.bool_]:
        if self.place.alice & self.place.bob:
            return np.ones(len(tiles.alice_T), dtype=np.bool_)
        return np.asarray((tiles.alice_T & tiles.bob_T) != 0)

    def _right(self, tiles: Tiles, best: float) -> NDArray[np.bool_]:
        """Tiles whose logits are all positive and at least ``best``, whichever expert is chosen."""
        candidate_KT, gate_T = self._routes(tiles)
        right_T = np.ones(len(tiles.alice_T), dtype=np.bool_)
        for k in range(self.square.folded.experts):
            at = np.flatnonzero(right_T & candidate_KT[k])
            if len(at):
                some = Tiles(tiles.alice_T[at], tiles.bob_T[at], tiles.bits)
                right_T[at] = self._expert_right(k, some, best / gate_T[at])
        return right_T

    def _expert_right(self, k: int, tiles: Tiles, least_T: Array) -> NDArray[np.bool_]:
        """Tiles on which expert ``k`` gives logits that are positive, and at least ``least``."""
        square, free = self.square, slice(0, tiles.bits)
        alice_T, bob_T = tiles.alice_T << tiles.bits, tiles.bob_T << tiles.bits
        low_TF, high_TF = self._range(-square.below_KAF[k], square.bob_KBF[k], tiles)
        slope_TF, constant_T = _lines(low_TF, high_TF, square.folded.folded_KF[k])
        base_TF = square.bob_KBF[k][bob_T] - square.below_KAF[k][alice_T]
        # Alice's rest of the logit holds w . a, which is in the slopes here.
        rest_T = square.bob_KB[k][bob_T] + square.alice_KA[k][alice_T]
        rest_T += square.below_KAF[k][alice_T] @ square.folded.folded_KF[k]
        constant_T += np.einsum("tf,tf->t", slope_TF, base_TF) + rest_T
        alice_TE = slope_TF @ self.alice_KEF[k, free].T + self.alice_KE[k, free]
        bob_TE = slope_TF @ self.bob_KEF[k, free].T + self.bob_KE[k, free]
        slack = _SLACK * square.folded.error
        positive_T = constant_T + np.minimum(alice_TE, 0).sum(1) + np.minimum(bob_TE, 0).sum(1) > slack
        alice_TE -= least_T[:, None] * self.alice_d_E[free]
        bob_TE -= least_T[:, None] * self.bob_d_E[free]
        above_T = constant_T - least_T * (square.alice_d_A[alice_T] + square.bob_d_B[bob_T])
        above_T += np.minimum(alice_TE, 0).sum(1) + np.minimum(bob_TE, 0).sum(1)
        return np.asarray(positive_T & (above_T >= -slack))

    def _range(self, alice_AF: Array, bob_BF: Array, tiles: Tiles) -> tuple[Array, Array]:
        """Least and largest sums of a row of Alice and a row of Bob, column by column, ``[T, F]``."""
        shape = (-1, 1 << tiles.bits, alice_AF.shape[1])
        alice, bob = alice_AF.reshape(shape), bob_BF.reshape(shape)
        low = alice.min(1)[tiles.alice_T] + bob.min(1)[tiles.bob_T]
        return low, alice.max(1)[tiles.alice_T] + bob.max(1)[tiles.bob_T]

    def _routes(self, tiles: Tiles) -> tuple[NDArray[np.bool_], Array]:
        """Experts that a tile's inputs may choose, ``[K, T]``, and a lower bound on their gates, ``[T]``."""
        square = self.square
        if square.alice_scores_KA is None or square.bob_scores_KB is None:
            return np.ones((1, len(tiles.alice_T)), dtype=np.bool_), np.ones(len(tiles.alice_T))
        low_TK, high_TK = self._range(square.alice_scores_KA.T, square.bob_scores_KB.T, tiles)
        # The chosen score is at least the largest of the least ones.
        over_TK = high_TK - low_TK.max(1, keepdims=True) + 4 * square.folded.router_error
        powers_TK = np.exp(np.minimum(over_TK, 0) / square.folded.most)
        return (over_TK >= 0).T, 1 / powers_TK.sum(1)


def _lines(low_TF: Array, high_TF: Array, weight_F: Array) -> tuple[Array, Array]:
    """Slopes ``[T, F]`` and the constant ``[T]`` of a linear function that ``weight . relu(z)`` is no less than.

    ``z`` is between ``low`` and ``high``; the slopes include the weights.
    """
    bent_TF = (low_TF < 0) & (high_TF > 0)
    upper_TF = np.where(bent_TF, high_TF / np.where(bent_TF, high_TF - low_TF, 1), low_TF >= 0)
    # Of the lower lines the one that leaves the smaller triangle.
    lower_TF = np.where(bent_TF, high_TF > -low_TF, low_TF >= 0)
    slope_TF = np.where(weight_F > 0, lower_TF, upper_TF) * weight_F
    constant_T = (np.where(bent_TF & (weight_F < 0), -low_TF * upper_TF, 0) * weight_F).sum(1)
    return slope_TF, constant_T


def _quarters(tiles: Tiles) -> Tiles:
    alice_T = (2 * tiles.alice_T[:, None] + np.array([0, 0, 1, 1])).reshape(-1)
    bob_T = (2 * tiles.bob_T[:, None] + np.array([0, 1, 0, 1])).reshape(-1)
    return Tiles(alice_T, bob_T, tiles.bits - 1)
