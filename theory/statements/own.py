"""This project's bounds on the width of a model that is right on every graph, and its packed construction."""

from __future__ import annotations

import sympy

from theory.statements.functions import Cells
from theory.statements.statement import D, D_star, H, Statement, g, k, meanings, n, p, r

OURS = "this project"

FIXED_SLOTS = "edges sit in fixed slots, absent edges are null tokens, the query is the last of N ≥ r + 2 tokens"
TOKEN_WISE = (
    "one layer; the block after attention acts on the query's state alone (any experts, any token-choice routing that "
    "drops no token)"
)
FIXED_SCALE = (
    "weights in [0, 2^p) and two's complement p-bit values, rounded on a scale fixed in advance; sums are exact"
)
PIECEWISE_LINEAR = (
    "a ReLU block with one hidden layer: dense, or top-1 experts with a linear router whose gate is 1 or a positive "
    "factor of the whole read-out"
)

_COUNT = sympy.Ge((r * (2**p - 1) + 1) ** H * (r * (2**p - 1) ** 2 + 1) ** D, 2**r)

MESSAGE_BOUND = Statement(
    id="own-message-bound",
    kind="theorem",
    title="Exact counting bound on the width",
    source=OURS,
    whose="ours",
    claim=(
        "A model that is right on every graph has at least 2^r messages: (r(2^p−1)+1)^H · (r(2^p−1)²+1)^D ≥ 2^r; with "
        "uniform attention (r(2^p−1)+1)^D ≥ 2^r. The number of experts does not occur, because experts act after the "
        "message."
    ),
    assumptions=(TOKEN_WISE, FIXED_SLOTS, FIXED_SCALE),
    formula=_COUNT,
    symbols=meanings(_COUNT),
    quantities=("min_width", "ruled_out", "message_bits"),
    says_not=(
        "A width it allows need not suffice.",
        "Floating-point sums are not associative and are not covered; nor is softmax rounded after subtracting the "
        "maximum.",
        "r counts intermediate vertices, not tokens: more null tokens do not weaken it.",
    ),
    cites=("sanford2023", "sanford2024induction"),
    tests=("tests/theory/test_message_bound.py", "tests/theory/test_statements.py", "tests/theory/test_protocol.py"),
    figures=("width/b", "precision/a", "routing-boundary/a"),
)

_Z = sympy.MatrixSymbol("Z", r, k)
_ENTROPY = sympy.Le(
    r,
    sympy.log((2 * sympy.pi * sympy.E) ** k * sympy.Determinant(_Z.T * _Z / 4 + sympy.Identity(k) / 12)) / sympy.log(4),
)

ENTROPY_BOUND = Statement(
    id="own-entropy-bound",
    kind="theorem",
    title="Log-determinant bound for given weights",
    source=OURS,
    whose="ours",
    claim=(
        "If a model with integer contributions Z is right on every graph, then r ≤ ½ log2[(2πe)^k det(ZᵀZ/4 + I/12)]. "
        "A violation certifies an error without finding the graph. For the worst Z of p-bit weights and values "
        "Hadamard's inequality bounds the determinant, which gives a smallest width."
    ),
    assumptions=(
        TOKEN_WISE,
        FIXED_SLOTS,
        FIXED_SCALE,
        "columns of Z that are zero are dropped first (each would cost a quarter of a bit)",
    ),
    formula=_ENTROPY,
    symbols=meanings(
        _ENTROPY,
        Z="integers [r, k]: row i is the contribution of edge (s, i) minus that of the null token in its slot",
        I="the identity [k, k]",
        k="columns of Z, at most H + D",
    ),
    quantities=("min_width", "ruled_out", "message_bits"),
    says_not=(
        "A model it does not rule out may still err.",
        "It speaks of the integer state; a float model must be quantised first.",
        "We found no earlier bound of this form.",
    ),
    cites=(),
    tests=("tests/theory/test_entropy_bound.py", "tests/theory/test_statements.py"),
    figures=("width/b", "routing-boundary/a"),
)

_PATTERN = sympy.Le(2**r, Cells(n * r, D) * Cells(r, D))

PATTERN_BOUND = Statement(
    id="own-pattern-bound",
    kind="theorem",
    title="Width bound at any precision",
    source=OURS,
    whose="ours",
    claim=(
        "With real weights and exact arithmetic, uniform attention and a ReLU block of n units: a model that is "
        "right on every graph has 2^r ≤ C(nr, D) · C(r, D), where C(m, k) = Σ_{j≤k} binom(m, j). So D = Ω(r / "
        "log(nr)) at any precision, and the number of experts enters only as a logarithm. One softmax head: D + 1 "
        "for D; H > 1 softmax heads: r ≤ k log2(16 e² H² n r² / k²) with k = D + H, if k ≤ r."
    ),
    assumptions=(
        "one layer; uniform attention with null tokens in fixed slots, or softmax as the claim says",
        PIECEWISE_LINEAR,
        "exact real arithmetic on the model's weights",
    ),
    formula=_PATTERN,
    symbols=meanings(_PATTERN),
    quantities=("min_width", "ruled_out", "message_bits"),
    says_not=(
        "SwiGLU, GELU, softmax-weighted top-k routing with k ≥ 2, a gate that rescales against a residual, and a norm "
        "between attention and block are not covered.",
        "A float program can differ where its margin is below rounding error.",
        "Precision-free lower bounds are known (split-VC dimension); what we found no earlier source for is the "
        "near-linear width with only a logarithm of the block's size and of K. The count of hyperplane cells is "
        "standard.",
    ),
    cites=("kozachinskiy2024lower", "kozachinskiy2025strassen", "bartlett2019"),
    tests=("tests/theory/test_pattern_bound.py", "tests/theory/test_statements.py"),
    figures=("width/b", "certified/a", "routing-boundary/a"),
)

_PACKED = sympy.Le(D_star, sympy.ceiling(r / g) + 1)

PACKED = Statement(
    id="own-packed",
    kind="theorem",
    title="Packed construction: g vertices share a coordinate",
    source=OURS,
    whose="ours",
    claim=(
        "Vertex i is the digit 3^(i mod g) of coordinate ⌊i/g⌋. Counts are 0, 1 or 2, so a coordinate is a base-3 "
        "number, and a zig-zag of 2^g − 1 ReLU units is 0 iff no digit is 2. Width ⌈r/g⌉ + 1, ⌈r/g⌉(2^g − 1) hidden "
        "units; with g = Θ(log r) it meets Theorem 3.2 up to a constant."
    ),
    assumptions=(
        "one layer, one head, uniform attention; source and target fixed; a simple graph",
        "an edge contributes up to 3^(g−1) ≤ 2^p − 1, and a coordinate of the state holds ⌈g log2 3⌉ + ⌈log2 r⌉ bits",
        "one coordinate of the width, named answer, holds the result",
    ),
    formula=_PACKED,
    symbols=meanings(_PACKED),
    quantities=("construction_width",),
    says_not=(
        "Repeated edges break it: a digit would count past 2.",
        "The hidden units grow as 2^g: width is bought with neurons and bits.",
        "Packing sets into one number by a base-4 code is from Deep Sets; we found no earlier trade-off of width, "
        "precision and neurons that matches Theorem 3.2.",
    ),
    cites=("zaheer2017", "wagstaff2019", "yehudai2024count"),
    tests=(
        "tests/theory/test_packed_bound.py",
        "tests/parrots/test_construction_proofs.py",
        "tests/parrots/test_construction_precision.py",
        "tests/theory/test_statements.py",
    ),
    figures=("width/b", "precision/a", "precision/b"),
)
