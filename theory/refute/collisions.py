"""From two sets with the same message, or nearly, to inputs that the model gets wrong.

Let ``i`` be in ``A`` and not in ``A'``. Any partner set ``b`` that holds ``i`` and meets ``A'`` nowhere makes the
right answers differ: "yes" for ``(A, b)``, "no" for ``(A', b)``. If the messages are the same, so are the model's
answers, and one of them is wrong. The same holds with the two sides exchanged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theory.instances import BoolArray
from theory.refute.problem import Array, IntArray, Problem
from theory.refute.result import Candidate, Collision, Side, Step, vertices

PARTNERS = 8
"""Partner sets of a pair: that many elements that tell its sets apart, alone and with random company."""
ALONE = 0.5
"""Share of the partners that are one element."""


@dataclass(frozen=True)
class SetPairs:
    """Pairs of sets of one ``side``, boolean ``[P, r]`` each."""

    side: Side
    first_PR: BoolArray
    second_PR: BoolArray

    def __len__(self) -> int:
        return len(self.first_PR)


def contributions(problem: Problem, side: Side) -> Array:
    """What each edge of one side adds to the sum, ``[r, C]``, in the units of the table."""
    half = slice(0, problem.r) if side == "alice" else slice(problem.r, 2 * problem.r)
    return problem.table.edges_2rC[half]


def integer_contributions(problem: Problem, side: Side) -> IntArray | None:
    """:func:`contributions` if the sums are sums of integers, without columns of zeros; else None.

    Alice's half of a table that rounds messages is not a sum.
    """
    if side == "alice" and problem.table.message_levels is not None:
        return None
    rows = contributions(problem, side)
    if (rows != np.rint(rows)).any() or np.abs(rows).sum(0).max(initial=0) >= 2**53:
        return None
    exact = rows.astype(np.int64)
    return exact[:, (exact != 0).any(0)]


def relations(side: Side, signs_PR: IntArray, rng: np.random.Generator) -> SetPairs:
    """Sets ``A``, ``A'`` from relations ``sum e_i z_i ~ 0`` with ``e`` in {-1, 0, 1}, ``[P, r]``.

    ``e_i = 1`` puts ``i`` into the first, ``-1`` into the second; elements with ``e_i = 0`` are in both or in none, at
    random, with a density of each relation's own.
    """
    both_PR = (signs_PR == 0) & (rng.random(signs_PR.shape) < rng.random((len(signs_PR), 1)))
    return SetPairs(side, (signs_PR == 1) | both_PR, (signs_PR == -1) | both_PR)


def residuals(problem: Problem, pairs: SetPairs) -> Array:
    """Largest difference of a coordinate of the two sums, ``[P]``."""
    signs_PR = pairs.first_PR.astype(np.float64) - pairs.second_PR
    return np.asarray(np.abs(signs_PR @ contributions(problem, pairs.side)).max(1, initial=0.0))


def distinct(pairs: SetPairs) -> SetPairs:
    """The pairs whose sets differ."""
    kept = (pairs.first_PR != pairs.second_PR).any(1)
    return SetPairs(pairs.side, pairs.first_PR[kept], pairs.second_PR[kept])


def try_pairs(problem: Problem, pairs: SetPairs, rng: np.random.Generator) -> Step:
    """Evaluate both sets of every pair with partners that tell them apart; the wrong answers are candidates.

    Of an exact collision both inputs are candidates where the logit is within the rounding error of 0: then the
    computation cannot say which of the two is the wrong one.
    """
    pairs = distinct(pairs)
    if not len(pairs):
        return Step(0)
    residual_P = residuals(problem, pairs)
    partner_QR, pair_Q, holds_Q = _partners(problem, pairs, rng)
    set_QR = np.where(holds_Q[:, None], pairs.first_PR[pair_Q], pairs.second_PR[pair_Q])
    lacks_QR = np.where(holds_Q[:, None], pairs.second_PR[pair_Q], pairs.first_PR[pair_Q])
    mine_BR = np.concatenate((set_QR, lacks_QR))
    theirs_BR = np.concatenate((partner_QR, partner_QR))
    pair_B = np.concatenate((pair_Q, pair_Q))
    alice_BR, bob_BR = (mine_BR, theirs_BR) if pairs.side == "alice" else (theirs_BR, mine_BR)
    margin_B = np.concatenate(
        [
            problem.margins(alice_BR[part : part + problem.batch], bob_BR[part : part + problem.batch])
            for part in range(0, len(alice_BR), problem.batch)
        ]
    )
    whole = integer_contributions(problem, pairs.side) is not None
    exact_B = (residual_P[pair_B] == 0) & whole
    suspect_B = (margin_B < 0) | (exact_B & (margin_B <= problem.errors.logit))
    worst = np.argsort(np.where(suspect_B, margin_B, np.inf))[: min(8, int(suspect_B.sum()))]
    candidates = tuple(
        Candidate(
            vertices(alice_BR[b]),
            vertices(bob_BR[b]),
            float(margin_B[b]),
            Collision(
                pairs.side,
                vertices(pairs.first_PR[pair_B[b]]),
                vertices(pairs.second_PR[pair_B[b]]),
                float(residual_P[pair_B[b]]),
                bool(exact_B[b]),
            ),
        )
        for b in worst
    )
    least = float(np.nanmin(margin_B, initial=np.inf))
    return Step(len(margin_B), candidates, least, float(residual_P.min()))


def _partners(problem: Problem, pairs: SetPairs, rng: np.random.Generator) -> tuple[BoolArray, IntArray, BoolArray]:
    """Partner sets ``[Q, r]``, the pair that each belongs to, and whether the pair's first set holds its element."""
    P, r = pairs.first_PR.shape
    differ_PR = pairs.first_PR != pairs.second_PR
    key_PR = np.where(differ_PR, rng.random((P, r)), 2.0)
    chosen_Pq = np.argsort(key_PR, axis=1)[:, : min(PARTNERS, r)]
    valid_Pq = np.take_along_axis(differ_PR, chosen_Pq, 1)
    pair_Q, at_Q = np.nonzero(valid_Pq)
    element_Q = chosen_Pq[pair_Q, at_Q]
    holds_Q = pairs.first_PR[pair_Q, element_Q]
    lacks_QR = np.where(holds_Q[:, None], pairs.second_PR[pair_Q], pairs.first_PR[pair_Q])
    company_Q = np.where(rng.random(len(pair_Q)) < ALONE, 0.0, rng.random(len(pair_Q)))
    partner_QR = (rng.random((len(pair_Q), r)) < company_Q[:, None]) & ~lacks_QR
    partner_QR[np.arange(len(pair_Q)), element_Q] = True
    return partner_QR, pair_Q, holds_Q
