"""Relations between contributions: found where counting says there are some, and each one checked in integers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from test_rule_out import integer_table

from theory.bounds import entropy_rules_out
from theory.refute.birthday import birthday, zero_sums
from theory.refute.collisions import SetPairs, integer_contributions, relations, residuals, try_pairs
from theory.refute.exhaustive import by_doubling, exhaustive
from theory.refute.lattice import lattice, short_signs
from theory.refute.problem import IntArray, Problem
from theory.refute.result import Method, Step
from theory.table import ForeignBlock, OneLayerTable


def random_problem(r: int, bits: int, columns: int, seed: int = 0) -> tuple[Problem, IntArray]:
    Z = np.random.default_rng(seed).integers(0, 2**bits, size=(2 * r, columns))
    return Problem(integer_table(Z)), Z


def first_collision(steps: Iterator[Step], most: int) -> Step:
    for _, step in zip(range(most), steps, strict=False):
        if step.residual == 0:
            return step
    pytest.fail(f"no exact collision in {most} steps")


@pytest.mark.parametrize(
    ("method", "r", "bits", "columns"),
    [
        (exhaustive, 12, 3, 2),
        (exhaustive, 16, 12, 1),
        (birthday, 24, 4, 3),
        (birthday, 48, 12, 3),
        (lattice, 12, 3, 2),
        (lattice, 64, 1, 20),
        (lattice, 64, 6, 7),
        (lattice, 64, 18, 3),
    ],
)
def test_an_exact_collision_is_found_below_the_entropy_bound(method: Method, r: int, bits: int, columns: int) -> None:
    problem, Z = random_problem(r, bits, columns)
    assert entropy_rules_out(Z[:r])
    step = first_collision(method(problem, np.random.default_rng(1)), 400)
    exact = [c for c in step.candidates if c.collision is not None and c.collision.exact]
    assert exact
    for candidate in exact:
        pair = candidate.collision
        assert pair is not None and pair.first != pair.second and pair.residual == 0
        rows = Z[:r] if pair.side == "alice" else Z[r:]
        sums = [rows[[i - 1 for i in members]].sum(0) for members in (pair.first, pair.second)]
        assert (sums[0] == sums[1]).all()
        mine, theirs = (candidate.alice, candidate.bob) if pair.side == "alice" else (candidate.bob, candidate.alice)
        assert mine in (pair.first, pair.second)
        meets = [bool(set(members) & set(theirs)) for members in (pair.first, pair.second)]
        assert sorted(meets) == [False, True]  # the partner tells the two sets apart


@pytest.mark.parametrize("method", [exhaustive, birthday, lattice])
def test_no_exact_collision_where_all_sums_differ(method: Method) -> None:
    problem = Problem(integer_table(np.concatenate([3 ** np.arange(12)[:, None]] * 2)))
    for _, step in zip(range(120), method(problem, np.random.default_rng(0)), strict=False):
        assert step.residual > 0
        assert not any(c.collision is not None and c.collision.exact for c in step.candidates)


def test_both_inputs_of_an_exact_collision_are_candidates_at_margin_zero() -> None:
    """A logit of 0 within an error of 1: the computation cannot say which of the two is wrong, the replay can."""
    table = integer_table(np.ones((4, 1), dtype=int), ForeignBlock(lambda x: np.zeros(len(x)), 1.0))  # type: ignore[arg-type]
    pairs = SetPairs("alice", np.array([[True, False]]), np.array([[False, True]]))
    step = try_pairs(Problem(table), pairs, np.random.default_rng(0))
    answers = {(c.alice, c.bob) for c in step.candidates}
    assert {((1,), (1,)), ((2,), (1,))} <= answers


def test_zero_sums_are_relations() -> None:
    rows = np.random.default_rng(0).integers(0, 50, size=(20, 2))
    steps = zero_sums(rows, 12, np.random.default_rng(1))
    while True:
        try:
            next(steps)
        except StopIteration as end:
            signs = end.value
            break
    assert len(signs) and (signs @ rows == 0).all() and (np.abs(signs) <= 1).all() and signs.any(1).all()


def test_short_signs_are_small_and_not_all_zero() -> None:
    rows = np.random.default_rng(0).integers(0, 100, size=(20, 1))
    signs = short_signs(rows * 64)
    assert len(signs) and (np.abs(signs) <= 1).all() and signs.any(1).all()
    assert (signs @ rows == 0).any()


def test_relations_become_sets_with_the_same_difference() -> None:
    signs = np.array([[1, 0, -1, 0, 0, 1]])
    pairs = relations("bob", np.repeat(signs, 50, axis=0), np.random.default_rng(0))
    assert (pairs.first_PR.astype(int) - pairs.second_PR == signs).all()
    assert 0 < (pairs.first_PR & pairs.second_PR).mean() < 0.5  # elements in both sets, at random
    problem, Z = random_problem(6, 4, 2)
    assert (residuals(problem, pairs) == np.abs(signs[0] @ Z[6:]).max()).all()


def test_doubling_sums_every_subset() -> None:
    weights = np.array([1, 10, 100], dtype=np.uint64)
    assert by_doubling(weights).tolist() == [0, 1, 10, 11, 100, 101, 110, 111]


def test_only_integers_are_taken_for_integers() -> None:
    table: OneLayerTable = integer_table(np.array([[1, 0], [2, 0], [1, 3], [1, 1]]))
    assert np.array_equal(integer_contributions(Problem(table), "alice"), [[1], [2]])  # a column of zeros is left out
    assert np.array_equal(integer_contributions(Problem(table), "bob"), [[1, 3], [1, 1]])
    table.edges_2rC[0, 0] = 0.5
    assert integer_contributions(Problem(table), "alice") is None
    assert integer_contributions(Problem(table), "bob") is not None
