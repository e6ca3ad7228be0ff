"""Floats on the safe side of a ball."""

from __future__ import annotations

from fractions import Fraction
from math import inf, nextafter

import numpy as np
from flint import arb
from hypothesis import given
from hypothesis import strategies as st

from theory.balls import above, ball, below, largest, matrix, precision


@given(st.fractions(min_value=-(10**30), max_value=10**30), st.sampled_from((64, 256)))
def test_above_and_below_are_on_their_sides_and_near(number: Fraction, bits: int) -> None:
    with precision(bits):
        high, low = above(ball(number)), below(ball(number))
    assert Fraction(low) <= number <= Fraction(high)
    nearest = number.numerator / number.denominator
    assert high <= nextafter(nextafter(nearest, inf), inf)
    assert low >= nextafter(nextafter(nearest, -inf), -inf)


def test_beyond_the_floats() -> None:
    huge, tiny = arb(10) ** 400, arb(10) ** -400
    assert above(huge) == inf and below(huge) == np.finfo(float).max
    assert above(tiny) == 5e-324 and below(tiny) == 0
    assert below(-huge) == -inf


def test_a_float_is_an_exact_ball() -> None:
    assert ball(0.1) == ball(Fraction(0.1)) and ball(0.1).is_exact()
    assert matrix(np.array([[0.1, 2.0]]))[0, 0] == arb(0.1)


def test_the_largest_of_balls_holds_the_largest() -> None:
    found = largest([arb(1, 0.5), arb(1.2), arb(-3)])
    assert found.contains(arb(1.2)) and found.contains(arb(1.5)) and not found.contains(arb(1.1))
