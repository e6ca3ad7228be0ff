"""What one statement consists of, and the symbols that all of them share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sympy


@dataclass(frozen=True)
class Statement:
    """One definition, lemma, theorem or corollary: the single source of what docs, command line and figures show."""

    id: str
    kind: str
    """``definition``, ``lemma``, ``theorem`` or ``corollary``."""
    title: str
    source: str
    whose: str
    """``paper``, ``ours`` or ``classical``."""
    claim: str
    """One or two sentences in words."""
    assumptions: tuple[str, ...]
    formula: sympy.Basic
    """Printed by ``sympy.latex``; substituting numbers gives what ``theory.bounds`` evaluates."""
    symbols: Mapping[str, str]
    """Symbol name, as in ``formula``, to its meaning and unit."""
    quantities: tuple[str, ...]
    """Rows of the table of bounds that carry this id."""
    says_not: tuple[str, ...]
    """What a reader might take it to say and it does not."""
    cites: tuple[str, ...]
    """Keys of the bibliography."""
    tests: tuple[str, ...]
    """Test files that hold it."""
    figures: tuple[str, ...]
    """Panels of studies that draw it, such as ``width/a``."""

    @property
    def latex(self) -> str:
        """The formula in LaTeX, without delimiters."""
        return sympy.latex(self.formula)


def count(name: str) -> sympy.Symbol:
    """A symbol for a positive whole number."""
    return sympy.Symbol(name, integer=True, positive=True)


V, r, N, D, H, K = (count(name) for name in ("V", "r", "N", "D", "H", "K"))
p, ell, n, g, k, c, m1 = (count(name) for name in ("p", "ell", "n", "g", "k", "c", "m_1"))
i, j = (sympy.Symbol(name, integer=True, nonnegative=True) for name in ("i", "j"))
D_star, K_star = count("D^*"), count("K^*")
M = sympy.Symbol("M", nonnegative=True)
alpha = sympy.Symbol("alpha", positive=True)

MEANING: Mapping[str, str] = {
    "V": "vertices, source and target included",
    "r": "intermediate vertices, r = V − 2",
    "N": "tokens: edge slots and the query",
    "D": "total value width that the query reads from all heads (coordinates)",
    "H": "attention heads",
    "K": "experts",
    "p": "bits of an attention weight and of a value",
    "ell": "⌈log2 r⌉, the carry of a sum of r terms (bits)",
    "n": "hyperplanes a partner sees: n = Kh + K(K−1)/2 with h hidden units an expert; n = h for a dense block",
    "g": "base-3 digits in one coordinate",
    "k": "elements of B, the edges into the target",
    "c": "hidden units per unit of width",
    "m_1": "the smallest width that own-entropy-bound does not rule out",
    "D^*": "the smallest width at which some one-layer model is right on every graph",
    "K^*": "the number of experts from which on the matched mixture is too narrow",
    "M": "bits of entropy in Alice's message, at most",
    "alpha": "accuracy, the share of right answers",
    "i": "an intermediate vertex",
    "j": "summation index",
}


def meanings(formula: sympy.Basic, **others: str) -> dict[str, str]:
    """Symbol name to meaning for every free symbol of ``formula``; ``others`` come first and win.

    Raises:
        KeyError: a free symbol has no meaning, which would leave a reader guessing.
    """
    names = sorted({symbol.name for symbol in formula.free_symbols if isinstance(symbol, sympy.Symbol)})
    return others | {name: MEANING[name] for name in names if name not in others}
