"""The counting bound: exact, minimal, and true of every small model there is."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory.bounds import (
    closed_form_bits,
    closed_form_min_width,
    entropy_min_width,
    message_bits,
    message_count,
    message_min_width,
    message_suffices,
    pattern_min_width,
)
from theory.errors import InputError

sizes = st.tuples(st.integers(1, 600), st.integers(1, 6), st.integers(1, 20))
attentions = st.sampled_from(["softmax", "uniform"])


@given(sizes, attentions)
def test_min_width_is_the_first_that_passes_the_integer_inequality(size, attention) -> None:
    r, heads, bits = size
    width = message_min_width(r, heads, bits, attention)
    assert message_count(r, heads, bits, width, attention) >= 2**r
    assert width == 1 or message_count(r, heads, bits, width - 1, attention) < 2**r


@given(sizes, st.integers(1, 40), attentions)
def test_message_bits_are_the_rounded_logarithm_of_the_count(size, width, attention) -> None:
    r, heads, bits = size
    count = message_count(r, heads, bits, width, attention)
    assert 2 ** (message_bits(r, heads, bits, width, attention) - 1) < count
    assert count <= 2 ** message_bits(r, heads, bits, width, attention)
    assert message_suffices(r, heads, bits, width, attention) == (count >= 2**r)


def test_message_bits_at_a_power_of_two() -> None:
    # p = 1 and r = 7: sums take 8 values each.
    assert message_count(7, 2, 1, 3) == 8**5
    assert message_bits(7, 2, 1, 3) == 15


@given(sizes, attentions)
def test_more_vertices_need_more_width_and_more_bits_less(size, attention) -> None:
    r, heads, bits = size
    width = message_min_width(r, heads, bits, attention)
    assert message_min_width(r, heads, bits + 1, attention) <= width
    assert message_min_width(2 * r, heads, bits, attention) >= width
    assert message_min_width(r, heads + 1, bits, attention) <= width


@given(sizes, attentions)
def test_closed_form_is_implied_by_the_count(size, attention) -> None:
    r, heads, bits = size
    # The form without H assumes one coordinate or more for every head.
    assert closed_form_min_width(r, heads, bits, attention) <= max(heads, message_min_width(r, heads, bits, attention))


@given(sizes, st.integers(1, 40), attentions)
def test_closed_form_bits_are_never_below_the_count(size, width, attention) -> None:
    r, heads, bits = size
    assert closed_form_bits(r, heads, bits, width, attention) >= message_bits(r, heads, bits, width, attention)


@given(sizes)
def test_closed_form_is_the_first_width_that_passes_its_own_inequalities(size) -> None:
    r, heads, bits = size
    carry = next(exponent for exponent in range(64) if 2**exponent >= r)

    def passes(width: int) -> bool:
        at_these_heads = heads * (bits + carry) + width * (2 * bits + carry) >= r
        return at_these_heads and width * (3 * bits + 2 * carry) >= r

    assert closed_form_min_width(r, heads, bits) == next(width for width in range(1, 700) if passes(width))


def test_large_graphs_are_decided_without_large_numbers() -> None:
    r, heads, bits = 2**20 - 2, 4, 16
    width = message_min_width(r, heads, bits)
    assert message_count(r, heads, bits, width).bit_length() > r
    assert message_count(r, heads, bits, width - 1).bit_length() <= r


def test_every_narrow_model_with_uniform_attention_errs() -> None:
    """All 2^8 models with r = 4, one-bit values and one coordinate less than the bound asks for."""
    r, width = 4, message_min_width(4, 1, 1, "uniform") - 1
    assert width == 1
    subsets = np.array(list(product((0, 1), repeat=r)))
    for values in product((-1, 0), repeat=2 * r):
        edges, nulls = np.array(values[:r]), np.array(values[r:])
        messages = subsets @ edges + (1 - subsets) @ nulls
        # With B = {i} the right answer is A_i.  The best block answers each message by its majority.
        groups = [subsets[messages == message] for message in np.unique(messages)]
        assert len(groups) <= message_count(r, 1, 1, width, "uniform") < 2**r
        assert sum(np.minimum(group.sum(0), (1 - group).sum(0)).sum() for group in groups) >= 1


@pytest.mark.parametrize("seed", range(5))
def test_messages_of_softmax_models_never_exceed_the_count(seed: int) -> None:
    generator = np.random.default_rng(seed)
    r, bits, width = 10, 2, 2
    weights = generator.integers(0, 2**bits, (2, r))
    values = generator.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), (2, r, width))
    rows = np.concatenate([weights[..., None], weights[..., None] * values], axis=-1)  # [null or edge, r, 1 + D]
    chosen = np.array(list(product((0, 1), repeat=r)))
    messages = (1 - chosen) @ rows[0] + chosen @ rows[1]
    assert len(np.unique(messages, axis=0)) <= message_count(r, 1, bits, width)


def test_the_count_is_reached_for_one_head_and_one_bit() -> None:
    # Weights 0 or 1 on values 0 or -1: with all terms free, sum w takes r + 1 values and sum w v at most r + 1.
    r = 5
    terms = [(0, 0), (1, 0), (1, -1)]
    sums = {tuple(map(sum, zip(*chosen, strict=True))) for chosen in product(terms, repeat=r)}
    assert {total for total, _ in sums} == set(range(r + 1))
    assert len(sums) <= message_count(r, 1, 1, 1) == (r + 1) ** 2


def test_numpy_integers_do_not_overflow() -> None:
    r, heads, bits = 400, 2, 32
    as_numpy = [np.int64(number) for number in (r, heads, bits)]
    assert message_min_width(*as_numpy) == message_min_width(r, heads, bits)
    assert message_count(*as_numpy, np.int64(3)) == message_count(r, heads, bits, 3)
    assert entropy_min_width(*as_numpy) == entropy_min_width(r, heads, bits)
    assert pattern_min_width(np.int32(r), np.int32(2**30)) == pattern_min_width(r, 2**30)


@pytest.mark.parametrize("function", [message_min_width, closed_form_min_width])
def test_unknown_attention_is_refused(function) -> None:
    with pytest.raises(InputError, match="softmax or uniform"):
        function(8, 1, 8, "linear")
