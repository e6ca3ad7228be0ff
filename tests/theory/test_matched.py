"""Corollary 3.4 with exact counts."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory.bounds import critical_experts, critical_experts_at, entropy_min_width
from theory.bounds.matched import dense_parameters, expert_parameters
from theory.errors import InputError

# Two independent computations agree on these: vertices, bits, experts at hidden = width and at hidden = 4 width.
KNOWN = [
    (64, 8, 1169, 655),
    (64, 16, 2457, 1446),
    (64, 32, None, None),
    (1024, 8, 1469, 741),
    (1024, 16, 4235, 2148),
    (1024, 32, 13529, 6933),
    (2**15, 8, 1805, 904),
    (2**15, 16, 4929, 2467),
    (2**15, 32, 15748, 7881),
]


@pytest.mark.parametrize(("vertices", "bits", "at_one", "at_four"), KNOWN)
def test_known_values(vertices: int, bits: int, at_one: int | None, at_four: int | None) -> None:
    assert critical_experts_at(vertices, bits, 1) == at_one
    assert critical_experts_at(vertices, bits, 4) == at_four


@given(st.integers(3, 3000), st.sampled_from([Fraction(1, 4), 1, 2, 4]), st.integers(2, 300))
def test_it_is_the_first_number_of_experts_that_outweighs_the_dense_model(vertices, ratio, width) -> None:
    experts = critical_experts(vertices, ratio, width)
    assert experts is not None
    assert experts >= 1
    dense = dense_parameters(vertices, ratio)
    assert expert_parameters(width, ratio, experts) > dense
    assert experts == 1 or expert_parameters(width, ratio, experts - 1) <= dense


def test_from_there_on_every_matched_mixture_is_too_narrow() -> None:
    vertices, bits = 256, 8
    first = entropy_min_width(vertices - 2, 1, bits)
    experts = critical_experts_at(vertices, bits)
    assert experts is not None
    for count in (experts, experts + 1, 4 * experts):
        affordable = max(m for m in range(vertices) if expert_parameters(m, 1, count) <= dense_parameters(vertices, 1))
        assert affordable < first
    affordable = max(
        m for m in range(vertices) if expert_parameters(m, 1, experts - 1) <= dense_parameters(vertices, 1)
    )
    assert affordable == first


def test_counts_add_up_by_hand() -> None:
    # Width 3, hidden 6: four 3 x 3 maps, two 3 x 6 maps; a mixture has one router row of 3 for each expert.
    assert dense_parameters(3, 2) == 4 * 9 + 2 * 18
    assert expert_parameters(3, 2, 5) == 4 * 9 + 5 * (2 * 18 + 3)


def test_vacuous_where_nothing_is_ruled_out() -> None:
    assert critical_experts(64, 1, 1) is None


def test_ratio_must_be_positive() -> None:
    with pytest.raises(InputError, match="not positive"):
        critical_experts(64, 0, 5)
