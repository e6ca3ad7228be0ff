"""Short relations between contributions by lattice reduction, at several scales.

The rows of ``[I | scale Z]`` span a lattice whose short vectors ``(e, scale sum e_i z_i)`` are relations with small
coefficients and a small residual.  Reduction (LLL, by flint) balances the two: at a coarse scale coefficients stay in
{-1, 0, 1} and the residual is large, at a fine one the residual vanishes and coefficients grow.  So several scales are
tried, on random subsets of the rows in random order, and sums and differences of the shortest rows as well.
"""

from __future__ import annotations

from collections.abc import Iterator

import flint
import numpy as np

from theory.refute.collisions import SetPairs, contributions, integer_contributions, relations, residuals, try_pairs
from theory.refute.exhaustive import SIDES
from theory.refute.problem import Array, IntArray, Problem
from theory.refute.result import Side, Step

MOST_ROWS = 128
"""Rows reduced at a time: some 70 ms.  Beyond, coefficients leave {-1, 0, 1} before the residual is small."""
MOST_COLUMNS = 96
COMBINED = 64
"""Shortest rows whose sums and differences are tried."""
ROUNDS = 2000
IDLE = 40
TRIED = 64
"""Relations with the least residuals, which are evaluated."""
EXACT_SCALES = (6, 2, 0)
"""Powers of two for integer contributions."""
NEAR_SCALES = (4, 2, 6, 0, 8)
"""Powers of two, in units of the typical contribution."""


def lattice(problem: Problem, rng: np.random.Generator) -> Iterator[Step]:
    """Relations of both sides in turn, scale by scale, until :data:`IDLE` reductions in a row had none to offer."""
    idle = 0
    for round_ in range(ROUNDS):
        for side in SIDES:
            exact = integer_contributions(problem, side)
            scales = NEAR_SCALES if exact is None else (*EXACT_SCALES, *(-s for s in NEAR_SCALES[:2]))
            step = _reduce(problem, side, exact, scales[round_ % len(scales)], rng)
            idle = 0 if step.evaluations else idle + 1
            yield step
            if idle == IDLE:
                return


def _reduce(problem: Problem, side: Side, exact: IntArray | None, power: int, rng: np.random.Generator) -> Step:
    rows = rng.permutation(problem.r)[: rng.integers(min(problem.r, 24), min(problem.r, MOST_ROWS) + 1)]
    scaled = _scaled(contributions(problem, side)[rows] if exact is None else exact[rows], exact is not None, power)
    short = short_signs(scaled)
    if not len(short):
        return Step(0)
    signs_PR = np.zeros((len(short), problem.r), dtype=np.int64)
    signs_PR[:, rows] = short
    pairs = relations(side, signs_PR, rng)
    kept = np.argsort(residuals(problem, pairs), kind="stable")[:TRIED]
    return try_pairs(problem, SetPairs(side, pairs.first_PR[kept], pairs.second_PR[kept]), rng)


def _scaled(rows_nk: Array | IntArray, whole: bool, power: int) -> IntArray:
    """Integers for the lattice ``[n, k]``; of many columns those with the largest spread."""
    spread_k = np.abs(rows_nk).sum(0)
    rows_nk = rows_nk[:, np.argsort(-spread_k)[:MOST_COLUMNS]]
    if whole and power >= 0:
        return (rows_nk * 2**power).astype(np.int64)
    unit = float(np.abs(rows_nk).mean()) or 1.0
    return np.rint(rows_nk / unit * 2 ** abs(power)).astype(np.int64)


def short_signs(rows_nk: IntArray) -> IntArray:
    """Coefficients in {-1, 0, 1}, not all 0, of short vectors of the lattice of ``[I | rows]``: ``[found, n]``."""
    n = len(rows_nk)
    basis = np.concatenate((np.eye(n, dtype=np.int64), rows_nk), axis=1)
    reduced = flint.fmpz_mat(basis.tolist()).lll().tolist()
    coefficients = np.array([[min(max(int(c), -9), 9) for c in row[:n]] for row in reduced], dtype=np.int64)
    length = np.array([sum(int(c) ** 2 for c in row) for row in reduced], dtype=np.float64)
    shortest = coefficients[np.argsort(length, kind="stable")[:COMBINED]]
    i, j = np.triu_indices(len(shortest), 1)
    found = np.concatenate((coefficients, shortest[i] + shortest[j], shortest[i] - shortest[j]))
    return np.unique(found[(np.abs(found) <= 1).all(1) & found.any(1)], axis=0)
