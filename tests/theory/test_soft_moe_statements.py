"""The formulas of the Soft MoE statements, against the mathematics they abbreviate, at 50 digits."""

from __future__ import annotations

import mpmath
import pytest
import sympy

from theory import statements

mpmath.mp.dps = 50


def symbols(statement_id: str) -> dict[str, sympy.Symbol]:
    return {symbol.name: symbol for symbol in statements.get(statement_id).formula.free_symbols}


@pytest.mark.parametrize(("c", "L"), [(sympy.Rational(1, 10), 3), (2, 5), (7, 40)])
def test_the_norm_of_the_first_token_balances_the_second(c: sympy.Rational, L: int) -> None:
    formula = statements.get("own-soft-few-slots").formula
    equation = next(part for part in formula.args if isinstance(part, sympy.Eq))
    names = symbols("own-soft-few-slots")
    a = mpmath.mpf(str(equation.rhs.subs({names["c"]: c, names["L"]: L}).evalf(45)))
    factor = mpmath.mpf(sympy.Rational(c).p) / sympy.Rational(c).q
    slot, other = a * mpmath.exp(factor * a), L * mpmath.exp(-factor * L)
    assert abs(slot - other) < mpmath.mpf(10) ** -40 * other
    assert 0 < a < L


@pytest.mark.parametrize(("T", "L"), [(2, 3), (3, 100), (16, 17)])
def test_the_ratio_of_the_collinear_pair(T: int, L: int) -> None:
    formula = statements.get("own-soft-collinear").formula
    ratio = next(part for part in formula.args if isinstance(part, sympy.Eq)).rhs
    names = symbols("own-soft-collinear")
    value = mpmath.mpf(str(ratio.subs({names["T"]: T, names["L"]: L}).evalf(45)))
    first, second = [L - T + 1] + [1] * (T - 1), [mpmath.mpf(L) / T] * T
    norms = [mpmath.sqrt(sum(size**2 for size in sizes)) for sizes in (first, second)]
    assert abs(sum(first) - sum(second)) < mpmath.mpf(10) ** -40
    assert abs(value - norms[0] / norms[1]) < mpmath.mpf(10) ** -40
    assert 1 < value < mpmath.sqrt(T)


def test_no_answer_is_better_than_the_relative_error_of_the_collinear_pair() -> None:
    names = symbols("own-soft-collinear")
    formula = statements.get("own-soft-collinear").formula
    bound = next(part for part in formula.args if isinstance(part, sympy.Ge)).rhs
    low, high = sympy.Rational(3), sympy.Rational(7)
    best = 2 * low * high / (low + high)
    assert max(abs(best - low) / low, abs(best - high) / high) == bound.subs(names["rho"], high / low)
    for answer in (best - sympy.Rational(1, 100), best + sympy.Rational(1, 100)):
        assert max(abs(answer - low) / low, abs(answer - high) / high) > bound.subs(names["rho"], high / low)


def test_few_and_orthogonal_need_a_deficient_span() -> None:
    for name, rank in (("own-soft-orthogonal", "rho_0"), ("own-soft-few-slots", "rho_1")):
        formula, names = statements.get(name).formula, symbols(name)
        implication = next(part for part in (formula, *formula.args) if isinstance(part, sympy.Implies))
        assert implication.subs({names[rank]: 3, names["d"]: 3}) == sympy.true  # nothing is claimed
        claimed = implication.subs({names[rank]: 2, names["d"]: 3})
        assert claimed == sympy.Eq(names["E"], names["R"] ** names["q"] / 2)
