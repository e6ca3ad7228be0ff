"""The log-determinant bound: exact determinant, never below the true entropy, never wrong about a model."""

from __future__ import annotations

from itertools import product

import mpmath
import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from theory.bounds import (
    entropy_bits,
    entropy_min_width,
    entropy_rules_out,
    entropy_suffices,
    entropy_worst_case_bits,
    message_min_width,
)
from theory.errors import InputError

sizes = st.tuples(st.integers(1, 2000), st.integers(1, 6), st.integers(1, 20))


@st.composite
def contributions(draw, largest: int = 6) -> np.ndarray:
    r, k = draw(st.integers(1, 8)), draw(st.integers(1, 4))
    rows = draw(st.lists(st.lists(st.integers(-largest, largest), min_size=k, max_size=k), min_size=r, max_size=r))
    return np.array(rows)


def messages(Z: np.ndarray) -> np.ndarray:
    return np.array(list(product((0, 1), repeat=len(Z)))) @ Z


@given(contributions())
def test_a_ruled_out_model_has_two_sets_with_one_message(Z: np.ndarray) -> None:
    if entropy_rules_out(Z):
        assert len(np.unique(messages(Z), axis=0)) < 2 ** len(Z)


@given(contributions(largest=200))
def test_bits_are_never_below_the_entropy_of_the_message(Z: np.ndarray) -> None:
    _, counts = np.unique(messages(Z), axis=0, return_counts=True)
    shares = counts / counts.sum()
    entropy = -(shares * np.log2(shares)).sum()
    assert entropy <= float(entropy_bits(Z).high) + 1e-9


def test_it_rules_out_a_model_that_has_room_to_count() -> None:
    """All contributions equal: r + 1 sums of up to r, spread like a binomial."""
    Z = np.ones((40, 1), dtype=int)
    assert entropy_rules_out(Z)
    assert float(entropy_bits(Z).high) < 4.5 < np.log2(41)


def test_it_lets_one_hot_contributions_pass() -> None:
    assert not entropy_rules_out(np.eye(12, dtype=int))
    assert not entropy_rules_out(np.array([[2**i] for i in range(30)]))


@given(contributions(largest=3))
def test_the_verdict_is_that_of_all_columns_together(Z: np.ndarray) -> None:
    bits = entropy_bits(Z, precision=200)
    assert not bits.low < len(Z) <= bits.high
    assert entropy_rules_out(Z) == (bits.high < len(Z))


def test_wide_models_are_decided_by_their_first_columns() -> None:
    Z = np.random.default_rng(0).integers(-(2**31), 2**31, (128, 65))
    assert not entropy_rules_out(Z)


@given(contributions(largest=50))
def test_bits_agree_with_a_floating_determinant(Z: np.ndarray) -> None:
    Z = Z[:, np.any(Z != 0, axis=0)]
    k = Z.shape[1]
    _, logarithm = np.linalg.slogdet(Z.T @ Z / 4 + np.eye(k) / 12)
    expected = (k * np.log2(2 * np.pi * np.e) + logarithm / np.log(2)) / 2
    assert float(entropy_bits(Z).low) == pytest.approx(expected, abs=1e-6)


@given(contributions())
def test_zero_columns_do_not_count(Z: np.ndarray) -> None:
    padded = np.concatenate([Z, np.zeros((len(Z), 2), dtype=int)], axis=1)
    assert entropy_bits(padded) == entropy_bits(Z)


def test_determinant_is_exact_beyond_64_bits() -> None:
    Z = np.array([[2**40, 2**40 - 1], [2**40 + 1, 2**40]])
    matrix = sympy.Matrix(Z.tolist())
    determinant = (matrix.T * matrix / 4 + sympy.eye(2) / 12).det()
    with mpmath.workprec(400):
        truth = (
            2 * mpmath.log(2 * mpmath.pi * mpmath.e, 2) + mpmath.log(mpmath.mpf(str(determinant.evalf(120))), 2)
        ) / 2
        enclosure = entropy_bits(Z, precision=200)
        assert mpmath.mpf(enclosure.low.numerator) / enclosure.low.denominator <= truth
        assert truth <= mpmath.mpf(enclosure.high.numerator) / enclosure.high.denominator
    assert entropy_bits(Z.astype(object)) == entropy_bits(Z)


@given(sizes, st.sampled_from(["softmax", "uniform"]))
def test_min_width_is_the_first_not_ruled_out(size, attention) -> None:
    r, heads, bits = size
    width = entropy_min_width(r, heads, bits, attention)
    assert entropy_suffices(r, heads, bits, width, attention)
    assert width == 1 or not entropy_suffices(r, heads, bits, width - 1, attention)


@given(sizes)
def test_min_width_agrees_with_mpmath_away_from_ties(size) -> None:
    r, heads, bits = size
    with mpmath.workprec(200):
        largest = mpmath.mpf(2) ** bits - 1
        unit = 2 * mpmath.pi * mpmath.e
        weight = mpmath.log(unit * (r * largest**2 / 4 + mpmath.mpf(1) / 12), 2) / 2
        value = mpmath.log(unit * (r * largest**4 / 4 + mpmath.mpf(1) / 12), 2) / 2
        real = (r - heads * weight) / value
    if abs(real - round(real)) > 1e-9:
        assert entropy_min_width(r, heads, bits) == max(1, int(mpmath.ceil(real)))


@given(sizes)
def test_monotone_in_bits_heads_and_vertices(size) -> None:
    r, heads, bits = size
    width = entropy_min_width(r, heads, bits)
    assert entropy_min_width(r, heads, bits + 1) <= width
    assert entropy_min_width(r, heads + 1, bits) <= width
    assert entropy_min_width(2 * r, heads, bits) >= width


@pytest.mark.parametrize(("r", "heads", "bits", "width"), [(1, 1, 1, 1), (3, 2, 1, 4), (50, 1, 4, 7)])
def test_worst_case_bits_hold_the_formula(r: int, heads: int, bits: int, width: int) -> None:
    with mpmath.workprec(300):
        largest, unit = mpmath.mpf(2) ** bits - 1, 2 * mpmath.pi * mpmath.e
        coordinate = [mpmath.log(unit * (r * q**2 / 4 + mpmath.mpf(1) / 12), 2) / 2 for q in (largest, largest**2)]
        for truth, attention in (
            (heads * coordinate[0] + width * coordinate[1], "softmax"),
            (width * coordinate[0], "uniform"),
        ):
            held = entropy_worst_case_bits(r, heads, bits, width, attention)
            assert mpmath.mpf(held.low.numerator) / held.low.denominator <= truth
            assert truth <= mpmath.mpf(held.high.numerator) / held.high.denominator


def test_sharper_than_counting_on_large_graphs() -> None:
    assert entropy_min_width(1022, 1, 8) > message_min_width(1022, 1, 8)


@pytest.mark.parametrize("seed", range(4))
def test_worst_case_dominates_every_model_of_that_precision(seed: int) -> None:
    generator = np.random.default_rng(seed)
    r, bits, heads, width = 9, 3, 2, 4
    weights = generator.integers(0, 2**bits, (2, r, heads))
    values = generator.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), (2, r, heads, width // heads))
    rows = np.concatenate([weights, (weights[..., None] * values).reshape(2, r, width)], axis=-1)
    given_model = entropy_bits(rows[1] - rows[0])
    assert given_model.low <= entropy_worst_case_bits(r, heads, bits, width).high


@pytest.mark.parametrize(
    ("Z", "words"),
    [([[0.5, 1.0]], "integers"), ([1, 2, 3], "matrix"), (np.zeros((0, 2), dtype=int), "matrix"), ([["a"]], "integers")],
)
def test_bad_contributions_are_refused(Z, words: str) -> None:
    with pytest.raises(InputError, match=words):
        entropy_rules_out(Z)


def test_a_model_that_sends_nothing_is_ruled_out() -> None:
    assert entropy_rules_out(np.zeros((1, 3), dtype=int))
