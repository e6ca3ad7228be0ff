"""This project's constructions with routing across tokens: Soft MoE alone, and three blocks after attention."""

from __future__ import annotations

import sympy

from theory.statements.own import OURS
from theory.statements.statement import D_star, N, Statement, c, count, meanings, r

S = count("S")
beta = sympy.Symbol("beta", positive=True)

ALL_GRAPHS = "source and target fixed; any digraph, no edge listed twice"
EXACT_LOGITS = (
    "exact arithmetic; float64, float32 and bfloat16 where the computed rounding error leaves room, which the builder "
    "checks: β a power of two makes the logits themselves exact"
)

_code = sympy.ceiling(sympy.log(S, 2))
_SOFT_MOE = sympy.And(
    sympy.Le(D_star, sympy.ceiling(r / S) + _code + 1),
    sympy.Lt((1 + sympy.exp(-2 * beta)) ** _code, sympy.Rational(3, 2)),
)

SOFT_MOE = Statement(
    id="own-soft-moe",
    kind="theorem",
    title="Soft MoE without attention: slots replace width",
    source=OURS,
    whose="ours",
    claim=(
        "A Soft MoE layer with S slots and no attention answers length-2 path with width ⌈r/S⌉ + ⌈log2 S⌉ + 1: slot g "
        "collects the edges of vertex group g, and its expert, ⌈r/S⌉ ReLU units, finds a vertex that was counted "
        "twice. The factor β of the slot vectors need only satisfy the second inequality: it grows as log log S and "
        "does not depend on N."
    ),
    assumptions=(
        "one Soft MoE layer with plain logits and a residual, read at a query token; S ≤ r",
        ALL_GRAPHS,
        EXACT_LOGITS,
    ),
    formula=_SOFT_MOE,
    symbols=meanings(
        _SOFT_MOE,
        S="slots, one an expert",
        beta="factor of the slot vectors",
        **{"D^*": "the smallest width at which a Soft MoE with S slots and no attention is right on every graph"},
    ),
    quantities=("construction_width",),
    says_not=(
        "That experts help: all S experts have the same weights, and it is slots that buy width.",
        "That it escapes every bound: width times slots is still Ω(r/log r), by own-slots-bound.",
        "A Soft MoE that normalises its tokens before the logits is not covered.",
    ),
    cites=("puigcerver2024",),
    tests=("tests/parrots/test_soft_moe_construction.py", "tests/theory/test_cross_token_bounds.py"),
    figures=("routing-boundary/c",),
)

y = sympy.exp(-beta)
LEAK = ((1 + y**2) ** c - 1) / y + sympy.Max(0, N - 2**c) * y ** (2 * c - 1)
_CROSS_TOKEN = sympy.And(
    sympy.Le(D_star, sympy.Max(1, sympy.ceiling(sympy.log(r, 2))) + 4), sympy.Lt(LEAK, 1, evaluate=False)
)

CROSS_TOKEN = Statement(
    id="own-cross-token",
    kind="theorem",
    title="Attention and cross-token routing: one layer of logarithmic width",
    source=OURS,
    whose="ours",
    claim=(
        "Edge-to-edge attention flags the edges whose partner exists, as soon as R < 1, R the left side of the second "
        "inequality. One more step carries the flag to the query: (a) a Soft MoE with one slot; (b) expert choice of "
        "capacity 1, which takes the query iff no edge is flagged; (c) token choice with a capacity, which drops the "
        "query iff an edge is flagged. Each is right on every graph with width c + 4, c = max(1, ⌈log2 r⌉), one head "
        "and at most two hidden units, under the full and the causal mask. β ≥ ln(2c) + 1 gives R < 1 for N ≤ 4^c, so "
        "β = Θ(log log V) suffices."
    ),
    assumptions=(
        "one layer: softmax attention of all tokens with a residual, then a routed block over the same tokens, read at "
        "the query, which is last",
        ALL_GRAPHS,
        "null tokens are tokens with a value; causal mask: one more token before the edges; (c) with capacity C: C − 1 "
        "more tokens before the edges, and earlier tokens have priority",
        "with F = 1/(1+exp(−β)): (a) also a factor β₂ of the slot vector: F/(1 + N exp(−β₂(F − R/(1+R)))) > 1/2; "
        "(b) also E/(1+E) < F − 1/2, E = (N−1) exp(−(2c−1)β)",
        EXACT_LOGITS,
    ),
    formula=_CROSS_TOKEN,
    symbols=meanings(
        _CROSS_TOKEN,
        beta="factor of the attention logits",
        c="signs of a vertex's code, max(1, ⌈log2 r⌉)",
        N="tokens, all of them: those before the edges, edge slots, the query",
        **{"D^*": "the smallest width at which a one-layer model with cross-token routing is right on every graph"},
    ),
    quantities=(),
    says_not=(
        "That routing across tokens helps without edge-to-edge attention: then own-coverage says what holds.",
        "That such a model is causal in the sense of decoding: expert choice and Soft MoE look at later tokens.",
        "Source and target are fixed; when only the query names them, an edge does not know its partner as it attends.",
        "That routing leaks across tokens was known: for expert choice, for capacity across a batch, and as an attack "
        "on prompts. We found no earlier statement of what it computes that token-wise routing cannot.",
    ),
    cites=("wang2024lossfree", "hayes2024", "yona2024", "zhou2022", "puigcerver2024"),
    tests=("tests/parrots/test_cross_token_construction.py", "tests/theory/test_cross_token_bounds.py"),
    figures=("routing-boundary/a", "routing-boundary/b"),
)
