"""The formulas of the cross-token constructions against what evaluates them, and their order of growth."""

from __future__ import annotations

from fractions import Fraction

import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from theory import statements
from theory.bounds import Size
from theory.bounds.cross_token import code_length, cross_token_width, flags, leak
from theory.bounds.soft_moe import crosstalk, group_size, soft_moe_beta, soft_moe_rows, soft_moe_width
from theory.bounds.softmax import PRECISIONS, precision_named, softmax_error
from theory.errors import InputError
from theory.statements.cross_token import LEAK, S, beta
from theory.statements.statement import D_star, N, c, r

ROOT_OF_2 = Fraction(14142135, 10**7)


def parts(statement_id: str) -> tuple[sympy.Basic, sympy.Basic]:
    """The width's inequality and the condition on beta."""
    first, second = statements.get(statement_id).formula.args
    return (first, second) if first.has(D_star) else (second, first)


@pytest.mark.parametrize(("size", "slots"), [(128, 16), (5, 3), (1, 1), (1000, 1), (64, 64)])
def test_width_of_soft_moe(size: int, slots: int) -> None:
    width, _ = parts("own-soft-moe")
    assert width.subs({r: size, S: slots}) == (D_star <= soft_moe_width(size, slots))


@pytest.mark.parametrize("slots", [1, 2, 16, 1000])
@pytest.mark.parametrize("at", [Fraction(1, 4), Fraction(1), ROOT_OF_2, Fraction(5)])
def test_crosstalk_of_soft_moe(slots: int, at: Fraction) -> None:
    _, condition = parts("own-soft-moe")
    number = sympy.Rational(at.numerator, at.denominator)
    exact = condition.args[0].subs({S: slots, beta: number}).evalf(40)
    enclosed = crosstalk(slots, at)
    assert float(enclosed.low) - 1e-15 <= float(exact) - 1 <= float(enclosed.high) + 1e-15
    assert enclosed.high - enclosed.low <= Fraction(1, 10**9)
    assert bool(condition.subs({S: slots, beta: number})) == (enclosed.high < Fraction(1, 2))


@pytest.mark.parametrize(("code", "tokens"), [(1, 5), (2, 4), (3, 100), (7, 2606), (10, 10**6)])
@pytest.mark.parametrize("at", [Fraction(1), Fraction(3, 2), Fraction(4)])
def test_leak_of_attention(code: int, tokens: int, at: Fraction) -> None:
    _, condition = parts("own-cross-token")
    numbers = {c: code, N: tokens, beta: sympy.Rational(at.numerator, at.denominator)}
    assert condition.args[0] == LEAK
    exact = LEAK.subs(numbers).evalf(40)
    enclosed = leak(code, tokens, at)
    assert sympy.Rational(enclosed.low.numerator, enclosed.low.denominator) <= exact
    assert exact <= sympy.Rational(enclosed.high.numerator, enclosed.high.denominator)
    assert enclosed.high - enclosed.low <= enclosed.high / 10**9
    assert bool(condition.subs(numbers)) == (enclosed.high < 1)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 98, 128, 129])
def test_width_of_cross_token(size: int) -> None:
    width, _ = parts("own-cross-token")
    assert width.subs(r, size) == (D_star <= cross_token_width(size))
    assert 2 ** code_length(size) >= size


def test_the_leak_needs_beta_above_the_logarithm_of_c() -> None:
    """``R >= c y``, so R < 1 needs ``beta > ln c``; and ``ln c + 1`` is enough whatever c is, tokens aside."""
    for code in (2, 8, 100, 1000):
        assert leak(code, 2**code, Fraction(sympy.floor(sympy.log(code) * 10**6)) / 10**6).low > 1
        assert leak(code, 2**code, Fraction(sympy.ceiling((sympy.log(code) + 1) * 10**6)) / 10**6).high < 1


@given(st.integers(1, 12), st.integers(2, 10**5), st.integers(1, 5))
def test_flags_separate_exactly_where_the_leak_is_below_1(code: int, tokens: int, at: int) -> None:
    found, half = flags(code, tokens, Fraction(at)), Fraction(1, 2)
    assert found.partner > half
    assert (found.alone < half) == (leak(code, tokens, Fraction(at)).high < 1)
    assert found.idle <= found.alone
    rounded = flags(code, tokens, Fraction(at), PRECISIONS["bfloat16"])
    assert rounded.partner < found.partner and rounded.alone > found.alone and rounded.idle > found.idle


def test_rows_of_the_table() -> None:
    (row,) = soft_moe_rows(Size(vertices=130, slots=16))
    assert (row.statement, row.quantity, row.value) == ("own-soft-moe", "construction_width", 13)
    assert f"{group_size(128, 16)} hidden units" in row.why
    (row,) = soft_moe_rows(Size(vertices=10, slots=9))
    assert not row.applies and "9 slots for 8" in row.why
    (row,) = soft_moe_rows(Size(vertices=10))
    assert row.missing == ("slots",)


def test_beta_of_soft_moe_does_not_grow_with_the_tokens() -> None:
    for tokens in (10, 10**3, 10**5):
        assert soft_moe_beta(1024, tokens, PRECISIONS["float32"]) == 2
    with pytest.raises(InputError, match="give fewer slots"):
        soft_moe_beta(1024, 10**7, PRECISIONS["float32"])
    with pytest.raises(InputError, match="give 1 to 4"):
        soft_moe_width(4, 5)


def test_errors_of_formats() -> None:
    assert precision_named("float32").exact_integers == 2**24
    with pytest.raises(InputError, match="no error bound for int8"):
        precision_named("int8")
    assert softmax_error(10, PRECISIONS["float64"]) < Fraction(1, 2**44)
