"""Binary entropy, its inverse, the cell count and a rounded logarithm as sympy functions: exact to evaluate."""

from __future__ import annotations

from typing import Any

import mpmath
import sympy


class BinaryEntropy(sympy.Function):
    """``h2(x) = -x log2 x - (1-x) log2(1-x)``, in bits, on [0, 1]."""

    is_real = True

    @classmethod
    def eval(cls, x: sympy.Expr) -> sympy.Expr | None:
        if x in (0, 1):
            return sympy.Integer(0)
        return sympy.Integer(1) if x == sympy.Rational(1, 2) else None

    def doit(self, **hints: Any) -> sympy.Expr:
        """The definition written out."""
        x = self.args[0]
        return -x * sympy.log(x, 2) - (1 - x) * sympy.log(1 - x, 2)

    def _eval_evalf(self, precision: int) -> sympy.Expr:
        return self.doit()._eval_evalf(precision)

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        return _apply_latex("h_2", self.args[0], printer, exp)

    def _pretty(self, printer: Any) -> Any:
        return _pretty_call("h₂", self, printer)

    def _sympystr(self, printer: Any) -> str:
        return f"h2({printer._print(self.args[0])})"


class BinaryEntropyInverse(sympy.Function):
    """The error rate in [0, 1/2] whose binary entropy is the argument, on [0, 1]."""

    is_real = True

    @classmethod
    def eval(cls, bits: sympy.Expr) -> sympy.Expr | None:
        if bits == 0:
            return sympy.Integer(0)
        return sympy.Rational(1, 2) if bits == 1 else None

    def _eval_evalf(self, precision: int) -> sympy.Expr:
        with mpmath.workprec(2 * precision):
            target = mpmath.mpf(self.args[0]._eval_evalf(2 * precision)._mpf_)
            low, high = mpmath.mpf(0), mpmath.mpf(1) / 2
            for _ in range(precision):
                middle = (low + high) / 2
                entropy = -middle * mpmath.log(middle, 2) - (1 - middle) * mpmath.log(1 - middle, 2)
                low, high = (middle, high) if entropy < target else (low, middle)
            return sympy.Float(high, precision=precision)

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        return _apply_latex("h_2^{-1}", self.args[0], printer, exp)

    def _pretty(self, printer: Any) -> Any:
        return _pretty_call("h₂⁻¹", self, printer)

    def _sympystr(self, printer: Any) -> str:
        return f"h2inv({printer._print(self.args[0])})"


class Cells(sympy.Function):
    """``C(m, k) = sum_{j<=k} binom(m, j)``: the most cells that m hyperplanes cut k-space into."""

    is_integer = True
    is_positive = True

    @classmethod
    def eval(cls, hyperplanes: sympy.Expr, dimension: sympy.Expr) -> sympy.Expr | None:
        if hyperplanes.is_Integer and dimension.is_Integer:
            return sum((sympy.binomial(hyperplanes, j) for j in range(int(dimension) + 1)), sympy.Integer(0))
        return None

    def doit(self, **hints: Any) -> sympy.Expr:
        """The sum written out."""
        hyperplanes, dimension = self.args
        index = sympy.Symbol("j", integer=True, nonnegative=True)
        return sympy.Sum(sympy.binomial(hyperplanes, index), (index, 0, dimension))

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        hyperplanes, dimension = (printer._print(argument) for argument in self.args)
        text = rf"C\left({hyperplanes},\, {dimension}\right)"
        return text if exp is None else rf"{{{text}}}^{{{exp}}}"

    def _pretty(self, printer: Any) -> Any:
        return _pretty_call("C", self, printer)

    def _sympystr(self, printer: Any) -> str:
        return f"C({', '.join(printer._print(argument) for argument in self.args)})"


class CeilLog2(sympy.Function):
    """``ceil(log2 n)``: the bits that name one of ``n`` things."""

    is_integer = True
    is_nonnegative = True

    @classmethod
    def eval(cls, n: sympy.Expr) -> sympy.Expr | None:
        return sympy.Integer((int(n) - 1).bit_length()) if n.is_Integer and n.is_positive else None

    def doit(self, **hints: Any) -> sympy.Expr:
        """The definition written out."""
        return sympy.ceiling(sympy.log(self.args[0], 2))

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        text = rf"\left\lceil \log_2 \left({printer._print(self.args[0])}\right) \right\rceil"
        return text if exp is None else rf"{{{text}}}^{{{exp}}}"

    def _pretty(self, printer: Any) -> Any:
        return _pretty_call("ceil_log₂", self, printer)

    def _sympystr(self, printer: Any) -> str:
        return f"⌈log2({printer._print(self.args[0])})⌉"


def _pretty_call(name: str, function: sympy.Function, printer: Any) -> Any:
    return printer._helper_print_function(function.func, function.args, func_name=name)


def _apply_latex(name: str, argument: sympy.Expr, printer: Any, exp: str | None) -> str:
    text = rf"{name}\left({printer._print(argument)}\right)"
    return text if exp is None else rf"{{{text}}}^{{{exp}}}"
