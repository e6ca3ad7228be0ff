"""Rational enclosures: they hold the number they claim to hold, and integers decide."""

from __future__ import annotations

import math
from fractions import Fraction
from math import factorial

import mpmath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory.bounds.enclosure import Enclosure, at_least_zero, euler, log2, pi, smallest
from theory.bounds.pattern import log2_factorial

positive = st.fractions(min_value=Fraction(1, 10**6), max_value=10**9).filter(lambda x: x > 0)


@given(positive, st.integers(2, 9))
def test_log2_holds_the_logarithm_by_integer_powers(x: Fraction, precision: int) -> None:
    enclosure = log2(x, precision)
    steps = 2**precision
    assert Fraction(2) ** int(enclosure.low * steps) <= x**steps <= Fraction(2) ** int(enclosure.high * steps)


@pytest.mark.parametrize("precision", range(1, 9))
def test_log2_holds_next_to_its_own_grid(precision: int) -> None:
    """Numbers a hair above or below 2^(k / 2^precision), where a careless rounding falls on the wrong side."""
    steps, scale = 2**precision, 400
    for k in range(1, steps):
        root = 1 << (k + scale * steps)
        for _ in range(precision):
            root = math.isqrt(root)
        for x in (Fraction(root, 2**scale), Fraction(root + 1, 2**scale)):
            enclosure = log2(x, precision)
            assert Fraction(2) ** int(enclosure.low * steps) <= x**steps <= Fraction(2) ** int(enclosure.high * steps)


@given(st.integers(1, 2**200), st.integers(1, 2**200), st.integers(10, 300))
def test_log2_is_as_tight_as_promised_and_agrees_with_mpmath(a: int, b: int, precision: int) -> None:
    enclosure = log2(Fraction(a, b), precision)
    assert enclosure.width <= Fraction(2, 2**precision)
    with mpmath.workprec(500):
        truth = mpmath.log(mpmath.mpf(a) / b, 2)
        slack = mpmath.mpf(2) ** -480
        assert mpmath.mpf(enclosure.low.numerator) / enclosure.low.denominator <= truth + slack
        assert truth - slack <= mpmath.mpf(enclosure.high.numerator) / enclosure.high.denominator


@pytest.mark.parametrize("exponent", [-70, -1, 0, 1, 5, 10_000])
def test_log2_of_a_power_of_two_is_exact(exponent: int) -> None:
    assert log2(Fraction(2) ** exponent, 16) == Enclosure.exact(exponent)


@pytest.mark.parametrize("value", [0, -3])
def test_log2_refuses_what_has_no_logarithm(value: int) -> None:
    with pytest.raises(ValueError, match="positive"):
        log2(value)


@pytest.mark.parametrize(("enclose", "truth"), [(pi, mpmath.pi), (euler, mpmath.e)])
@pytest.mark.parametrize("precision", [8, 64, 400])
def test_constants_are_held(enclose, truth, precision: int) -> None:
    enclosure = enclose(precision)
    assert 0 < enclosure.width < Fraction(1, 2 ** (precision - 2))
    with mpmath.workprec(1000):
        assert mpmath.mpf(enclosure.low.numerator) / enclosure.low.denominator < +truth
        assert +truth < mpmath.mpf(enclosure.high.numerator) / enclosure.high.denominator


@pytest.mark.parametrize("n", [1, 2, 5, 64, 500])
def test_factorial_is_held(n: int) -> None:
    held, exact = log2_factorial(n), log2(factorial(n), 200)
    assert held.low <= exact.low
    assert exact.high <= held.high
    assert held.width < Fraction(1, 50 * n * n)


@pytest.mark.parametrize(("neighbour", "expected"), [(1, True), (0, True), (-1, False)])
def test_comparison_is_refined_until_it_is_decided(neighbour: int, expected: bool) -> None:
    # A double cannot tell the logarithm of 2^900 + 1 or 2^900 - 1 from 900, nor can 64 bits.
    number = 2**900 + neighbour
    assert math.log2(number) == 900.0
    assert at_least_zero(lambda precision: log2(number, precision) - 900) is expected


def test_an_undecidable_comparison_rules_nothing_out() -> None:
    # log2 6 - log2 3 is exactly 1, which no enclosure of both can show.
    assert at_least_zero(lambda precision: log2(6, precision) - log2(3, precision) - 1)


@given(st.integers(1, 500))
def test_smallest_finds_the_first(first: int) -> None:
    assert smallest(lambda value: value >= first) == first


def test_arithmetic_keeps_the_ends_in_order() -> None:
    half = Enclosure(Fraction(1, 4), Fraction(1, 2))
    assert -2 * half == Enclosure(Fraction(-1), Fraction(-1, 2))
    assert half - half == Enclosure(Fraction(-1, 4), Fraction(1, 4))
    assert 1 - half.low == Fraction(3, 4)
