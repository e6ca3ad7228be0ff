"""Nearest neighbours among the messages of random sets: near collisions of contributions that are no integers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.spatial import KDTree

from theory.instances import BoolArray
from theory.refute.collisions import SetPairs, try_pairs
from theory.refute.exhaustive import SIDES
from theory.refute.problem import Array, Problem
from theory.refute.result import Side, Step
from theory.table import Block, message_values

SETS = 2**13
"""Sets drawn at a time: their 2^25 pairs are looked at through a tree."""
TRIED = 128
"""The closest pairs, which are evaluated."""
ROUNDS = 24
DIRECTIONS = 8
"""A tree in more dimensions looks at every point."""


def neighbours(problem: Problem, rng: np.random.Generator) -> Iterator[Step]:
    """Random sets of either side in turn; each set's nearest neighbour, the closest pairs evaluated."""
    for round_ in range(ROUNDS):
        side = SIDES[round_ % 2]
        density_BR = rng.random((SETS, 1))
        member_BR = rng.random((SETS, problem.r)) < density_BR
        member_BR = np.unique(member_BR, axis=0)
        if len(member_BR) < 2:
            continue
        points_Bd = _points(problem, side, member_BR)
        distance_B2, nearest_B2 = map(np.asarray, KDTree(points_Bd).query(points_Bd, k=2))
        closest = np.argsort(distance_B2[:, 1])[:TRIED]
        pairs = SetPairs(side, member_BR[closest], member_BR[nearest_B2[closest, 1]])
        yield try_pairs(problem, pairs, rng)


def _points(problem: Problem, side: Side, member_BR: BoolArray) -> Array:
    """Messages in the directions in which they spread most, as the block weighs them, ``[batch, d]``."""
    table = problem.table
    half_BS = problem.alice(member_BR) if side == "alice" else problem.bob(member_BR)
    if side == "alice" and table.message_levels is not None:
        half_BS = message_values(half_BS, table.message_levels)
    if table.uniform and isinstance(table.block, Block):
        inner_KMF = table.block.inner_KMF
        half_BS = half_BS @ np.linalg.cholesky(_gram(inner_KMF))
    centred_BS = half_BS - half_BS.mean(0)
    values, directions = np.linalg.eigh(centred_BS.T @ centred_BS)
    return np.asarray(centred_BS @ directions[:, np.argsort(values)[-DIRECTIONS:]])


def _gram(inner_KMF: Array) -> Array:
    """``W1 W1^T`` of all experts, ``[M, M]``, with a little of the identity: it may have no full rank."""
    gram_MM = np.einsum("kmf,knf->mn", inner_KMF, inner_KMF)
    return np.asarray(gram_MM + (1e-9 * np.trace(gram_MM) + 1e-300) * np.eye(len(gram_MM)))
