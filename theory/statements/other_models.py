"""This project's bounds for models beside the plain layer: a noisy state, a chain of thought, slots for attention."""

from __future__ import annotations

import sympy

from theory.statements.functions import BinaryEntropyInverse
from theory.statements.own import FIXED_SCALE, FIXED_SLOTS, OURS, TOKEN_WISE
from theory.statements.statement import D, H, M, Statement, alpha, count, k, meanings, p, r

T, v, S, m = (count(name) for name in ("T", "v", "S", "m"))
sigma = sympy.Symbol("sigma", positive=True)

_Z = sympy.MatrixSymbol("Z", r, k)
_NOISE_BITS = sympy.log(sympy.Determinant(sympy.Identity(k) + _Z.T * _Z / (4 * sigma**2))) / sympy.log(4)
_NOISE = sympy.And(
    sympy.Le(alpha, 1 - BinaryEntropyInverse(sympy.Max(0, 1 - M / r))), sympy.Eq(M, _NOISE_BITS), evaluate=False
)

NOISE_CEILING = Statement(
    id="own-noise-ceiling",
    kind="theorem",
    title="Accuracy ceiling of a float model with a noisy state",
    source=OURS,
    whose="ours",
    claim=(
        "If the additive state carries independent Gaussian noise of standard deviation σ in each of its k "
        "coordinates, the INDEX and planted ceilings hold with M = ½ log2 det(I + ZᵀZ/4σ²), at any precision. With "
        "contributions of at most qσ in a coordinate M ≤ (k/2) log2(1 + r q²/4), so accuracy α takes "
        "k ≥ 2r(1 − h2(α)) / log2(1 + r q²/4) coordinates."
    ),
    assumptions=(
        TOKEN_WISE,
        FIXED_SLOTS,
        "the noise is added to the sums before they are normalised: k = D under uniform attention, k = D + H under "
        "softmax; it does not depend on the graph",
    ),
    formula=_NOISE,
    symbols=meanings(
        _NOISE,
        Z="real numbers [r, k]: row i is the contribution of edge (s, i) minus that of the null token in its slot",
        I="the identity [k, k]",
        k="coordinates of the state",
        M="the most bits that the noisy state tells of Alice's edges",
        sigma="standard deviation of the noise, in the unit of Z",
    ),
    quantities=("accuracy_ceiling", "message_bits", "min_width", "ruled_out"),
    says_not=(
        "A model without noise has no such ceiling; rounding is not Gaussian noise.",
        "Noise on the normalised output of a softmax head is not covered.",
        "We found no earlier bound of this form; that a Gaussian has the most entropy for its covariance is classical.",
    ),
    cites=("nayak1999", "cover2006"),
    tests=("tests/theory/test_noise.py",),
    figures=(),
)

_MESSAGES = (r * (2**p - 1) + 1) ** H * (r * (2**p - 1) ** 2 + 1) ** D
_TRANSCRIPTS = sympy.Ge(_MESSAGES**T * v ** (T - 1), 2**r)

COT_BOUND = Statement(
    id="own-cot-bound",
    kind="theorem",
    title="A chain of thought trades tokens against width",
    source=OURS,
    whose="ours",
    claim=(
        "A one-layer decoder that writes T tokens, the answer included, over a vocabulary of v and is right on every "
        "graph has T·M + (T−1)⌈log2 v⌉ ≥ r, where M is the bits of its message; exactly, messages^T · v^(T−1) ≥ 2^r. "
        "T = r with two value coordinates suffices, so the least T·D is r up to logarithms, for any number of experts."
    ),
    assumptions=(
        TOKEN_WISE,
        FIXED_SLOTS,
        FIXED_SCALE,
        "softmax attention; with uniform attention every pass reads the same sums and T counts as 1",
        "each written token is the query of the next pass and may attend to all written before it; tokens are chosen "
        "without randomness",
    ),
    formula=_TRANSCRIPTS,
    symbols=meanings(
        _TRANSCRIPTS,
        T="tokens that the decoder writes, the answer included; it passes over the graph once for each",
        v="vocabulary: words that a written token is one of",
    ),
    quantities=("min_width", "ruled_out", "message_bits"),
    says_not=(
        "It holds for one layer; two layers need neither width nor written tokens.",
        "Sampled tokens and bounded error need the randomised bound for set disjointness, with another constant.",
        "We found no earlier bound of this form; the fooling set is the textbook's.",
    ),
    cites=("kushilevitz1997", "amiri2025"),
    tests=("tests/theory/test_cot.py",),
    figures=(),
)

_SLOT_MESSAGES = sympy.Ge((r * (2**p - 1) + 1) ** S * (r * (2**p - 1) ** 2 + 1) ** (S * m), 2**r)

SLOTS_BOUND = Statement(
    id="own-slots-bound",
    kind="theorem",
    title="Soft MoE without attention trades slots against width",
    source=OURS,
    whose="ours",
    claim=(
        "A layer whose tokens have not attended, with S slots of width m, that is right on every graph has "
        "(r(2^p−1)+1)^S · (r(2^p−1)²+1)^(Sm) ≥ 2^r: the count of own-message-bound with S for H and Sm for D. So "
        "m·S = Ω(r / log r): slots, unlike the experts that read them, buy width."
    ),
    assumptions=(
        "the answer is read at the query token, the same in every graph, after combining the slots by its own weights",
        "a slot is a weighted mean of the tokens, its weights a softmax over tokens of functions of one token each",
        FIXED_SLOTS,
        "dispatch weights in [0, 2^p) and token coordinates of two's complement p bits, rounded on a scale fixed in "
        "advance; sums are exact",
    ),
    formula=_SLOT_MESSAGES,
    symbols=meanings(
        _SLOT_MESSAGES,
        S="slots of all experts together",
        m="width of a token, and so of a slot (coordinates)",
    ),
    quantities=("min_width", "ruled_out", "message_bits"),
    says_not=(
        "With edge-to-edge attention before the slots there is no such bound.",
        "A block that reads slots after the tokens attended from the query alone has H more heads, not another law.",
        "We found no earlier bound of this form.",
    ),
    cites=("puigcerver2024",),
    tests=("tests/theory/test_slots.py",),
    figures=("routing-boundary/c",),
)
