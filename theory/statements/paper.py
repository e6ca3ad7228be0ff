"""Statements of Mixture of Parrots (ICLR 2025), with the finite constants that this project evaluates."""

from __future__ import annotations

import sympy
from sympy.logic.boolalg import Equivalent

from theory.statements.statement import D, D_star, H, K_star, Statement, V, c, ell, i, m1, meanings, p, r

_PAPER = "Mixture of Parrots (ICLR 2025)"
_EDGE = sympy.IndexedBase("e")
_ALICE, _BOB = sympy.IndexedBase("a"), sympy.IndexedBase("b")
_S, _T = sympy.Symbol("s"), sympy.Symbol("d")
_EDGE_MEANINGS = {
    "e": "e[u, v] is 1 if (u, v) is an edge, else 0",
    "s": "source vertex",
    "d": "target vertex",
    "i": "an intermediate vertex",
}
_SET_MEANINGS = {"a": "a[i] is 1 if i ∈ A, else 0", "b": "b[i] is 1 if i ∈ B, else 0", "i": "an element of [r]"}

_HAS_PATH = sympy.Ge(sympy.Sum(_EDGE[_S, i] * _EDGE[i, _T], (i, 1, r)), 1)
_MEET = sympy.Ge(sympy.Sum(_ALICE[i] * _BOB[i], (i, 1, r)), 1)
_EQUIVALENT = Equivalent(_MEET, _HAS_PATH)


PATH = Statement(
    id="def-3.1",
    kind="definition",
    title="Length-2 path",
    source=f"{_PAPER}, Definition 3.1",
    whose="paper",
    claim=(
        "Given a directed simple graph with source s and target d, is there an intermediate vertex i with both (s, i) "
        "and (i, d) edges? The edge (s, d) itself does not count."
    ),
    assumptions=("s ≠ d", "intermediate vertices are all vertices but s and d, r = V − 2 of them"),
    formula=_HAS_PATH,
    symbols=meanings(_HAS_PATH, **_EDGE_MEANINGS),
    quantities=(),
    says_not=("It asks whether such a path exists, not for its midpoint and not for the shortest path.",),
    cites=("jelassi2025",),
    tests=("tests/theory/test_reductions.py", "tests/theory/test_statements.py"),
    figures=("width/c",),
)

DISJOINTNESS = Statement(
    id="def-d.1",
    kind="definition",
    title="Set disjointness",
    source=f"{_PAPER}, Definition D.1",
    whose="paper",
    claim="Alice holds A ⊆ [r] and Bob holds B ⊆ [r]; the answer is yes iff A and B share an element.",
    assumptions=(),
    formula=_MEET,
    symbols=meanings(_MEET, **_SET_MEANINGS),
    quantities=(),
    says_not=("The answer yes means that the sets meet, the opposite of what the name suggests.",),
    cites=("jelassi2025",),
    tests=("tests/theory/test_reductions.py", "tests/theory/test_statements.py"),
    figures=(),
)

EQUIVALENCE = Statement(
    id="lem-d.2",
    kind="lemma",
    title="Set disjointness is length-2 path on a star graph",
    source=f"{_PAPER}, Lemma D.2",
    whose="paper",
    claim=(
        "Put (s, i) ∈ E iff i ∈ A, and (i, d) ∈ E iff i ∈ B: the graph has a length-2 path from s to d iff A and B "
        "meet. Read backwards, every graph gives such sets."
    ),
    assumptions=("a[i] = e[s, i] and b[i] = e[i, d] for every intermediate vertex i",),
    formula=_EQUIVALENT,
    symbols=meanings(_EQUIVALENT, **(_SET_MEANINGS | _EDGE_MEANINGS)),
    quantities=(),
    says_not=(
        "Edges between intermediate vertices, into s or out of d never matter; it says nothing of longer paths.",
    ),
    cites=("jelassi2025",),
    tests=("tests/theory/test_reductions.py", "tests/theory/test_statements.py"),
    figures=(),
)

_LOWER = sympy.And(
    sympy.Ge(D, (r - H * (p + ell)) / (2 * p + ell)),
    sympy.Ge(D, r / (3 * p + 2 * ell)),
)

WIDTH_LOWER_BOUND = Statement(
    id="thm-3.2",
    kind="theorem",
    title="One layer needs width nearly linear in the graph, whatever the number of experts",
    source=f"{_PAPER}, Theorem 3.2; the constants are this project's",
    whose="paper",
    claim=(
        "A one-layer transformer with H heads of width m and O(log N)-bit precision that solves length-2 path has "
        "mH = Ω(|V| / log N), for any number K of experts. With p-bit weights and values: D ≥ (r − H(p+ℓ)) / (2p+ℓ), "
        "and D ≥ r / (3p+2ℓ) whatever H is."
    ),
    assumptions=(
        "one layer; the answer is read at the query, the last token",
        "the block after attention acts token by token; experts are part of it",
        "edges sit in fixed slots, absent edges are null tokens, N ≥ r + 2",
        "weights in [0, 2^p) and p-bit values, rounded on a scale fixed in advance; sums are exact",
        "every head has at least one value coordinate (second inequality)",
    ),
    formula=_LOWER,
    symbols=meanings(_LOWER),
    quantities=("min_width", "ruled_out", "message_bits"),
    says_not=(
        "The paper states the asymptotic form; the constants are this project's.",
        "It says nothing of two or more layers, nor of blocks that mix tokens after attention.",
        "It bounds width, not memory: experts may still help to memorise.",
        "Softmax whose weights are rounded after subtracting the maximum is not covered as it stands.",
    ),
    cites=("jelassi2025", "sanford2024induction", "sanford2023", "peng2024", "bhattamishra2024"),
    tests=("tests/theory/test_message_bound.py", "tests/theory/test_statements.py"),
    figures=("width/b",),
)

_UPPER = sympy.Le(D_star, V)

WIDTH_UPPER_BOUND = Statement(
    id="thm-3.3",
    kind="theorem",
    title="Width |V| suffices for a dense model",
    source=f"{_PAPER}, Theorem 3.3",
    whose="paper",
    claim=(
        "A dense one-layer transformer of width |V| with O(log N)-bit precision solves length-2 path: uniform "
        "attention averages one-hot codes of the intermediate vertices, and a hidden ReLU layer finds a count of 2."
    ),
    assumptions=("one layer, one head", "source and target are fixed", "O(log N) bits, O(|V|) hidden units"),
    formula=_UPPER,
    symbols=meanings(_UPPER),
    quantities=("construction_width",),
    says_not=("It does not say that training finds these weights, nor that less width fails: own-packed needs less.",),
    cites=("jelassi2025",),
    tests=(
        "tests/theory/test_packed_bound.py",
        "tests/parrots/test_construction_proofs.py",
        "tests/parrots/test_construction_precision.py",
        "tests/theory/test_statements.py",
    ),
    figures=("width/b", "precision/a"),
)

_CRITICAL = sympy.Eq(K_star, sympy.floor(((4 + 2 * c) * V**2 - 4 * m1**2) / (2 * c * m1**2 + m1)) + 1)

MATCHED_PARAMETERS = Statement(
    id="cor-3.4",
    kind="corollary",
    title="At equal parameters a mixture with many experts is too narrow",
    source=f"{_PAPER}, Corollary 3.4; the exact count is this project's",
    whose="paper",
    claim=(
        "A dense model of width |V| solves length-2 path. A mixture of K ≥ K* experts with as many parameters in "
        "total is narrower than the lower bound allows, so it fails on some graph. K* is in the thousands at p = 16 "
        "bits and c = 1."
    ),
    assumptions=(
        "those of own-entropy-bound, with one layer",
        "dense: 4V² + 2cV² parameters; mixture: 4m² + K(2cm² + m), a linear router included",
        "embeddings and biases are not counted; an embedding with a row for each of V² ordered pairs, once counted, "
        "destroys the corollary",
        "m_1 ≥ 2, else no width is ruled out and the corollary is vacuous",
    ),
    formula=_CRITICAL,
    symbols=meanings(_CRITICAL),
    quantities=("critical_experts",),
    says_not=(
        "Fewer experts than K* are not shown to succeed.",
        "It is about equal total parameters; at equal width experts only add to the model.",
    ),
    cites=("jelassi2025",),
    tests=("tests/theory/test_matched.py", "tests/theory/test_statements.py"),
    figures=("width/d",),
)

STATEMENTS = (
    PATH,
    DISJOINTNESS,
    EQUIVALENCE,
    WIDTH_LOWER_BOUND,
    WIDTH_UPPER_BOUND,
    MATCHED_PARAMETERS,
)
