"""What the width bounds reach: graph problems beside the length-2 path, and kinds of models."""

from __future__ import annotations

import sympy
from sympy.logic.boolalg import And, Equivalent

from theory.statements.own import OURS
from theory.statements.statement import M, Statement, V, meanings, r

_E, _BACK = (sympy.MatrixSymbol(name, V, V) for name in ("E", "F"))
_STEP = sympy.Symbol("t", integer=True, positive=True)
_TWO = sympy.Ge((_E**2)[0, V - 1], 1)
_REACHED = sympy.Ge(sympy.Sum((_E**_STEP)[0, V - 1], (_STEP, 1, V - 1)), 1)
_CYCLE = sympy.Ge(sympy.Trace((_E + _BACK) ** 3), 1)
_SAME = And(Equivalent(_TWO, _REACHED), Equivalent(_TWO, _CYCLE))

STAR_REDUCTIONS = Statement(
    id="own-star-reductions",
    kind="corollary",
    title="Distance, connectivity and 3-cycles inherit the width bounds",
    source=OURS,
    whose="ours",
    claim=(
        "On a star graph these are the same question: is there a length-2 path from s to d, is dist(s, d) = 2, is d "
        "reachable from s, and, with the edge (d, s) added, is there a directed 3-cycle. So a one-layer model that "
        "answers any of them on every graph obeys every width bound for the length-2 path."
    ),
    assumptions=(
        "a star graph has edges (s, i) and (i, d) only, with i an intermediate vertex",
        "for the cycle one more slot holds (d, s): a fixed token that Bob knows",
        "those of the bound that is inherited",
    ),
    formula=_SAME,
    symbols=meanings(
        _SAME,
        E="adjacency matrix [V, V] of a star graph; s and d are its first and last vertex",
        F="[V, V], 1 in row d and column s, else 0: the edge that closes a cycle",
        t="number of steps",
    ),
    quantities=(),
    says_not=(
        "It gives lower bounds; a model that finds length-2 paths need not answer the others on graphs that are no "
        "stars.",
        "That these problems contain it is the paper's motivation for the length-2 path (its section 3.2).",
    ),
    cites=("jelassi2025",),
    tests=("tests/theory/test_star_reductions.py", "tests/theory/test_reductions.py"),
    figures=(),
)

_EXTRA = sympy.Symbol("x", nonnegative=True)
_COVERED = sympy.Ge(M + _EXTRA, r)

COVERAGE = Statement(
    id="own-coverage",
    kind="theorem",
    title="Which models the width bounds cover",
    source=OURS,
    whose="ours",
    claim=(
        "If Alice and Bob can finish the model with x bits more than the M bits of the message, a model that is right "
        "on every graph has M + x ≥ r. Token-wise blocks have x = 0; selections and capacities before edges attend to "
        "edges have the x of the table. Where edges attend to edges and the query's answer can depend on what they "
        "found, by routing or in a second layer, no bound of this kind holds: the table names a model of logarithmic "
        "width that shows it."
    ),
    assumptions=(
        "one layer, and the assumptions of own-message-bound on slots and arithmetic",
        "scores that select tokens, and logits whose maximum is subtracted, have p bits; ties are broken by position, "
        "and Alice's slots are the first",
        "a query competes for a place in an expert by position or by rank of choice (token choice), or by its score "
        "(expert choice)",
    ),
    formula=_COVERED,
    symbols=meanings(
        _COVERED,
        M="bits of Alice's message, the logarithm of how many there are",
        x="bits beside the message that Alice and Bob exchange; the table gives them",
    ),
    quantities=(),
    says_not=(
        "That a row says no does not mean that training finds such a model.",
        "Batch-priority routing, where tokens compete by their gate, costs p bits more for each expert of the query.",
        "That routing leaks across tokens is known; we found no earlier separation in expressive power from it.",
    ),
    cites=("zhou2022", "wang2024lossfree", "hayes2024", "yona2024"),
    tests=("tests/theory/test_coverage.py", "tests/parrots/test_coverage_witnesses.py"),
    figures=("routing-boundary/a", "routing-boundary/b"),
)
