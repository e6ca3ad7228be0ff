"""What one Soft MoE layer cannot represent (Chung et al. 2025), in finite form, and where that ends."""

from __future__ import annotations

import sympy

from theory.statements.own import OURS
from theory.statements.statement import Statement, count

T, S = count("T"), count("S")
d, q = count("d"), count("q")
R, L, E, a, c, t, y = (sympy.Symbol(name, positive=True) for name in ("R", "L", "E", "a", "c", "t", "y"))
E_r, rho, beta, kappa = (sympy.Symbol(name, positive=True) for name in ("E_r", "rho", "beta", "kappa"))
rank, dimension = (sympy.Symbol(name, integer=True, nonnegative=True) for name in ("rho_0", "rho_1"))

_SYMBOLS = {
    "T": "tokens of an input, at least 2",
    "d": "width of a token (numbers)",
    "S": "slots in total, experts times slots of an expert",
    "R": "size of the inputs, at most: Frobenius norm or largest token norm",
    "q": "power of the target: 1 for the Frobenius norm and the largest token norm, 2 for their squares",
    "E": "largest error on these inputs, the least that any experts and any read-out reach (units of the target)",
    "rho_0": "rank of the slot vectors",
    "rho_1": "dimension of the affine hull of the slot vectors, at most S − 1",
    "a": "norm of the first token",
    "L": "in S2 norm of the second token, in S4 sum of the norms of all tokens",
    "c": "inner product that the pair's direction, of norm 1, has with every slot vector; at least 0",
    "rho": "ratio of the Frobenius norms of the two inputs, which tends to √T as L grows",
    "E_r": "largest relative error of a read-out of the Frobenius norm on the two inputs",
    "t": "largest norm of a token",
    "y": "what the read-out gives: the largest first coordinate of an output token",
    "beta": "factor of the slot vectors",
    "kappa": "covering: every unit vector has an inner product of at least κ with some slot's direction",
}
_LAYER = (
    "one Soft MoE layer without residual: its slots are softmax means of the raw tokens, its output tokens softmax "
    "means of the experts' outputs; T ≥ 2; the read-out is any function of all output tokens"
)
_EXPERTS = "experts are any functions of a slot, continuous or not, of any size"
_LOGITS = (
    "plain logits ⟨φ, x⟩, or normalised ones σ⟨x/√(|x|² + ε), φ/√(|φ|² + ε)⟩ with any scale σ and ε > 0; then "
    "σφ/√(|φ|² + ε) takes the place of the slot vector φ"
)
_EXACT = "exact arithmetic; what rounding leaves of the printed pair is enclosed"
_RESIDUAL = (
    "A layer with a residual is not covered: its read-out sees the input itself. Nor does it say that in a deep "
    "network the layers before ever produce such tokens."
)
_TESTS = (
    "tests/theory/test_soft_moe_witness.py",
    "tests/theory/test_soft_moe_directions.py",
    "tests/theory/test_soft_moe_statements.py",
    "tests/parrots/soft_moe/test_soft_moe_witness_models.py",
)


def _meanings(formula: sympy.Basic) -> dict[str, str]:
    names = sorted(symbol.name for symbol in formula.free_symbols if isinstance(symbol, sympy.Symbol))
    return {name: _SYMBOLS[name] for name in names}


_CONSTANT = sympy.Eq(E, R**q / 2)

ONE_EXPERT = Statement(
    id="chung-one-expert",
    kind="theorem",
    title="A single expert, however powerful, cannot represent simple convex functions",
    source=(
        "Beyond Parameter Count (TMLR 2025), as its abstract states it; the finite form and its proof are this "
        "project's"
    ),
    whose="paper",
    claim=(
        "Soft MoE with a single arbitrarily powerful expert cannot represent simple convex functions. Finite form: "
        "with one expert and one slot, no expert and no read-out approximate the Frobenius norm, the largest token "
        "norm or their squares on the inputs of size at most R with an error below R^q/2. The constant R^q/2 has that "
        "error."
    ),
    assumptions=("one expert with one slot, S = 1, and any slot vector", _LAYER, _EXPERTS, _LOGITS),
    formula=_CONSTANT,
    symbols=_meanings(_CONSTANT),
    quantities=(),
    says_not=(
        "The paper's own statement was not at hand beyond its abstract: its functions and constants may differ.",
        "One expert with many slots is another matter: see own-soft-many-slots.",
        "With one token nothing is lost: the slot is the token.",
        _RESIDUAL,
    ),
    cites=("chung2025", "puigcerver2024"),
    tests=_TESTS,
    figures=("soft-moe/a", "soft-moe/b"),
)

_ORTHOGONAL = sympy.Implies(sympy.Lt(rank, d), sympy.Eq(E, R**q / 2))

ORTHOGONAL = Statement(
    id="own-soft-orthogonal",
    kind="theorem",
    title="S1: a direction that no slot vector sees",
    source=OURS,
    whose="ours",
    claim=(
        "If v ≠ 0 is orthogonal to all slot vectors, the inputs (λv, −λv, 0, …, 0) have all slots 0 and uniform "
        "weights for every λ: one output on a whole line, with any number of experts and with plain or normalised "
        "logits. A convex function that is not constant on this line is at no finite distance from what the layer "
        "represents; on inputs of size at most R the constant R^q/2 is best."
    ),
    assumptions=("the slot vectors do not span R^d: so whenever S < d", _LAYER, _EXPERTS, _LOGITS),
    formula=_ORTHOGONAL,
    symbols=_meanings(_ORTHOGONAL),
    quantities=(),
    says_not=(
        "Slot vectors that span R^d have no such direction; own-soft-few-slots and own-soft-collinear may still apply.",
        "That trained layers fail on the inputs they are trained on: it speaks of one line of inputs.",
        _RESIDUAL,
    ),
    cites=("chung2025", "puigcerver2024"),
    tests=_TESTS,
    figures=("soft-moe/a",),
)

_FEW_SLOTS = sympy.And(
    sympy.Eq(a, sympy.LambertW(c * L * sympy.exp(-c * L)) / c),
    sympy.Implies(sympy.Lt(dimension, d), sympy.Eq(E, R**q / 2)),
)

FEW_SLOTS = Statement(
    id="own-soft-few-slots",
    kind="theorem",
    title="S2: no more slots than dimensions",
    source=OURS,
    whose="ours",
    claim=(
        "If the slot vectors do not affinely span R^d, some unit vector v has the same inner product c ≥ 0 with all of "
        "them. The inputs (av, −Lv, 0, …, 0) with a e^{ca} = L e^{−cL} then have all slots 0 and uniform combine "
        "weights for every L ≥ 0: one output for inputs of every size, with any number of experts. On inputs of size "
        "at most R the constant R^q/2 is best."
    ),
    assumptions=(
        "the slot vectors do not affinely span R^d: so whenever S ≤ d, one expert with one slot included",
        _LAYER,
        _EXPERTS,
        _LOGITS,
        "the equation for a is that of plain logits with c > 0; at c = 0 it is a = L; with normalised logits a solves "
        "a exp(ca/√(a² + ε)) = L exp(−cL/√(L² + ε)), and a ≤ L in each case",
        _EXACT,
    ),
    formula=_FEW_SLOTS,
    symbols=_meanings(_FEW_SLOTS),
    quantities=(),
    says_not=(
        "With plain logits and slot vectors that affinely span R^d there is no such input: own-soft-many-slots.",
        "That more experts help: it is the number of slots, and their vectors, that decide.",
        _RESIDUAL,
    ),
    cites=("chung2025", "puigcerver2024"),
    tests=_TESTS,
    figures=("soft-moe/a", "soft-moe/b"),
)

_MANY_SLOTS = sympy.And(
    sympy.Ge(t - y, 0),
    sympy.Le(t - y, (1 - kappa) * t + sympy.log(T * S) / beta),
    sympy.Eq(kappa, sympy.cos(sympy.pi / S)),
)

MANY_SLOTS = Statement(
    id="own-soft-many-slots",
    kind="theorem",
    title="S3: with plain logits and many slots the impossibility ends",
    source=OURS,
    whose="ours",
    claim=(
        "With plain logits and slot vectors that affinely span R^d, all slots are equal only if all tokens are equal: "
        "no inputs of the kind of S1 and S2 exist. And one expert, f(z) = |z| e_1, with slot vectors β times S "
        "directions, approximates the largest token norm: for d = 2 and evenly spread directions as the formula says. "
        "For any d it says so with the κ of the directions; (2k+1)^d − (2k−1)^d of them have κ ≥ √(1 − d/(4k²)), "
        "4k² > d."
    ),
    assumptions=(
        "plain logits; one layer without residual; T tokens of norm t at most",
        "the directions cover: every unit vector has an inner product of at least κ with one of them; κ = cos(π/S) for "
        "S evenly spread directions of the plane",
    ),
    formula=_MANY_SLOTS,
    symbols=_meanings(_MANY_SLOTS),
    quantities=(),
    says_not=(
        "It is about many slots: with one slot chung-one-expert holds, with plain logits as well.",
        "It does not hold for normalised logits: own-soft-collinear.",
        "It shows one convex function, not all, and not that such a layer tells any two inputs apart.",
        "For d > 2 the number of slots it takes grows exponentially with d.",
    ),
    cites=("chung2025", "puigcerver2024"),
    tests=("tests/theory/test_soft_moe_boundary.py", "tests/theory/test_soft_moe_witness.py"),
    figures=("soft-moe/b",),
)

_COLLINEAR = sympy.And(
    sympy.Eq(rho, sympy.sqrt(T * ((L - T + 1) ** 2 + T - 1)) / L),
    sympy.Ge(E_r, (rho - 1) / (rho + 1)),
)

COLLINEAR = Statement(
    id="own-soft-collinear",
    kind="theorem",
    title="S4: normalised logits cannot see how a sum is shared out",
    source=OURS,
    whose="ours",
    claim=(
        "With normalised logits and ε = 0, tokens a_1 u, …, a_T u with a_i > 0 give an output that depends on the sum "
        "of the a_i alone, with any number of slots and experts. The inputs (L − T + 1, 1, …, 1)·u and "
        "(L/T, …, L/T)·u, L > T, have Frobenius norms in a ratio ρ and one output, so any read-out has a relative "
        "error of (ρ − 1)/(ρ + 1) or more on one of them. Largest token norm: the same with a ratio of T(L − T + 1)/L."
    ),
    assumptions=(
        "normalised logits, any scale; any slot vectors and any number of slots",
        _LAYER,
        _EXPERTS,
        "ε = 0. For ε > 0 and a_i ≥ A all logits of a slot are within |σ|ε/(2A²), and the printed pair comes with an "
        "enclosure of how far its slots and combine weights differ",
    ),
    formula=_COLLINEAR,
    symbols=_meanings(_COLLINEAR),
    quantities=(),
    says_not=(
        "With ε > 0 and slot vectors that affinely span R^d the two outputs differ a little, by an amount that depends "
        "on the experts' steepness.",
        "It does not hold for plain logits: own-soft-many-slots.",
        "The ratio stays below √T (below T for the largest token norm): a bounded relative error, unlike S1 and S2.",
        _RESIDUAL,
    ),
    cites=("chung2025", "puigcerver2024"),
    tests=_TESTS,
    figures=("soft-moe/a", "soft-moe/b"),
)

STATEMENTS = (ONE_EXPERT, ORTHOGONAL, FEW_SLOTS, MANY_SLOTS, COLLINEAR)
