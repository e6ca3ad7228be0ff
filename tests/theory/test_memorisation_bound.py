"""Bounds on memorising: exact arithmetic, formulas of the statements, small families enumerated, Gaussian tails."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import ceil, comb, erfc, isqrt, log2, pi, sqrt

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from theory import statements
from theory.bounds.memorisation import (
    best_experts,
    fraction_bits,
    integer_bits,
    labelings_held,
    memorisation_min_parameters,
    memoriser_bound,
    threshold_bits,
)
from theory.errors import InputError
from theory.statements.memorisation import P, P_active, delta, m, q, s
from theory.statements.statement import K, n, p

SIZES = [(1, 1, 1), (10, 3, 3), (10, 3, 10), (1000, 16, 7), (4096, 16, 64)]


@given(st.integers(1, 10**6), st.integers(1, 128))
def test_min_parameters_is_the_least_with_enough_bits(sequences: int, bits: int) -> None:
    parameters = memorisation_min_parameters(sequences, bits)
    relation = statements.get("thm-3.6").formula.subs({n: sequences, p: bits})
    assert relation.subs(P, parameters) == sympy.true
    assert parameters == 1 or relation.subs(P, parameters - 1) == sympy.false
    assert labelings_held(parameters, bits, sequences) == 1
    assert parameters == 1 or labelings_held(parameters - 1, bits, sequences) <= Fraction(1, 2)


@pytest.mark.parametrize("wrong", [0, 1, 2, 5])
def test_labelings_near_those_of_few_models(wrong: int) -> None:
    """All sets of two labelings of 5 inputs, the models of one parameter of one bit: none is near a larger share."""
    inputs = list(product((0, 1), repeat=5))
    allowed = labelings_held(1, 1, 5, wrong)
    shares = [
        Fraction(sum(min(sum(map(int.__ne__, x, model)) for model in pair) <= wrong for x in inputs), 32)
        for pair in product(inputs, repeat=2)
    ]
    assert max(shares) <= allowed
    assert (allowed == 1) == (wrong >= 2)  # 2 * 16 of 32 labelings; two opposite ones reach them all
    assert max(shares) == allowed


@given(st.integers(1, 300), st.data())
def test_errors_are_worth_their_entropy(sequences: int, data: st.DataObject) -> None:
    """2^(n h2(e)) / (n + 1) <= sum of C(n, i) <= 2^(n h2(e)) for a share e of errors up to one half."""
    wrong = data.draw(st.integers(0, sequences // 2))
    near = labelings_held(1, 1, sequences + 1 + sequences, wrong) * 2 ** (2 * sequences)
    e = wrong / sequences
    entropy = -sequences * sum(p * log2(p) for p in (e, 1 - e) if p)
    assert entropy - log2(sequences + 1) - 1e-9 <= log2(comb_sum(sequences, wrong)) <= entropy + 1e-9
    assert near == comb_sum(2 * sequences + 1, wrong)


def comb_sum(sequences: int, wrong: int) -> int:
    return sum(comb(sequences, i) for i in range(wrong + 1))


@pytest.mark.parametrize("wrong", [-1, 6])
def test_more_errors_than_sequences_are_refused(wrong: int) -> None:
    with pytest.raises(InputError, match="outside 0 to 5"):
        labelings_held(1, 1, 5, wrong)


def labelings(weights: list[tuple[int, ...]], inputs: np.ndarray) -> set[tuple[bool, ...]]:
    """What a ReLU network with two inputs to one unit, ``w3 relu(w0 x + w1) + w2 >= 0``, says of ``inputs``."""
    return {tuple(w[3] * np.maximum(w[0] * inputs + w[1], 0) + w[2] >= 0) for w in weights}


@pytest.mark.parametrize("bits", [1, 2])
def test_an_enumerated_family_holds_no_more_labelings_than_its_bits_allow(bits: int) -> None:
    """Every network of 4 parameters of that many bits, on n inputs: pigeonhole from n = 4p + 1 on at the latest."""
    numbers = range(-(2 ** (bits - 1)), 2 ** (bits - 1))
    family = list(product(numbers, repeat=4))
    for count in range(1, 4 * bits + 2):
        held = len(labelings(family, np.arange(count) - count / 2))
        assert Fraction(held, 2**count) <= labelings_held(4, bits, count)
        if held == 2**count:
            assert memorisation_min_parameters(count, bits) <= 4
    assert held < 2**count
    assert memorisation_min_parameters(count, bits) == 5


@pytest.mark.parametrize(("sequences", "width", "experts"), SIZES)
@pytest.mark.parametrize(
    ("statement", "router"), [("thm-3.5", "dense-interval"), ("own-interval-memoriser", "interval")]
)
def test_counts_are_the_statements(statement: str, router: str, sequences: int, width: int, experts: int) -> None:
    """At K > 1; a single expert needs no router, and the count leaves it out."""
    formula = statements.get(statement).formula.subs({n: sequences, m: width, K: experts, s: 1, delta: 1, q: 99})
    bound = memoriser_bound(sequences, width, experts, router)
    spare = 0 if experts > 1 else (2 if router == "interval" else width + 1)
    exact = {P: bound.total + spare, P_active: bound.active + spare}
    assert formula.subs(exact) == sympy.true
    for symbol in exact:
        assert formula.subs(exact | {symbol: exact[symbol] + 1}) == sympy.false


@pytest.mark.parametrize(
    ("sequences", "failure"), [(2, Fraction(1, 2)), (50, Fraction(1, 100)), (10**5, Fraction(1, 7))]
)
def test_fraction_bits_are_the_statements(sequences: int, failure: Fraction) -> None:
    variance = Fraction(1, 2)
    bits = fraction_bits(sequences, failure, variance)
    numbers = {n: sequences, s: sympy.sqrt(variance), delta: failure, m: 1, K: 1, P: 1, P_active: 1}
    formula = statements.get("own-interval-memoriser").formula.subs(numbers)
    assert formula.subs(q, bits) == sympy.true
    assert bits == 1 or formula.subs(q, bits - 1) == sympy.false


@given(st.integers(1, 10**6), st.fractions(Fraction(1, 1000), Fraction(999, 1000)))
def test_threshold_bits_against_floating_point(sequences: int, failure: Fraction) -> None:
    """The closed forms in floats; the smallest integers that satisfy them are among the two nearest."""
    pairs = sequences * (sequences - 1) / 2
    q_float = np.log2(max(pairs / (sqrt(pi) * float(failure)), 2.0**-60))
    assert fraction_bits(sequences, failure) in {max(1, ceil(q_float + slack)) for slack in (-1e-9, 1e-9)}
    i_float = np.log2(1 + sqrt(2 * np.log(float(sequences / failure))))
    assert integer_bits(sequences, failure) in {max(1, ceil(i_float + slack)) for slack in (-1e-9, 1e-9)}
    half = failure / 2
    assert threshold_bits(sequences, failure) == 1 + integer_bits(sequences, half) + fraction_bits(sequences, half)


def test_the_two_gaussian_inequalities() -> None:
    """P(|T1 - T2| < x) <= x / sqrt(pi) and P(|T| > y) <= exp(-y^2/2), on a grid."""
    for x in np.linspace(0, 5, 101):
        assert 1 - erfc(x / 2) <= x / sqrt(pi)
        assert erfc(x / sqrt(2)) <= np.exp(-(x**2) / 2)


@pytest.mark.parametrize("router", ["interval", "dense-interval"])
@pytest.mark.parametrize(("sequences", "width"), [(1, 1), (7, 3), (300, 16), (1000, 1), (500, 400)])
def test_best_experts_over_all_numbers_of_experts(router: str, sequences: int, width: int) -> None:
    active = [memoriser_bound(sequences, width, k, router).active for k in range(1, sequences + 1)]
    assert best_experts(sequences, width, router) == 1 + int(np.argmin(active))


def test_the_optimum_is_of_the_order_the_theorems_say() -> None:
    for sequences in (10**4, 10**6):
        assert best_experts(sequences, 16) == pytest.approx(sqrt(1.5 * sequences), rel=0.1)
        assert best_experts(sequences, 16, "dense-interval") == pytest.approx(sqrt(3 * sequences / 17), rel=0.1)


def test_the_asymptotic_forms() -> None:
    """Active parameters at K = sqrt(n/m) over sqrt(nm) tend to 4 + 1/m; at K = sqrt n, less m, over sqrt n to 5."""
    x = sympy.Symbol("x", positive=True)  # sqrt(n/m) and sqrt n; n/K is then a whole number
    dense = statements.get("thm-3.5").formula.args
    rank_one = statements.get("own-interval-memoriser").formula.args
    (dense_active,) = (side.args[1] for side in dense if side.args[0] == P_active)
    (rank_one_active,) = (side.args[1] for side in rank_one if side.args[0] == P_active)
    at_paper_k = dense_active.replace(sympy.ceiling, lambda inner: inner).subs({n: m * x**2, K: x})
    assert sympy.simplify(sympy.limit(at_paper_k / (m * x), x, sympy.oo) - (4 + 1 / m)) == 0
    at_root = rank_one_active.replace(sympy.ceiling, lambda inner: inner).subs({n: x**2, K: x})
    assert sympy.limit((at_root - m) / x, x, sympy.oo) == 5
    # Rounding n/K up changes the active count by less than 3.
    assert memoriser_bound(10**6 + 1, 1, 1000).active - memoriser_bound(10**6, 1, 1000).active == 3
    assert isqrt(10**6) == 1000


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: memorisation_min_parameters(0, 1), "sequences 0 is below 1"),
        (lambda: memorisation_min_parameters(1, 0), "bits 0 is below 1"),
        (lambda: memoriser_bound(5, 2, 6), "6 experts for 5 sequences"),
        (lambda: memoriser_bound(5, 0, 2), "width 0 is below 1"),
        (lambda: memoriser_bound(5, 2, 2, "random"), "router random bounds no load"),
        (lambda: fraction_bits(5, Fraction(1)), "outside 0 to 1"),
        (lambda: integer_bits(5, Fraction(0)), "outside 0 to 1"),
    ],
)
def test_bad_sizes_are_refused(call, words: str) -> None:
    with pytest.raises(InputError, match=words):
        call()
