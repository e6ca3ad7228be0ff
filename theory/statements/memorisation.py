"""Memorising random labels: the paper's two theorems in finite form, and the balanced memoriser."""

from __future__ import annotations

import sympy

from theory.statements.own import OURS
from theory.statements.statement import K, Statement, count, meanings, n, p

PAPER = "Mixture of Parrots (ICLR 2025)"

m, P, P_active, q = count("m"), count("P"), count("P_a"), count("q")
s, delta = sympy.Symbol("s", positive=True), sympy.Symbol("delta", positive=True)

_SYMBOLS = {
    "n": "sequences, each with a label 1 or −1",
    "m": "width of a token (numbers)",
    "P": "parameters in total of a model that holds the labels",
    "P_a": "its active parameters: those that the answer to one sequence uses",
    "p": "bits of a parameter",
    "q": "fraction bits of a threshold",
    "s": "standard deviation of a reading",
    "delta": "probability that the bits do not suffice",
}
_INPUT = "n sequences of independent standard Gaussian tokens in R^m; labels 1 or −1, independent and fair"
_COUNTED = (
    "stored parameters: the m of the reading's direction, the router, and 3F + 1 for an expert with F hidden units; "
    "averaging the tokens has none"
)
_TESTS = ("tests/theory/test_memorisation_bound.py", "tests/parrots/test_memoriser.py")


def _built(router: sympy.Expr) -> tuple[sympy.Basic, sympy.Basic]:
    """Total and active parameters that suffice for any labels behind an interval router with ``router`` numbers."""
    expert = 3 * sympy.ceiling(n / K) - 2
    return sympy.Le(P, m + router + K * expert), sympy.Le(P_active, m + router + expert)


def _meanings(formula: sympy.Basic) -> dict[str, str]:
    names = sorted(symbol.name for symbol in formula.free_symbols)
    return meanings(formula, **{name: _SYMBOLS[name] for name in names if name in _SYMBOLS})


_DENSE_ROUTER = sympy.And(*_built(K * (m + 1)))

MIXTURE_MEMORISES = Statement(
    id="thm-3.5",
    kind="theorem",
    title="A mixture memorises with few active parameters",
    source=f"{PAPER}, Theorem 3.5; the finite form is this project's",
    whose="paper",
    claim=(
        "One layer, one head and K experts memorise the labels of n random sequences with Õ(n + Km) parameters in "
        "total, Õ(n/K + Km) of them active, of Õ(1) bits each; K = √(n/m) leaves Õ(√(nm)) active. Finite form: a full "
        "K × m router that splits the sequences evenly, and experts with a hidden unit for each label change."
    ),
    assumptions=(_INPUT, "1 ≤ K ≤ n", _COUNTED),
    formula=_DENSE_ROUTER,
    symbols=_meanings(_DENSE_ROUTER),
    quantities=(),
    says_not=(
        "It saves active parameters, not parameters: in total a mixture needs as many bits as a dense model (thm-3.6).",
        "Random directions as router do not split the sequences evenly; the finite form uses directions that do.",
        "It says that weights exist, not that training finds them.",
    ),
    cites=("jelassi2025",),
    tests=(*_TESTS, "tests/experiments/test_memoriser_study.py", "tests/experiments/test_memorisation_study.py"),
    figures=("memoriser/a", "memoriser/b", "memorisation/a", "memorisation/b", "memorisation/c"),
)

_COUNTING = sympy.Ge(P * p, n)

MEMORISING_NEEDS_BITS = Statement(
    id="thm-3.6",
    kind="theorem",
    title="Memorising takes a bit a label, and in a dense model all are active",
    source=f"{PAPER}, Theorem 3.6; the counting is classical",
    whose="paper",
    claim=(
        "P parameters of p bits have 2^(Pp) values, and n labels have 2^n: a model that can hold all of them has "
        "Pp ≥ n, and one with Pp < n holds random labels with probability at most 2^(Pp − n). With Õ(1) bits a dense "
        "model needs Ω̃(n) parameters, all active. A mixture needs Ω̃(n) in total as well."
    ),
    assumptions=(
        "the n sequences and the architecture are fixed before the labels are drawn",
        "a parameter takes at most 2^p values",
        "any architecture; dense means that every answer uses every parameter",
    ),
    formula=_COUNTING,
    symbols=_meanings(_COUNTING),
    quantities=(),
    says_not=(
        "It is not a bound on active parameters of a mixture: those may be far fewer than n/p.",
        "Some labelings (all equal, say) take no parameters at all; it speaks of holding every labeling, or random "
        "ones.",
        "Few parameters can do if each has many bits: it bounds bits.",
    ),
    cites=("jelassi2025", "vardi2022", "morris2025"),
    tests=(
        "tests/theory/test_memorisation_bound.py",
        "tests/experiments/test_memoriser_study.py",
        "tests/experiments/test_memorisation_study.py",
    ),
    figures=("memoriser/a", "memorisation/a", "memorisation/b", "memorisation/c"),
)

_INTERVALS = sympy.And(
    *_built(2 * K), sympy.Ge(2**q, n * (n - 1) / (2 * sympy.sqrt(sympy.pi) * s * delta)), evaluate=False
)

INTERVAL_MEMORISER = Statement(
    id="own-interval-memoriser",
    kind="theorem",
    title="Exactly balanced memoriser with a rank-one router",
    source=OURS,
    whose="ours",
    claim=(
        "Uniform attention reads a sequence as one number t. The router's logits are kt + b_k, so that each of K "
        "experts gets an interval with ⌈n/K⌉ or ⌊n/K⌋ sequences, for any width; an expert is a zig-zag with slopes 1 "
        "and −1, a unit for each label change. Any labels of distinct readings are held; K ≈ √n leaves m + O(√n) "
        "parameters active. For random labels q fraction bits in a threshold, 2 log2 n + log2(1/δ) + O(1), suffice "
        "except with probability δ."
    ),
    assumptions=(
        _INPUT,
        "1 ≤ K ≤ n; for any labels, readings of different label are distinct (true with probability 1)",
        _COUNTED,
        "readings in exact arithmetic; the code bounds their rounding error and refuses gaps below it",
    ),
    formula=_INTERVALS,
    symbols=_meanings(_INTERVALS),
    quantities=(),
    says_not=(
        "The bits are those of the fraction: sign and integer part add O(log log n), since the largest reading grows "
        "as √(2 ln n).",
        "It does not beat thm-3.6: the total stays at n/2 thresholds of about 2 log2 n bits for random labels.",
        "About √n parameters are active, not √n in total: those are known to memorise only with about √n bits each.",
        "We found no earlier balanced memoriser of this form.",
    ),
    cites=("vardi2022",),
    tests=(*_TESTS, "tests/theory/test_memorisation.py", "tests/experiments/test_memoriser_study.py"),
    figures=("memoriser/a", "memoriser/b", "memoriser/c", "memorisation/a", "memorisation/c"),
)
