"""Sizes of the hand-built models, against counting digits by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory.bounds import (
    dense_width,
    entropy_min_width,
    message_min_width,
    packed_bits,
    packed_digits,
    packed_neurons,
    packed_width,
)
from theory.errors import InputError


@given(st.integers(1, 300), st.integers(1, 40))
def test_digits_are_the_most_that_fit(r: int, bits: int) -> None:
    digits = packed_digits(r, bits)
    assert digits is not None
    assert digits <= r
    assert 3 ** (digits - 1) < 2**bits
    assert digits == r or 3**digits >= 2**bits


@given(st.integers(1, 300), st.integers(1, 40), st.integers(1, 5000))
def test_digits_fit_the_hidden_units_too(r: int, bits: int, neurons: int) -> None:
    digits = packed_digits(r, bits, neurons)
    fitting = [g for g in range(1, (packed_digits(r, bits) or 0) + 1) if packed_neurons(r, g) <= neurons]
    assert digits == max(fitting, default=None)


@given(st.integers(1, 300), st.integers(1, 12))
def test_width_is_the_blocks_and_the_answer(r: int, digits: int) -> None:
    blocks = {vertex // digits for vertex in range(r)}
    assert packed_width(r, digits) == len(blocks) + 1
    assert packed_neurons(r, digits) == len(blocks) * sum(2**place for place in range(digits))


@given(st.integers(1, 300), st.integers(1, 12))
def test_bits_hold_every_number_of_a_coordinate(r: int, digits: int) -> None:
    largest = sum(2 * 3**place for place in range(digits))
    assert largest < 2 ** (packed_bits(r, digits) - (r - 1).bit_length())


@given(st.integers(1, 600), st.integers(1, 30))
def test_no_lower_bound_rules_the_construction_out(r: int, bits: int) -> None:
    """Uniform attention, p-bit contributions: the state of the packed model is within what the bounds allow."""
    digits = packed_digits(r, bits)
    assert digits is not None
    blocks = packed_width(r, digits) - 1
    assert message_min_width(r, 1, bits, "uniform") <= blocks
    assert entropy_min_width(r, 1, bits, "uniform") <= blocks


def test_dense_is_one_coordinate_a_vertex() -> None:
    assert dense_width(34) == 34


def test_no_digit_is_refused() -> None:
    with pytest.raises(InputError, match="1 or more"):
        packed_width(8, 0)
