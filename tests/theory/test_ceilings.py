"""Average-case ceilings: valid upper bounds, tight to the grid, and above the best codes there are."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, product

import mpmath
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from theory.bounds import (
    binary_entropy,
    binary_entropy_inverse,
    bits_of_count,
    index_ceiling,
    index_min_bits,
    index_min_width,
    index_suffices,
    message_log2,
    message_min_width,
    per_coordinate_bits,
    planted_ceiling,
    trivial_scheme,
)
from theory.bounds.ceilings import GRID_BITS
from theory.errors import InputError

HALF = Fraction(1, 2)
shares = st.fractions(0, 1, max_denominator=10**6)
bits_and_r = st.integers(1, 400).flatmap(lambda r: st.tuples(st.integers(0, r + 3), st.just(r)))


def best_index_error(r: int, message_bits: int) -> Fraction:
    """The least error of any one-way code for INDEX, over all codes.

    Whatever Alice says, Bob's best reply is a word of r bits for each message, and given the words Alice's best message
    is the nearest word; so a code is a choice of 2^M words.  Public randomness averages codes and cannot help.
    """
    words = np.array(list(product((0, 1), repeat=r)))
    distance = (words[:, None] != words[None]).sum(-1)
    codes = np.array(list(combinations(range(2**r), 2**message_bits)))
    return Fraction(int(distance[codes].min(axis=1).sum(axis=1).min()), r * 2**r)


def best_index_error_over_functions(r: int, message_bits: int) -> Fraction:
    """The same by trying every function from Alice's set to her message."""
    words = np.array(list(product((0, 1), repeat=r)))
    functions = np.array(list(product(range(2**message_bits), repeat=2**r)))
    wrong = 0
    for message in range(2**message_bits):
        ones = (functions == message) @ words
        size = (functions == message).sum(1, keepdims=True)
        wrong = wrong + np.minimum(ones, size - ones).sum(1)
    return Fraction(int(np.min(wrong)), r * 2**r)


CODES = [
    (3, 1, Fraction(1, 4)),
    (3, 2, Fraction(1, 6)),
    (3, 3, Fraction(0)),
    (4, 1, Fraction(5, 16)),
    (4, 2, Fraction(3, 16)),
    (4, 3, Fraction(1, 8)),
]


@pytest.mark.parametrize(("r", "message_bits", "error"), CODES)
def test_no_code_beats_the_ceiling(r: int, message_bits: int, error: Fraction) -> None:
    assert best_index_error(r, message_bits) == error
    assert 1 - error <= index_ceiling(message_bits, r)
    assert trivial_scheme(message_bits, r) <= 1 - error


@pytest.mark.parametrize(("r", "message_bits"), [(2, 1), (3, 1)])
def test_words_are_as_good_as_functions(r: int, message_bits: int) -> None:
    assert best_index_error_over_functions(r, message_bits) == best_index_error(r, message_bits)


@given(shares)
def test_binary_entropy_holds_the_value(x: Fraction) -> None:
    enclosure = binary_entropy(x)
    with mpmath.workprec(300):
        p = mpmath.mpf(x.numerator) / x.denominator
        truth = 0 if x in (0, 1) else -p * mpmath.log(p, 2) - (1 - p) * mpmath.log(1 - p, 2)
        low, high = (mpmath.mpf(end.numerator) / end.denominator for end in (enclosure.low, enclosure.high))
        assert low - mpmath.mpf(2) ** -280 <= truth <= high + mpmath.mpf(2) ** -280
    assert enclosure.width < Fraction(1, 2**120)


@given(shares)
def test_inverse_brackets_the_entropy(bits: Fraction) -> None:
    error = binary_entropy_inverse(bits)
    assert 0 <= error.low <= error.high <= HALF
    assert error.width <= Fraction(1, 2**GRID_BITS)
    assert binary_entropy(error.low).low <= bits <= binary_entropy(error.high).high


@pytest.mark.parametrize(("bits", "error"), [(0, 0), (1, HALF)])
def test_inverse_is_exact_at_the_ends(bits: int, error: Fraction) -> None:
    assert binary_entropy_inverse(bits).low == binary_entropy_inverse(bits).high == error


@given(bits_and_r)
def test_ceiling_is_an_upper_bound_and_tight(pair) -> None:
    message_bits, r = pair
    ceiling = index_ceiling(message_bits, r)
    assert HALF <= trivial_scheme(message_bits, r) <= ceiling <= 1
    if ceiling < 1:
        # At the ceiling r (1 - h2) is at least M; a little below it is not.
        assert r * (1 - binary_entropy(ceiling).low) >= message_bits
        below = max(HALF, ceiling - Fraction(1, 2**40))
        assert r * (1 - binary_entropy(below).high) <= message_bits


@given(bits_and_r)
def test_ceiling_rises_with_bits_and_falls_with_r(pair) -> None:
    message_bits, r = pair
    assert index_ceiling(message_bits, r) <= index_ceiling(message_bits + 1, r)
    assert index_ceiling(message_bits, r + 1) <= index_ceiling(message_bits, r)


def test_ceiling_at_the_ends() -> None:
    assert index_ceiling(0, 7) == HALF
    assert index_ceiling(7, 7) == index_ceiling(9, 7) == 1
    assert index_ceiling(Fraction(13, 2), 7) < 1


@given(st.integers(1, 200), st.fractions(HALF, 1, max_denominator=1000))
def test_min_bits_is_the_first_integer_not_excluded(r: int, accuracy: Fraction) -> None:
    needed = index_min_bits(accuracy, r)
    assert index_ceiling(needed, r) >= accuracy
    if needed > 0:
        # One bit less would need an accuracy that its ceiling excludes, up to the grid.
        assert index_ceiling(needed - 1, r) <= accuracy + Fraction(1, 2**42)
        assert r * (1 - binary_entropy(accuracy).high) > needed - 1


def test_min_bits_at_the_ends() -> None:
    assert index_min_bits(HALF, 50) == 0
    assert index_min_bits(Fraction(1), 50) == 50


@given(st.integers(2, 60), st.data())
def test_planted_is_index_with_fewer_coordinates(r: int, data) -> None:
    set_size, message_bits = data.draw(st.integers(1, r)), data.draw(st.integers(0, r))
    assert planted_ceiling(message_bits, r, set_size) == index_ceiling(message_bits, r - set_size + 1)
    assert planted_ceiling(message_bits, r, set_size) >= index_ceiling(message_bits, r)


def best_planted_accuracy(r: int, set_size: int, messages: np.ndarray) -> Fraction:
    """Bob's best accuracy on planted instances, given Alice's message for each of her 2^r sets ``[2^r]``."""
    sets = np.array(list(product((0, 1), repeat=r)))
    total, right = 0, 0
    for B in combinations(range(r), set_size):
        met = sets[:, B].sum(1)
        # A disjoint from B has weight k, A that meets B once weight 1: then both answers weigh the same.
        weight = np.where(met == 0, set_size, np.where(met == 1, 1, 0))
        for message in np.unique(messages):
            no, yes = (int(weight[(messages == message) & (met == hits)].sum()) for hits in (0, 1))
            right, total = right + max(no, yes), total + no + yes
    return Fraction(right, total)


@pytest.mark.parametrize(("r", "set_size"), [(4, 2), (5, 2), (5, 3), (6, 1)])
@pytest.mark.parametrize("kept", [1, 2])
def test_no_tried_message_beats_the_planted_ceiling(r: int, set_size: int, kept: int) -> None:
    generator = np.random.default_rng(0)
    sets = np.array(list(product((0, 1), repeat=r)))
    first_bits = sets[:, :kept] @ (1 << np.arange(kept))
    tried = [first_bits, sets.sum(1) % 2**kept, *generator.integers(0, 2**kept, (50, 2**r))]
    best = max(best_planted_accuracy(r, set_size, messages) for messages in tried)
    assert HALF < best <= planted_ceiling(kept, r, set_size)


@given(st.lists(st.fractions(0, HALF, max_denominator=100), min_size=1, max_size=12))
def test_per_coordinate_form_is_the_sharper(errors) -> None:
    spread = per_coordinate_bits(errors)
    mean = sum(errors) / len(errors)
    assert spread.high >= len(errors) * (1 - binary_entropy(mean).high)
    assert spread.width < Fraction(1, 2**100)


def test_per_coordinate_of_stored_bits() -> None:
    assert per_coordinate_bits([0, 0, HALF]).low == 2


@given(st.integers(1, 300), st.integers(1, 3), st.integers(1, 12), st.fractions(HALF, 1, max_denominator=100))
def test_width_at_an_accuracy(r: int, heads: int, bits: int, accuracy: Fraction) -> None:
    width = index_min_width(accuracy, r, heads, bits)
    assert width <= message_min_width(r, heads, bits)
    assert index_suffices(accuracy, r, heads, bits, width)
    assert index_ceiling(message_log2(r, heads, bits, width).high, r) >= accuracy
    if width > 1:
        assert not index_suffices(accuracy, r, heads, bits, width - 1)
        ceiling = index_ceiling(message_log2(r, heads, bits, width - 1).high, r)
        assert ceiling <= accuracy + Fraction(1, 2**42)


@given(st.integers(1, 2**100))
@example(2**97 - 1)
def test_bits_of_a_count_round_up(messages: int) -> None:
    bits = bits_of_count(messages)
    assert bits >= 0
    assert 2 ** int(8 * bits + 1) >= messages**8
    assert 2 ** int(8 * bits) * 2**50 <= messages**8 * (2**50 + 1)  # up, by less than the 50th digit


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: index_ceiling(-1, 5), "0 or more"),
        (lambda: index_ceiling(1, 0), "1 or more"),
        (lambda: planted_ceiling(1, 5, 6), "1 to 5"),
        (lambda: planted_ceiling(1, 5, 0), "1 to 5"),
        (lambda: binary_entropy(Fraction(3, 2)), "0 to 1"),
        (lambda: binary_entropy_inverse(2), "0 to 1"),
        (lambda: index_min_bits(Fraction(1, 4), 5), "0.5 to 1"),
        (lambda: per_coordinate_bits([Fraction(-1, 5)]), "0 to 1"),
    ],
)
def test_bad_input_is_refused(call, words: str) -> None:
    with pytest.raises(InputError, match=words):
        call()
