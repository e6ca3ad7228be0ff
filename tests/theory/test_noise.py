"""The noise ceiling: exact determinant, and no decoder of a noisy sum that beats it."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from theory import statements
from theory.bounds import (
    index_ceiling,
    noise_bits,
    noise_ceiling,
    noise_min_columns,
    noise_worst_case_bits,
    planted_ceiling,
)
from theory.errors import InputError
from theory.statements.other_models import sigma as sigma_
from theory.statements.statement import M, alpha
from theory.statements.statement import k as k_
from theory.statements.statement import r as r_


def best_accuracy(contributions: list[float], sigma: float) -> float:
    """The accuracy of the best reader of ``sum_i A_i z_i`` plus noise on INDEX: at each y the likelier bit."""
    sets = np.array(list(product((0, 1), repeat=len(contributions))))
    means = sets @ contributions

    def right(y: float) -> float:
        density = norm.pdf(y, means, sigma) / len(sets)
        ones = density @ sets
        return float(np.maximum(ones, density.sum() - ones).mean())

    breaks = [float(mean) for mean in np.unique(means)]
    return quad(right, breaks[0] - 12 * sigma, breaks[-1] + 12 * sigma, points=breaks, limit=200)[0]


@pytest.mark.parametrize("ratio", [0.1, 0.5, 1.0, 2.0, 4.0])
def test_one_vertex_against_the_best_reader(ratio: float) -> None:
    best = norm.cdf(ratio / 2)
    assert best_accuracy([ratio], 1.0) == pytest.approx(best, abs=1e-8)
    ceiling = noise_ceiling([[ratio]], 1)
    assert best < ceiling
    # Half the bits would be too few, so the bound is within a factor of 2 of what is needed.
    assert index_ceiling(noise_bits([[ratio]], 1).high / 2, 1) < best


@pytest.mark.parametrize("contributions", [[1.0, 1.0], [1.0, 2.0], [3.0, -1.5], [0.2, 0.1], [8.0, 4.0]])
@pytest.mark.parametrize("sigma", [0.5, 1.0, 3.0])
def test_two_vertices_against_the_best_reader(contributions: list[float], sigma: float) -> None:
    ceiling = noise_ceiling(np.array(contributions)[:, None], sigma)
    assert best_accuracy(contributions, sigma) < ceiling
    assert ceiling < 1 or noise_bits(np.array(contributions)[:, None], sigma).high >= 2


def test_simulated_reader_of_two_coordinates_stays_below() -> None:
    """Maximum-likelihood decoding of a two-dimensional state, r = 6."""
    rng = np.random.default_rng(0)
    Z = rng.normal(size=(6, 2))
    sets = np.array(list(product((0, 1), repeat=6)))
    chosen = rng.integers(0, 64, 20_000)
    state = sets[chosen] @ Z + 0.5 * rng.normal(size=(20_000, 2))
    likelihood = np.exp(-((state[:, None] - (sets @ Z)[None]) ** 2).sum(-1) / (2 * 0.5**2))
    guess = likelihood @ sets > likelihood.sum(1, keepdims=True) / 2
    accuracy = (guess == sets[chosen]).mean()
    assert 0.6 < accuracy < noise_ceiling(Z, 0.5) < 1


@given(
    st.integers(1, 5).flatmap(
        lambda k: st.lists(st.lists(st.integers(-9, 9), min_size=k, max_size=k), min_size=1, max_size=6)
    ),
    st.fractions(Fraction(1, 9), 9, max_denominator=20),
)
def test_bits_agree_with_a_floating_determinant(rows: list[list[int]], sigma: Fraction) -> None:
    Z = np.array(rows)
    _, logarithm = np.linalg.slogdet(np.eye(Z.shape[1]) + Z.T @ Z / (4 * float(sigma) ** 2))
    assert float(noise_bits(Z, sigma).low) == pytest.approx(logarithm / np.log(4), abs=1e-9)
    assert noise_bits(Z * 3, 3 * sigma) == noise_bits(Z, sigma)


def test_the_formula_is_what_is_evaluated() -> None:
    Z = sympy.Matrix([[1, 2], [3, -1], [0, 5]])
    relation = statements.get("own-noise-ceiling").formula
    (bits,) = (part.rhs for part in relation.args if isinstance(part, sympy.Eq))
    (ceiling,) = (part for part in relation.args if isinstance(part, sympy.Le))
    symbol = next(iter(bits.atoms(sympy.MatrixSymbol)))
    bits = bits.subs({r_: 3, k_: 2, sigma_: sympy.Rational(5, 2)}).subs(sympy.MatrixSymbol(symbol.name, 3, 2), Z)
    bits = bits.replace(sympy.Determinant, lambda matrix: matrix.as_explicit().det())
    assert float(bits) == pytest.approx(float(noise_bits(Z.tolist(), 2.5).high), abs=1e-15)
    most = ceiling.rhs.subs({r_: 3, M: bits}).evalf(20)
    assert ceiling.lhs == alpha
    assert float(most) == pytest.approx(float(noise_ceiling(Z.tolist(), 2.5)), abs=1e-12)


def test_floats_are_taken_as_the_rationals_they_are() -> None:
    exact = [[Fraction(1, 3), Fraction(0.1)]]
    assert noise_bits([[Fraction(1, 3), 0.1]], 0.5) == noise_bits(exact, Fraction(1, 2))
    tiny = np.array([[1e-300, 1.0]])
    assert noise_bits(tiny, 1).high > noise_bits([[0.0, 1.0]], 1).low
    assert noise_bits(np.zeros((4, 2), dtype=np.float32), 2.0).high == 0


def test_no_row_adds_more_than_it_has_and_fewer_rows_tell_less() -> None:
    Z = np.random.default_rng(1).normal(size=(8, 3))
    assert noise_bits(Z[:5], 0.3).high < noise_bits(Z, 0.3).low < 8
    assert noise_ceiling(Z, 0.3, set_size=4) == planted_ceiling(noise_bits(Z, 0.3).high, 8, 4)


@given(st.integers(1, 60), st.integers(1, 8), st.integers(1, 40), st.integers(0, 2**32))
def test_worst_case_dominates(r: int, columns: int, largest: int, seed: int) -> None:
    Z = np.random.default_rng(seed).integers(-largest, largest + 1, (r, columns))
    assert noise_bits(Z, 2).low <= noise_worst_case_bits(r, columns, Fraction(largest, 2)).high


def test_worst_case_is_met_by_orthogonal_columns() -> None:
    hadamard = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]])
    met, worst = noise_bits(hadamard, Fraction(1, 3), 200), noise_worst_case_bits(4, 4, 3, 200)
    assert abs(met.high - worst.high) < Fraction(1, 2**190)


@given(st.integers(2, 500), st.integers(1, 30), st.fractions(Fraction(51, 100), Fraction(99, 100)))
def test_min_columns_is_the_first_whose_ceiling_allows_it(r: int, ratio: int, accuracy: Fraction) -> None:
    columns = noise_min_columns(accuracy, r, ratio)
    slack = Fraction(1, 2**40)
    assert index_ceiling(noise_worst_case_bits(r, columns, ratio).high, r) >= accuracy
    if columns > 1:
        assert index_ceiling(noise_worst_case_bits(r, columns - 1, ratio).low, r) <= accuracy + slack


@pytest.mark.parametrize(
    ("Z", "sigma", "says"),
    [
        ([[1.0]], 0, "noise sigma 0 is not positive"),
        ([[1.0]], float("nan"), "noise sigma nan"),
        ([[float("inf")]], 1, "contribution inf"),
        ([1.0, 2.0], 1, r"shape \[2\]"),
        (np.zeros((0, 2)), 1, r"shape \[0, 2\]"),
        ([["a"]], 1, "contribution 'a'"),
    ],
)
def test_bad_input(Z, sigma, says: str) -> None:
    with pytest.raises(InputError, match=says):
        noise_bits(Z, sigma)
