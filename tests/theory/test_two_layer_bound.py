"""How sharp the attention of the two-layer construction must be: closed form, intervals, float error."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
import sympy

from theory import statements
from theory.bounds.two_layer import (
    LEAST_TOKENS,
    Attention,
    attention,
    carries,
    code_length,
    float_beta,
    float_error,
    largest_tokens,
    sufficient_beta,
    three_layer_width,
    two_layer_width,
)
from theory.statements.statement import N
from theory.statements.two_layer import beta

FLOAT32, FLOAT64, BFLOAT16 = Fraction(1, 2**24), Fraction(1, 2**53), Fraction(1, 2**8)
FORMS = [(named, direct) for named in (False, True) for direct in (False, True)]


@pytest.mark.parametrize("tokens", [8, 9, 18, 19, 50, 1000, 10**5, 2**40])
def test_beta_is_the_least_integer_of_the_formula(tokens: int) -> None:
    holds = statements.get("own-two-layer").formula.subs(N, tokens)
    least = sufficient_beta(tokens)
    assert holds.subs(beta, least) == sympy.true
    assert holds.subs(beta, least - 1) == sympy.false


def test_fewer_tokens_count_as_eight() -> None:
    assert sufficient_beta(3) == sufficient_beta(LEAST_TOKENS) == 5


@pytest.mark.parametrize(("named", "direct"), FORMS)
def test_the_closed_form_implies_what_the_intervals_say(named: bool, direct: bool) -> None:
    """At every N at which beta grows by one, where ln(8 N) is closest below it, and in between."""
    for exponent in range(5, 40):
        last = math.floor(math.exp(exponent) / 8)
        for tokens in (max(8, last - 1), max(8, last), max(8, last + 1), max(8, last // 2)):
            assert attention(tokens, sufficient_beta(tokens), named, direct).decides


def by_hand(tokens: int, sharpness: int) -> Attention:
    """The two-layer chain in floats, as its proof writes it."""
    small = math.exp(-sharpness)
    found = 1 / (1 + small + tokens * small**2)
    stray = tokens * small
    others = math.exp(-3 * sharpness * (found - 0.5 - stray)) + tokens * math.exp(-3 * sharpness * (1 + found - stray))
    return Attention(1 / (1 + others), tokens * math.exp(-3 * sharpness * (0.5 - stray)))


@pytest.mark.parametrize(("tokens", "sharpness"), [(8, 5), (100, 6), (1000, 9), (1000, 12)])
def test_intervals_agree_with_the_formulas_of_the_proof(tokens: int, sharpness: int) -> None:
    found, expected = attention(tokens, sharpness), by_hand(tokens, sharpness)
    assert found.path == pytest.approx(expected.path, rel=1e-9) and found.path <= expected.path * (1 + 1e-12)
    assert found.no_path == pytest.approx(expected.no_path, rel=1e-9)


@pytest.mark.parametrize(("named", "direct"), FORMS)
def test_rounding_only_loosens(named: bool, direct: bool) -> None:
    chain = [attention(1000, 9, named, direct, Fraction(error, 1000)) for error in range(0, 60, 20)]
    assert sorted(chain, key=lambda each: -each.path) == sorted(chain, key=lambda each: each.no_path) == chain


def test_what_float32_and_others_carry() -> None:
    assert largest_tokens(17, 41, FLOAT32, named=False, direct=False) == 2**19
    assert largest_tokens(17, 42, FLOAT32, named=True, direct=True) == 2**16
    assert largest_tokens(17, 41, FLOAT64, named=False, direct=False) > 2**40
    assert not carries(8, 2, 11, BFLOAT16, named=False, direct=False)


def test_the_end_of_the_range_is_where_the_bound_fails() -> None:
    for named, most in ((False, 2**19), (True, 2**16)):
        assert carries(most, 17, 42, FLOAT32, named, direct=False)
        assert not carries(2 * most, 17, 42, FLOAT32, named, direct=False)


@pytest.mark.parametrize(("named", "direct"), FORMS)
def test_sizes_between_powers_of_two_are_shown_right_too(named: bool, direct: bool) -> None:
    """At 3/4 of the largest N the least beta of the formula is nearly ln(8 N) and leaves no room for rounding."""
    shape = (17, 42, FLOAT32, named, direct)
    most = largest_tokens(*shape)
    assert not carries(most * 3 // 4, *shape)
    for tokens in (8, 100, most // 2 + 1, most * 3 // 4, most - 1, most):
        beta = float_beta(tokens, *shape)
        assert beta - sufficient_beta(tokens) in (0, 1)
        error = float_error(tokens, 17, 42, beta, FLOAT32)
        assert error < Fraction(1, 4) and attention(tokens, beta, named, direct, error).decides


def test_the_error_grows_with_everything_that_makes_it() -> None:
    base = float_error(1000, 10, 27, 9, FLOAT32)
    assert float_error(1000, 10, 27, 9, FLOAT64) * 2**29 == base
    larger = [(2000, 10, 27, 9), (1000, 20, 27, 9), (1000, 10, 47, 9), (1000, 10, 27, 12)]
    assert all(float_error(*sizes, FLOAT32) > base for sizes in larger)


def test_widths() -> None:
    assert [code_length(V) for V in (3, 4, 5, 8, 9, 1024, 1025)] == [2, 2, 3, 3, 4, 10, 11]
    assert (two_layer_width(1024), three_layer_width(1024)) == (27, 28)
