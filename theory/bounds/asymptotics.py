"""Asymptotic forms, as limits of the finite formulas in the registry.

Every expression below is made from a statement's formula: solved for the width (or another unknown), with the sizes
growing as the words say, and scaled so that it tends to a constant.  :meth:`Form.value` lets sympy find the constant.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import sympy

from theory import statements
from theory.statements.functions import BinaryEntropy, Cells
from theory.statements.other_models import S, T, m, v
from theory.statements.statement import D, H, V, ell, g, k, m1, n, p
from theory.statements.statement import r as vertices

r = sympy.Symbol("r", positive=True)
"""Intermediates as a real number, so that limits exist."""
c = sympy.Symbol("c", positive=True)
"""Precision in units of log2 r: ``p = c log2 r``."""
gamma = sympy.Symbol("gamma", positive=True)
"""Digits a coordinate of `own-packed`, in units of log2 r: ``g = gamma log2 r``."""
y = sympy.Symbol("y", positive=True)
"""Width over vertices, ``D / r``."""
delta = sympy.Symbol("delta", positive=True)
"""Accuracy above chance."""

LOG = sympy.log(r, 2)
_WIDTH = r"\frac{D \log_2 r}{r}"
_PACKED_RATIO = r"\frac{D_{\text{packed}}}{D_{\text{count}}}"
GROWTH = {vertices: r, p: c * LOG, ell: LOG}


@dataclass(frozen=True)
class Form:
    """``expression`` tends to :meth:`value` as ``variable`` goes to ``towards``."""

    name: str
    statements: tuple[str, ...]
    says: str
    """In words, with the regime."""
    shape: str
    """What ``expression`` is, in LaTeX."""
    expression: sympy.Expr
    variable: sympy.Symbol
    towards: sympy.Expr = sympy.oo

    def value(self) -> sympy.Expr:
        """The limit, found by sympy."""
        return sympy.factor(sympy.limit(self.expression, self.variable, self.towards, "+"))


def solved(relation: sympy.Rel, unknown: sympy.Symbol) -> sympy.Expr:
    """The unknown at which both sides of a relation between products of powers are equal."""
    return _root(sympy.expand_log(sympy.log(relation.lhs) - sympy.log(relation.rhs), force=True), unknown)


def _root(linear: sympy.Expr, unknown: sympy.Symbol) -> sympy.Expr:
    """Where a linear function of the unknown is 0."""
    slope = sympy.diff(linear, unknown)
    assert unknown not in slope.free_symbols
    return -linear.subs(unknown, 0) / slope


def counted_width() -> sympy.Expr:
    """The width at which `own-message-bound` holds with equality, of r, p and H."""
    return solved(statements.get("own-message-bound").formula, D)


def entropy_width() -> sympy.Expr:
    """The width at which the worst case of `own-entropy-bound` holds with equality, of r, p and H.

    Hadamard's inequality puts the product of the largest diagonal entries for the determinant.
    """
    bound = statements.get("own-entropy-bound").formula
    largest = 2**p - 1
    product = (vertices * largest**2 / 4 + sympy.Rational(1, 12)) ** H
    product *= (vertices * largest**4 / 4 + sympy.Rational(1, 12)) ** D
    bits = bound.rhs.replace(sympy.Determinant, lambda _: product).subs(k, H + D)
    return _root(sympy.expand_log(bits, force=True) - bound.lhs, D)


def pattern_units() -> sympy.Expr:
    """The hidden units n, of ``y = D / r``, below which `own-pattern-bound` rules the width out.

    ``C(m, k) <= (e m / k)^k`` for ``k <= m``, put for both counts of the formula, leaves an equation linear in log n.
    """
    bound = statements.get("own-pattern-bound").formula
    simpler = bound.replace(Cells, lambda hyperplanes, dimension: (sympy.E * hyperplanes / dimension) ** dimension)
    difference = sympy.expand_log(sympy.log(simpler.rhs) - sympy.log(simpler.lhs), force=True)
    logarithm = sympy.Dummy("log n")
    solution = _root(difference.subs(D, y * vertices).subs(sympy.log(n), logarithm), logarithm)
    return sympy.exp(sympy.expand_log(sympy.simplify(solution), force=True))


def uniform_width() -> sympy.Expr:
    """The width at which the uniform case of `own-message-bound` holds with equality: weight sums alone, D of them."""
    count = statements.get("own-message-bound").formula.lhs.subs(D, 0).subs(H, D)
    return solved(sympy.Ge(count, 2**vertices), D)


def packed_width() -> sympy.Expr:
    """The width of `own-packed` without its rounding, of r and g."""
    return statements.get("own-packed").formula.rhs.replace(sympy.ceiling, lambda width: width)


def packed_units() -> sympy.Expr:
    """The hidden units of `own-packed` without its rounding, of r and g."""
    return vertices / g * (2**g - 1)


def _paper_widths() -> tuple[sympy.Expr, sympy.Expr]:
    """The two right sides of `thm-3.2`: with the number of heads, and whatever it is."""
    first, second = sorted(statements.get("thm-3.2").formula.args, key=lambda part: H not in part.free_symbols)
    return first.rhs, second.rhs


def _scaled(width: sympy.Expr) -> sympy.Expr:
    """``width log2(r) / r`` at ``p = c log2 r``."""
    return _grown(width) * LOG / r


def _grown(expression: sympy.Expr) -> sympy.Expr:
    """``expression`` at ``p = c log2 r``, written in powers of r: on those sympy's limits are quick."""
    return expression.subs(2**p, r**c).subs(GROWTH)


@lru_cache(maxsize=1)
def forms() -> tuple[Form, ...]:
    """Every asymptotic form, in the order of the page."""
    return (*_lower_bounds(), *_packed(), *_other_models())


def _lower_bounds() -> tuple[Form, ...]:
    at_heads, at_any_heads = _paper_widths()
    return (
        Form(
            "theorem",
            ("thm-3.2",),
            "The paper's Ω(V / log N) with its constant: p = c log2 r bits, any fixed number of heads",
            _WIDTH,
            _scaled(at_heads),
            r,
        ),
        Form(
            "theorem, any heads",
            ("thm-3.2",),
            "The same for any number of heads",
            _WIDTH,
            _scaled(at_any_heads),
            r,
        ),
        Form("count", ("own-message-bound",), "The exact count, p = c log2 r", _WIDTH, _scaled(counted_width()), r),
        Form(
            "count, uniform",
            ("own-message-bound",),
            "The exact count under uniform attention, p = c log2 r",
            _WIDTH,
            _scaled(uniform_width()),
            r,
        ),
        Form(
            "entropy",
            ("own-entropy-bound",),
            "The entropy bound, p = c log2 r: the logarithm of the graph counts half",
            _WIDTH,
            _scaled(entropy_width()),
            r,
        ),
        Form(
            "entropy over count",
            ("own-entropy-bound", "own-message-bound"),
            "By what factor the entropy bound asks for more width than the count",
            r"\frac{D_{\text{entropy}}}{D_{\text{count}}}",
            _grown(entropy_width() / counted_width()),
            r,
        ),
        Form(
            "pattern",
            ("own-pattern-bound",),
            "The pattern bound, at any precision, as y = D / r goes to 0: at n = r^a hidden units D is r / (a log2 r)",
            r"\frac{D \log_2 n}{r}",
            y * sympy.log(pattern_units(), 2),
            y,
            sympy.S.Zero,
        ),
    )


def _packed() -> tuple[Form, ...]:
    """The construction against the bounds."""
    most_digits = sympy.log(2) * p / sympy.log(3)
    ratio = _grown(packed_width().subs(g, most_digits) / uniform_width())
    digits = {**GROWTH, g: gamma * LOG}
    return (
        Form(
            "packed, hidden units",
            ("own-packed", "own-pattern-bound"),
            "The packed model with g = γ log2 r digits a coordinate. The pattern bound has 1: no model that it covers, "
            "at any precision and with as many hidden units, is narrower by more than this factor",
            r"\frac{D \log_2 n}{r}",
            (packed_width() * sympy.log(packed_units(), 2)).subs(digits) / r,
            r,
        ),
        Form(
            "packed, bits",
            ("own-packed", "own-message-bound"),
            "The packed model against the count under uniform attention, both at p = c log2 r bits",
            _PACKED_RATIO,
            ratio,
            r,
        ),
        Form(
            "packed, many bits",
            ("own-packed", "own-message-bound"),
            "The same factor as c grows",
            _PACKED_RATIO,
            sympy.limit(ratio, r, sympy.oo),
            c,
        ),
    )


def _other_models() -> tuple[Form, ...]:
    """Many experts, written tokens, slots, and models that are right on average."""
    experts = statements.get("cor-3.4").formula.rhs.replace(sympy.floor, lambda number: number)
    thoughts = solved(statements.get("own-cot-bound").formula, T)
    slots = solved(statements.get("own-slots-bound").formula, m)
    return (
        Form(
            "experts",
            ("cor-3.4",),
            "The critical number of experts with c hidden units a coordinate, as V grows and then m1",
            r"\frac{K^* m_1^2}{V^2}",
            sympy.limit(experts * (m1 / V) ** 2, V, sympy.oo),
            m1,
        ),
        Form(
            "chain of thought",
            ("own-cot-bound",),
            "Written tokens at a fixed width, p = c log2 r bits and a vocabulary of r words",
            r"\frac{T \log_2 r}{r}",
            _scaled(thoughts.subs(v, vertices)),
            r,
        ),
        Form(
            "slots",
            ("own-slots-bound",),
            "Slots times their width, for a fixed number of slots and p = c log2 r bits",
            r"\frac{m S \log_2 r}{r}",
            _scaled(S * slots),
            r,
        ),
        Form(
            "accuracy",
            ("own-index-ceiling",),
            "Accuracy 1/2 + δ takes M bits: so M bits buy about sqrt(ln 2 / 2 · M / r) above chance",
            r"\frac{M}{r \delta^2}",
            (1 - BinaryEntropy(sympy.Rational(1, 2) - delta).doit()) / delta**2,
            delta,
            sympy.S.Zero,
        ),
    )
