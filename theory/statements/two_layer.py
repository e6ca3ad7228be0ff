"""This project's construction in two layers, and in three where the query names the ends."""

from __future__ import annotations

import sympy

from theory.statements.own import OURS
from theory.statements.statement import N, Statement, meanings

beta = sympy.Symbol("beta", positive=True)

_TWO_LAYER = sympy.Ge(beta, sympy.log(8 * N))

TWO_LAYER = Statement(
    id="own-two-layer",
    kind="theorem",
    title="Two layers: depth replaces width",
    source=OURS,
    whose="ours",
    claim=(
        "With codes of c = ⌈log2 V⌉ signs, two layers of one head and width 2c + 7, without hidden units, answer "
        "length-2 path on every digraph: in layer 1 an edge (u, v) attends to the edge (v, d), or to a sink; in layer "
        "2 the query attends to an edge at s that found its partner, or to the sink. If the query alone names s and "
        "d, three layers of two heads and width 2c + 8 do. The formula is all that is asked of β, which scales the "
        "scores."
    ),
    assumptions=(
        "softmax attention of all tokens to all, with a sink token and a residual; N ≥ 8",
        "source and target fixed in the weights (two layers) or named by the query token (three layers)",
        "a simple graph: a loop is read as an empty slot",
    ),
    formula=_TWO_LAYER,
    symbols=meanings(_TWO_LAYER, N="tokens: edge slots, the sink and the query", beta="factor of all scores"),
    quantities=(),
    says_not=(
        "That two layers suffice when the query names both ends: an edge that attends in layer 1 does not know them "
        "yet. With one end fixed two layers do; with both named we know neither weights nor a proof that there are "
        "none.",
        "That β must be so large: these weights fail on some graph with M edges once β is below about (2/3) ln M; on "
        "most graphs less does.",
        "That depth always helps: with a token for each row of the adjacency matrix, instead of each edge, some "
        "questions of this kind need a large size at any depth.",
        "A two-layer model of logarithmic width for disjointness was known; tokens of any digraph, the sink, an "
        "explicit β and the range of float32 are ours.",
    ),
    cites=("bhattamishra2024", "yehudai2025", "chen2024multi"),
    tests=(
        "tests/parrots/test_two_layer_construction.py",
        "tests/parrots/test_two_layer_built.py",
        "tests/theory/test_two_layer_bound.py",
    ),
    figures=("depth/a", "depth/b"),
)
