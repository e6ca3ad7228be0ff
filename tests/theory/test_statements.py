"""The registry: complete, and each formula says what ``theory.bounds`` evaluates."""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import sympy

from theory import bounds, statements
from theory.bounds.pattern import cells
from theory.errors import InputError
from theory.statements.functions import BinaryEntropy, BinaryEntropyInverse, Cells
from theory.statements.statement import D as D_
from theory.statements.statement import (
    D_star,
    K_star,
    M,
    meanings,
)
from theory.statements.statement import H as H_
from theory.statements.statement import V as V_
from theory.statements.statement import alpha as alpha_
from theory.statements.statement import c as c_
from theory.statements.statement import ell as ell_
from theory.statements.statement import g as g_
from theory.statements.statement import k as k_
from theory.statements.statement import m1 as m1_
from theory.statements.statement import n as n_
from theory.statements.statement import p as p_
from theory.statements.statement import r as r_

ROOT = Path(__file__).resolve().parents[2]
IDS = (
    "def-3.1",
    "def-d.1",
    "lem-d.2",
    "thm-3.2",
    "thm-3.3",
    "cor-3.4",
    "own-message-bound",
    "own-entropy-bound",
    "own-index-ceiling",
    "own-planted-ceiling",
    "own-pattern-bound",
    "own-pattern-ceiling",
    "own-packed",
    "own-two-layer",
    "own-noise-ceiling",
    "own-cot-bound",
    "own-slots-bound",
    "own-soft-moe",
    "own-star-reductions",
    "own-coverage",
    "own-cross-token",
    "own-interval-memoriser",
    "thm-3.5",
    "thm-3.6",
    "chung-one-expert",
    "own-soft-orthogonal",
    "own-soft-few-slots",
    "own-soft-many-slots",
    "own-soft-collinear",
)
each = pytest.mark.parametrize("statement", statements.all_statements(), ids=lambda statement: statement.id)


def formula(statement_id: str) -> sympy.Basic:
    return statements.get(statement_id).formula


def test_ids() -> None:
    assert statements.ids() == IDS
    assert [statements.get(name).id for name in IDS] == list(IDS)
    assert statements.get("THM-3.2") is statements.get("thm-3.2")


def test_unknown_id_names_what_is_near_and_what_is_allowed() -> None:
    with pytest.raises(InputError, match=r"thm-32.*did you mean thm-3\.2") as caught:
        statements.get("thm-32")
    assert all(name in str(caught.value) for name in IDS)
    with pytest.raises(InputError, match=r"allowed are def-3\.1"):
        statements.get("quite another")


@each
def test_every_entry_is_complete(statement: statements.Statement) -> None:
    assert statement.kind in ("definition", "lemma", "theorem", "corollary")
    assert statement.whose in ("paper", "ours", "classical")
    assert (statement.whose == "ours") == (statement.source == "this project")
    assert statement.title and statement.claim.endswith((".", "?"))
    assert statement.says_not
    assert set(statement.quantities) <= set(bounds.row.QUANTITIES)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*/[a-z]", panel) for panel in statement.figures)
    free = {symbol.name for symbol in statement.formula.free_symbols if isinstance(symbol, sympy.Symbol)}
    assert free <= set(statement.symbols)
    assert statement.latex


@each
def test_files_that_hold_it_exist(statement: statements.Statement) -> None:
    assert statement.tests
    for name in statement.tests:
        assert (ROOT / name).is_file()


def test_only_the_index_ceiling_is_classical() -> None:
    assert [s.id for s in statements.all_statements() if s.whose == "classical"] == ["own-index-ceiling"]


def test_a_symbol_without_meaning_is_an_error() -> None:
    with pytest.raises(KeyError):
        meanings(sympy.Symbol("unheard_of") + r_)


def test_path_and_disjointness_by_all_inputs() -> None:
    """def-3.1, def-d.1 and lem-d.2 on every pair of sets for r = 3."""
    e, a, b = (sympy.IndexedBase(name) for name in "eab")
    s, d = sympy.symbols("s d")
    size = {r_: 3}
    path, meet, same = (formula(name).subs(size).doit() for name in ("def-3.1", "def-d.1", "lem-d.2"))
    for bits in product((0, 1), repeat=6):
        A, B = bits[:3], bits[3:]
        graph = {e[s, i + 1]: A[i] for i in range(3)} | {e[i + 1, d]: B[i] for i in range(3)}
        sets = {a[i + 1]: A[i] for i in range(3)} | {b[i + 1]: B[i] for i in range(3)}
        expected = any(x and y for x, y in zip(A, B, strict=True))
        assert path.subs(graph) == meet.subs(sets) == expected
        assert same.subs(graph | sets) == sympy.true
        flipped = dict.fromkeys(sets, 0 if expected else 1)
        assert same.subs(graph | flipped) == sympy.false


@pytest.mark.parametrize(("r", "heads", "bits"), [(1, 1, 1), (30, 1, 2), (62, 2, 3), (200, 4, 8)])
def test_closed_form_of_theorem_32(r: int, heads: int, bits: int) -> None:
    numbers = {r_: r, H_: heads, p_: bits, ell_: int(sympy.ceiling(sympy.log(r, 2)))}
    width = bounds.closed_form_min_width(r, heads, bits)
    assert formula("thm-3.2").subs(numbers | {D_: width}) == sympy.true
    assert width == 1 or formula("thm-3.2").subs(numbers | {D_: width - 1}) == sympy.false


@pytest.mark.parametrize(("r", "heads", "bits"), [(1, 1, 1), (30, 1, 2), (62, 2, 3), (100, 4, 8)])
def test_message_bound(r: int, heads: int, bits: int) -> None:
    numbers = {r_: r, H_: heads, p_: bits}
    relation = formula("own-message-bound").subs(numbers)
    passes = [width for width in range(1, r + 1) if relation.subs(D_, width) == sympy.true]
    assert passes[0] == bounds.message_min_width(r, heads, bits)
    left = formula("own-message-bound").args[0].subs(numbers)
    assert left.subs(D_, 3) == bounds.message_count(r, heads, bits, 3)


@pytest.mark.parametrize("rows", [[[1, 2], [3, -1], [0, 5]], [[1]] * 40, [[2**i] for i in range(6)]])
def test_entropy_bound(rows: list[list[int]]) -> None:
    Z = sympy.Matrix(rows)
    relation = formula("own-entropy-bound")
    symbol = next(iter(relation.atoms(sympy.MatrixSymbol)))
    r, k = Z.shape
    right = relation.args[1].subs({r_: r, k_: k})
    right = right.subs(sympy.MatrixSymbol(symbol.name, r, k), Z)
    right = right.replace(sympy.Determinant, lambda matrix: matrix.as_explicit().det()).evalf(40)
    enclosure = bounds.entropy_bits(np.array(rows), precision=100)
    assert _between(enclosure, right)
    assert bounds.entropy_rules_out(np.array(rows)) == bool(right < r)


def _between(enclosure: bounds.Enclosure, number: sympy.Float) -> bool:
    slack = sympy.Rational(1, 10**25)
    low, high = (sympy.Rational(end.numerator, end.denominator) for end in (enclosure.low, enclosure.high))
    return bool(low - slack <= number <= high + slack)


def _just_above(ceiling: Fraction, limit: sympy.Expr) -> bool:
    """An upper bound, tight to the grid; the slack is that of 30 digits."""
    above = sympy.Rational(ceiling.numerator, ceiling.denominator) - sympy.Rational(str(limit))
    return bool(-sympy.Rational(1, 10**28) <= above < sympy.Rational(1, 2**42))


@pytest.mark.parametrize(("r", "bits"), [(8, 3), (100, 62), (5, 0), (5, 5), (5, 9)])
def test_index_ceiling(r: int, bits: int) -> None:
    limit = formula("own-index-ceiling").subs({r_: r, M: bits}).args[1].evalf(30)
    ceiling = bounds.index_ceiling(bits, r)
    assert _just_above(ceiling, limit)
    accuracy = sympy.Rational(ceiling.numerator, ceiling.denominator)
    step = sympy.Rational(1, 2**40)
    assert formula("own-index-ceiling").subs({r_: r, M: bits, alpha_: accuracy - step}) == sympy.true
    assert formula("own-index-ceiling").subs({r_: r, M: bits, alpha_: accuracy + step}) == sympy.false


def test_planted_ceiling() -> None:
    limit = formula("own-planted-ceiling").subs({r_: 20, k_: 5, M: 7}).args[1].evalf(30)
    assert _just_above(bounds.planted_ceiling(7, 20, 5), limit)


@pytest.mark.parametrize(("r", "neurons"), [(12, 48), (30, 10), (20, 1)])
def test_pattern_bound_and_ceiling(r: int, neurons: int) -> None:
    relation = formula("own-pattern-bound").subs({r_: r, n_: neurons})
    passes = [width for width in range(1, r + 1) if relation.subs(D_, width).doit() == sympy.true]
    assert passes[0] == bounds.pattern_min_width(r, neurons)
    limit = formula("own-pattern-ceiling").subs({r_: r, n_: neurons, D_: 1}).doit().args[1].evalf(30)
    assert _just_above(bounds.pattern_ceiling(r, neurons, 1), limit)


@pytest.mark.parametrize(("vertices", "ratio", "width"), [(64, 1, 3), (1024, 4, 46), (10, 1, 9)])
def test_critical_experts(vertices: int, ratio: int, width: int) -> None:
    equation = formula("cor-3.4").subs({V_: vertices, c_: ratio, m1_: width})
    assert equation.subs(K_star, bounds.critical_experts(vertices, ratio, width)) == sympy.true


def test_the_corollary_speaks_of_thousands_where_it_says_so() -> None:
    assert "thousands at p = 16 bits and c = 1" in " ".join(statements.get("cor-3.4").claim.split())
    assert all(1000 < bounds.critical_experts_at(vertices, 16) < 10_000 for vertices in (64, 1024, 2**15))


def test_construction_widths() -> None:
    assert formula("thm-3.3").subs(V_, 34) == (D_star <= bounds.dense_width(34))
    assert formula("own-packed").subs({r_: 32, g_: 5}) == (D_star <= bounds.packed_width(32, 5))


def test_functions_evaluate_exactly() -> None:
    half = sympy.Rational(1, 2)
    assert BinaryEntropy(0) == BinaryEntropy(1) == 0
    assert BinaryEntropy(half) == 1
    assert BinaryEntropyInverse(0) == 0
    assert BinaryEntropyInverse(1) == half
    assert Cells(12, 4).doit() == cells(12, 4)
    there_and_back = BinaryEntropy(BinaryEntropyInverse(sympy.Rational(1, 3)).evalf(40)).evalf(30)
    assert abs(there_and_back - sympy.Rational(1, 3)) < sympy.Rational(1, 10**28)


def test_functions_print_by_their_usual_names() -> None:
    latex = statements.get("own-pattern-ceiling").latex
    assert "h_2^{-1}" in latex
    assert r"C\left(n r,\, D\right)" in latex
    assert "C(n*r, D)" in str(formula("own-pattern-bound"))
