"""Pairs that a Soft MoE layer cannot tell apart, recomputed in loops at 60 digits and in fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from soft_moe_layers import Numbers, differences, gaussian

from theory.errors import InputError
from theory.soft_moe import SlotVectors, Verdict, Witness, apart, witnesses

STATEMENTS = (
    "chung-one-expert",
    "own-soft-orthogonal",
    "own-soft-few-slots",
    "own-soft-many-slots",
    "own-soft-collinear",
)


def verdict(slots: SlotVectors, tokens: int, name: str, size: float = 100.0) -> Verdict:
    return next(item for item in witnesses(slots, tokens, size) if item.statement == name)


def pair(slots: SlotVectors, tokens: int, name: str, size: float = 100.0) -> Witness:
    found = verdict(slots, tokens, name, size).witness
    assert found is not None
    return found


small = st.floats(-3, 3, allow_nan=False, width=32)
slot_vectors = st.builds(
    SlotVectors,
    st.tuples(st.integers(1, 4), st.integers(1, 6)).flatmap(lambda shape: arrays(np.float64, shape, elements=small)),
    st.sampled_from(("plain", "normalised")),
    st.floats(-4, 4, allow_nan=False),
)


@settings(max_examples=25, deadline=None)
@given(slot_vectors, st.integers(2, 4), st.sampled_from((0.5, 3.0, 100.0)))
def test_every_pair_is_within_its_bounds_when_recomputed_at_60_digits(
    slots: SlotVectors, tokens: int, size: float
) -> None:
    for item in witnesses(slots, tokens, size):
        if item.witness is None:
            continue
        assert item.covers
        slot, combine = differences(item.witness.first, item.witness.second, slots)
        assert slot <= item.witness.slots_differ + 1e-50
        assert combine <= item.witness.combine_differ + 1e-50
        if item.witness.exact:  # what is left is the rounding of the pair, seen by slot vectors of norm 6 at most
            assert item.witness.slots_differ <= 1e-13 * size * (1 + size)
            assert item.witness.combine_differ <= 1e-13 * (1 + size)


@settings(max_examples=60, deadline=None)
@given(slot_vectors)
def test_which_statements_cover_is_what_the_ranks_say(slots: SlotVectors) -> None:
    fractions = [[Fraction(float(value)) for value in row] for row in slots.vectors.T]
    spans = rank(fractions) == slots.width
    affine = rank([[p - q for p, q in zip(row, fractions[0], strict=True)] for row in fractions]) == slots.width
    covers = {item.statement: item.covers for item in witnesses(slots, 3)}
    unscaled = slots.normalised and slots.scale == 0
    assert covers["own-soft-orthogonal"] == (not spans or unscaled)
    if slots.normalised:
        assert covers["own-soft-few-slots"] or slots.count > slots.width
    else:
        assert covers["own-soft-few-slots"] == (not affine)
    assert covers["own-soft-many-slots"] == (affine and not slots.normalised)
    assert covers["own-soft-collinear"] == slots.normalised
    assert covers["chung-one-expert"] == (slots.count == 1)


def rank(rows: list[list[Fraction]]) -> int:
    """By elimination in fractions."""
    rows, done = [row[:] for row in rows], 0
    for column in range(len(rows[0])):
        pivot = next((i for i in range(done, len(rows)) if rows[i][column]), None)
        if pivot is None:
            continue
        rows[done], rows[pivot] = rows[pivot], rows[done]
        for i in range(done + 1, len(rows)):
            factor = rows[i][column] / rows[done][column]
            rows[i] = [p - factor * q for p, q in zip(rows[i], rows[done], strict=True)]
        done += 1
    return done


@pytest.mark.parametrize("logits", ["plain", "normalised"])
@pytest.mark.parametrize(("width", "count"), [(1, 1), (3, 3), (5, 2), (16, 16)])
def test_few_slots_give_one_output_at_every_size(width: int, count: int, logits: str) -> None:
    slots = gaussian(3, width, count, logits, 2.5)
    zero = np.zeros((3, width))
    for size in (1e-3, 0.1, 1.0, 7.0, 100.0):
        found = pair(slots, 3, "own-soft-few-slots", size)
        assert np.linalg.norm(found.first, axis=1).max() == pytest.approx(size, rel=1e-12)
        assert not found.second.any()
        slot, combine = differences(found.first, zero, slots)
        assert slot <= 1e-12 * size
        assert combine <= 1e-12


@pytest.mark.parametrize(
    ("slots", "name"),
    [
        (gaussian(0, 4, 3), "own-soft-orthogonal"),
        (gaussian(0, 4, 3, "normalised", 3.0), "own-soft-orthogonal"),
        (gaussian(1, 3, 3), "own-soft-few-slots"),
        (gaussian(1, 3, 3, "normalised", 3.0), "own-soft-few-slots"),
        (gaussian(2, 1, 1), "chung-one-expert"),
        (gaussian(5, 3, 9, "normalised", 3.0), "own-soft-collinear"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.logits,
)
def test_a_perturbed_pair_is_told_apart(slots: SlotVectors, name: str) -> None:
    found = pair(slots, 3, name, 1e4 if name == "own-soft-collinear" else 2.0)
    for token in range(2):
        moved = found.first.copy()
        moved[token] *= 1.01
        step = 1e-4 * np.abs(found.first[token]).max()
        assert max(found.slots_differ, found.combine_differ) < step / 1000
        assert differences(moved, found.second, slots)[0] > step
        assert apart(moved, found.second, slots)[0] > step


def test_a_nearly_deficient_matrix_counts_as_what_it_is() -> None:
    """One last bit makes three vectors span space; floating point sees a rank of 2."""
    flat = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0], [1.0, 1.0, 2.0]])
    full = flat.copy()
    full[2, 2] = np.nextafter(2.0, 3.0)
    assert np.linalg.matrix_rank(full) == 2
    assert verdict(SlotVectors(flat, "plain"), 2, "own-soft-orthogonal").covers
    assert not verdict(SlotVectors(full, "plain"), 2, "own-soft-orthogonal").covers


@pytest.mark.parametrize("name", ["own-soft-orthogonal", "own-soft-few-slots", "own-soft-collinear"])
def test_no_common_answer_beats_the_least_errors(name: str) -> None:
    found = pair(gaussian(7, 5, 3, "normalised", 2.0), 4, name, 3.0)
    frobenius = [np.linalg.norm(x) for x in (found.first, found.second)]
    largest = [np.linalg.norm(x, axis=1).max() for x in (found.first, found.second)]
    expected = {
        "Frobenius norm": frobenius,
        "largest token norm": largest,
        "squared Frobenius norm": [value**2 for value in frobenius],
    }
    assert [error.target for error in found.errors] == list(expected)
    for error in found.errors:
        first, second = expected[error.target]
        assert (error.first, error.second) == pytest.approx((first, second), rel=1e-12)
        answers = np.linspace(0, 2 * first, 20001)
        absolute = np.maximum(abs(answers - first), abs(answers - second))
        assert error.absolute * (1 - 1e-12) <= absolute.min() <= error.absolute + first / 5000
        if second:
            relative = np.maximum(abs(answers - first) / first, abs(answers - second) / second)
            assert error.relative <= relative.min() <= error.relative + 1e-3
        else:
            assert error.relative == 1


@pytest.mark.parametrize("tokens", [2, 3, 16])
def test_the_collinear_ratio_is_that_of_the_statement(tokens: int) -> None:
    found = pair(gaussian(8, 3, 12, "normalised"), tokens, "own-soft-collinear", 50.0)
    L = 100 * tokens  # in units of the shortest token
    rho = np.sqrt(tokens * ((L - tokens + 1) ** 2 + tokens - 1)) / L
    assert found.errors[0].relative == pytest.approx((rho - 1) / (rho + 1), rel=1e-12)
    assert found.errors[1].relative == pytest.approx(
        (tokens * (L - tokens + 1) - L) / (tokens * (L - tokens + 1) + L), rel=1e-12
    )
    assert not found.exact


def test_eps_shows_less_in_longer_tokens() -> None:
    slots = gaussian(8, 3, 12, "normalised", 4.0)
    left = [pair(slots, 3, "own-soft-collinear", size).slots_differ / size for size in (10.0, 100.0, 1000.0)]
    assert left[1] == pytest.approx(left[0] / 100, rel=0.1)
    assert left[2] == pytest.approx(left[1] / 100, rel=0.1)


def test_the_eps_bound_of_the_derivation() -> None:
    slots = gaussian(8, 3, 12, "normalised", 4.0)
    found = pair(slots, 3, "own-soft-collinear", 100.0)
    delta = 4.0 * 1e-6 / 2  # shortest token 1
    assert 0 < found.slots_differ <= np.expm1(2 * delta) * 100
    assert 0 < found.combine_differ <= np.expm1(2 * delta)


def test_one_token_loses_nothing() -> None:
    for slots in (gaussian(0, 3, 1), gaussian(0, 3, 1, "normalised")):
        assert [(item.statement, item.covers, item.witness) for item in witnesses(slots, 1)] == [
            (name, False, None) for name in STATEMENTS
        ]


@pytest.mark.parametrize("factor", [1e-300, 1e-30, 1e30, 1e300])
def test_huge_and_tiny_slot_vectors(factor: float) -> None:
    for logits in ("plain", "normalised"):
        slots = SlotVectors(gaussian(9, 3, 3).vectors * factor, logits)
        found = pair(slots, 3, "own-soft-few-slots", 1.0)
        assert found.slots_differ < 1e-13
        assert 0 <= found.combine_differ <= 1


@pytest.mark.parametrize(
    ("vectors", "logits", "tokens", "size", "message"),
    [
        (np.zeros(3), "plain", 2, 1.0, "slot vectors of shape"),
        (np.zeros((3, 0)), "plain", 2, 1.0, "slot vectors of shape"),
        (np.array([["a"]]), "plain", 2, 1.0, "give a matrix of real numbers"),
        (np.array([[np.nan]]), "plain", 2, 1.0, "not finite"),
        (np.array([[2**53 + 1]]), "plain", 2, 1.0, "type int64 that float64 does not hold"),
        (np.array([[2**64 - 1]], np.uint64), "plain", 2, 1.0, "type uint64 that float64 does not hold"),
        (np.array([[10]], np.longdouble) ** 4000, "plain", 2, 1.0, "not finite|does not hold"),
        (np.ones((2, 2)), "cosine", 2, 1.0, "give one of plain, normalised"),
        (np.ones((2, 2)), "plain", 0, 1.0, "0 tokens"),
        (np.ones((2, 2)), "plain", 2, 0.0, "size 0.0"),
        (np.ones((2, 2)), "plain", 2, float("nan"), "size nan"),
        (np.ones((2, 2)), "plain", 2**20, 1.0, "at most 1048576"),
    ],
)
def test_bad_input_is_refused_in_one_line(
    vectors: Numbers, logits: str, tokens: int, size: float, message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        witnesses(SlotVectors(vectors, logits), tokens, size)
    assert "\n" not in str(caught.value)
