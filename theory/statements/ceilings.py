"""Ceilings on average accuracy: what M bits, or the answer patterns of a block, can buy."""

from __future__ import annotations

import sympy

from theory.statements.functions import BinaryEntropyInverse, Cells
from theory.statements.own import OURS, PIECEWISE_LINEAR
from theory.statements.statement import D, M, Statement, alpha, k, meanings, n, r

_ONE_WAY = "the answer depends on A through a message of at most M bits of entropy, and on public randomness at most"


def _ceiling(bits: sympy.Expr, coordinates: sympy.Expr) -> sympy.Basic:
    return sympy.Le(alpha, 1 - BinaryEntropyInverse(sympy.Max(0, 1 - bits / coordinates)))


_INDEX = _ceiling(M, r)

INDEX_CEILING = Statement(
    id="own-index-ceiling",
    kind="theorem",
    title="Accuracy ceiling on INDEX",
    source="classical bound for random access codes (Nayak 1999), applied to transformers by this project",
    whose="classical",
    claim=(
        "A uniform on the subsets of [r], B = {i} with i uniform: with a message of at most M bits the accuracy is "
        "at most 1 − h2⁻¹(max(0, 1 − M/r)), for any number of experts, any block, noisy routing included."
    ),
    assumptions=(
        _ONE_WAY,
        "for a one-layer model M is log2 of the message count of own-message-bound, under its assumptions",
    ),
    formula=_INDEX,
    symbols=meanings(_INDEX),
    quantities=("accuracy_ceiling", "message_bits", "min_width", "ruled_out"),
    says_not=(
        "At M ≥ r the ceiling is 1 and tests nothing.",
        "It is attained asymptotically by covering codes; no additive state is known to attain it.",
        "The bound on one-way messages is classical; only its use for transformers is this project's.",
    ),
    cites=("nayak1999", "ambainis2015", "kondo2026"),
    tests=("tests/theory/test_ceilings.py", "tests/theory/test_statements.py"),
    figures=("width/a",),
)

_PLANTED = _ceiling(M, r - k + 1)

PLANTED_CEILING = Statement(
    id="own-planted-ceiling",
    kind="theorem",
    title="Accuracy ceiling on planted instances",
    source=OURS,
    whose="ours",
    claim=(
        "B a uniform k-set, I uniform in B, Y a fair coin, A outside B uniform on the subsets of the complement of "
        "B, A ∩ B = {I} if Y and empty if not: accuracy is at most 1 − h2⁻¹(max(0, 1 − M/(r−k+1)))."
    ),
    assumptions=(
        _ONE_WAY,
        "M bounds the message also when A is uniform on the subsets of the complement of any (k−1)-set, as a count of "
        "messages does",
        "1 ≤ k ≤ r; k = 1 is INDEX",
    ),
    formula=_PLANTED,
    symbols=meanings(_PLANTED),
    quantities=("accuracy_ceiling", "message_bits", "min_width", "ruled_out"),
    says_not=(
        "The size of A alone gives an advantage of order 1/√(r−k); it lies under the ceiling and is a baseline to "
        "report.",
        "Other generators that overwrite one coordinate leak the answer through the sizes of the sets and are not "
        "covered.",
        "We found no earlier bound of this form.",
    ),
    cites=(),
    tests=("tests/theory/test_ceilings.py", "tests/theory/test_instances.py", "tests/theory/test_statements.py"),
    figures=("routing-boundary/a",),
)

_PATTERN = _ceiling(sympy.log(Cells(n * r, D) * Cells(r, D), 2), r)

PATTERN_CEILING = Statement(
    id="own-pattern-ceiling",
    kind="corollary",
    title="Accuracy ceiling at any precision",
    source=OURS,
    whose="ours",
    claim=(
        "The INDEX ceiling holds with M = log2[C(nr, D) · C(r, D)], the bits of the answer pattern, for unquantised "
        "models; on planted instances with r − k + 1 for r throughout. One softmax head: D + 1 for D."
    ),
    assumptions=(
        "one layer; uniform attention with null tokens in fixed slots, or softmax as in own-pattern-bound",
        PIECEWISE_LINEAR,
        "exact real arithmetic on the model's weights",
    ),
    formula=_PATTERN,
    symbols=meanings(_PATTERN),
    quantities=("accuracy_ceiling", "min_width", "ruled_out"),
    says_not=(
        "It is far from tight when n r is much larger than D.",
        "A float program can differ where its margin is below rounding error.",
        "We found no earlier bound of this form.",
    ),
    cites=("nayak1999", "ambainis2015"),
    tests=("tests/theory/test_pattern_bound.py", "tests/theory/test_statements.py"),
    figures=("width/a", "routing-boundary/a"),
)
