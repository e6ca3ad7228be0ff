"""Random pairs of sets: the baseline that a cleverer method has to beat."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from theory.instances import BoolArray, Pairs
from theory.refute.problem import Problem
from theory.refute.result import Step, wrong_inputs

BATCH = 64
ROUNDS = 1024
"""Batches until the scheduler moves on."""

DENSE_SHARE = 0.25
"""Share of the pairs that may have any overlap; the others share one element at most."""


def random_pairs(rng: np.random.Generator, batch: int, r: int) -> Pairs:
    """Pairs ``[batch, r]`` of all densities: half of them disjoint, most others with one shared element.

    A pair has its own share of elements for each set, uniform in (0, 1).  The answer of a pair with one shared element
    hangs on a single vertex, so that models err there first.
    """
    share_B2 = rng.random((batch, 2, 1))
    bob_BR = rng.random((batch, r)) < share_B2[:, 0]
    alice_BR = rng.random((batch, r)) < share_B2[:, 1]
    dense_B = rng.random(batch) < DENSE_SHARE
    alice_BR &= ~bob_BR | dense_B[:, None]
    plant_shared(rng, alice_BR, bob_BR, np.flatnonzero(rng.random(batch) < 0.5))
    return Pairs(alice_BR, bob_BR)


def fitting_pairs(problem: Problem, rng: np.random.Generator, batch: int) -> Pairs:
    """:func:`random_pairs`, those with more edges than the model has slots cut down to some of the vertices."""
    pairs = random_pairs(rng, batch, problem.r)
    large = np.flatnonzero(~problem.fits(pairs.alice_BR, pairs.bob_BR))
    if len(large):
        kept = min(problem.r, problem.table.edge_slots // 2)
        rank_LR = rng.random((len(large), problem.r)).argsort(1).argsort(1)
        pairs.alice_BR[large] &= rank_LR < kept
        pairs.bob_BR[large] &= rank_LR < kept
    return pairs


def plant_shared(rng: np.random.Generator, alice_BR: BoolArray, bob_BR: BoolArray, rows: np.ndarray) -> None:
    """Put one random element into both sets of the given rows, in place."""
    vertex = rng.integers(0, alice_BR.shape[1], size=len(rows))
    alice_BR[rows, vertex] = bob_BR[rows, vertex] = True


def sampling(problem: Problem, rng: np.random.Generator) -> Iterator[Step]:
    """Evaluate :func:`fitting_pairs`, a batch at a time."""
    for _ in range(ROUNDS):
        pairs = fitting_pairs(problem, rng, min(problem.batch, BATCH))
        margin_B = problem.margins(pairs.alice_BR, pairs.bob_BR)
        yield Step(
            len(pairs), wrong_inputs(pairs.alice_BR, pairs.bob_BR, margin_B), float(np.nanmin(margin_B, initial=np.inf))
        )
