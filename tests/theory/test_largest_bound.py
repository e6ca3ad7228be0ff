"""The width bound read backwards agrees with the bound itself, size by size."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory.bounds import message_count, message_min_width, packed_digits, packed_width
from theory.bounds.largest import largest_packed_vertices, largest_vertices
from theory.errors import InputError

SMALL = st.integers(1, 6)


@given(width=SMALL, heads=SMALL, bits=st.integers(1, 5), attention=st.sampled_from(["softmax", "uniform"]))
def test_is_the_last_size_with_enough_messages(width, heads, bits, attention):
    r = largest_vertices(width, heads, bits, attention) - 2
    enough = [message_count(n, heads, bits, width, attention) >= 2**n for n in range(1, 2 * r + 40)]
    assert enough == [n <= r for n in range(1, 2 * r + 40)]


@given(width=st.integers(1, 5000), heads=st.integers(1, 64), bits=st.integers(1, 64))
def test_inverts_the_least_width(width, heads, bits):
    r = largest_vertices(width, heads, bits) - 2
    assert message_min_width(r, heads, bits) <= width < message_min_width(r + 1, heads, bits)


@given(width=st.integers(1, 12), neurons=st.integers(1, 40), bits=st.integers(1, 6))
def test_packed_is_the_last_size_that_some_number_of_digits_builds(width, neurons, bits):
    def built(r):
        most = packed_digits(r, bits, neurons)
        fits = [g for g in range(1, (most or 0) + 1) if -(-r // g) * (2**g - 1) <= neurons]
        return any(packed_width(r, g) <= width for g in fits)

    sizes = [r for r in range(1, 12 * 6 + 2) if built(r)]
    assert largest_packed_vertices(width, neurons, bits) == (max(sizes) + 2 if sizes else None)


@pytest.mark.parametrize("values", [(0, 1, 1), (1, 0, 1), (1, 1, 0)])
def test_refuses_what_is_no_size(values):
    for function in (largest_vertices, largest_packed_vertices):
        with pytest.raises(InputError, match="is below 1: give 1 or more"):
            function(*values)
