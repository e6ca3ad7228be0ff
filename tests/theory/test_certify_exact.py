"""Inputs too close for float64: decided as fractions decide them, ties, zeros and near-zeros planted."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from fraction_table import answers, level
from hypothesis import given
from hypothesis import strategies as st
from one_layer_cases import FLOAT_KINDS, ROUNDED_KINDS, random_model

from parrots.constructions import build
from parrots.extract import extract
from theory.certify import Certificate, certify
from theory.certify.dyadic import Dyadic, quotient
from theory.certify.enclosed import level_of, sign_of_gated
from theory.certify.integer import Integer
from theory.certify.messages import decided_messages
from theory.rounding import rounding
from theory.table import Array, Block, OneLayerTable


def assert_exact(certificate: Certificate, table: OneLayerTable) -> None:
    """Counts are those of fractions, to the last input."""
    given, truth = answers(table)
    undefined = sum(answer is None for answer in given)
    wrong = sum(answer is not None and answer != right for answer, right in zip(given, truth, strict=True))
    assert (certificate.wrong, certificate.undecided) == (wrong, undefined)
    if certificate.counterexample is not None:
        alice, bob = (sum(1 << (i - 1) for i in side) for side in certificate.counterexample)
        row = alice * 2**table.r + bob
        assert given[row] is not None and given[row] != truth[row]
    assert (certificate.counterexample is None) == (wrong == 0)


@st.composite
def coarse_tables(draw: st.DrawFn) -> OneLayerTable:
    """All numbers are halves from -1 to 1, so that zeros and ties are everywhere; softmax weights are -1 to 2."""
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    r, M, F = draw(st.integers(1, 3)), draw(st.sampled_from([2, 4])), draw(st.integers(1, 3))
    uniform, K = draw(st.booleans()), draw(st.sampled_from([1, 2, 3]))
    heads = draw(st.sampled_from([1, 2]))
    levels = draw(st.sampled_from([None, 2, 3, 2**10])) if uniform else None

    def halves(*shape: int) -> Array:
        return rng.integers(-2, 3, size=shape) / 2

    def tokens(count: int) -> Array:
        weights = rng.integers(-1, 3, size=(count, heads)).astype(np.float64)
        values = halves(count, M)
        if uniform:
            return values
        return np.concatenate((values * np.repeat(weights, M // heads, axis=1), weights), axis=1)

    null = tokens(1)
    return OneLayerTable(
        edges_2rC=tokens(2 * r) - null,
        null_C=null[0],
        query_C=tokens(1)[0],
        edge_slots=2 * r + draw(st.integers(0, 1)),
        heads=heads,
        uniform=uniform,
        offset_D=halves(M) * draw(st.booleans()),
        scale_D=np.ones(M),
        mix_DM=halves(M, M),
        residual_M=halves(M),
        block=Block(
            inner_KMF=halves(K, M, F),
            inner_bias_KF=halves(K, F),
            folded_KF=halves(K, F),
            constant_K=halves(K),
            readout_M=halves(M),
            router_MK=halves(M, K) if K > 1 else None,
            router_bias_K=halves(K) if K > 1 else None,
            top_k=draw(st.integers(1, K)),
        ),
        message_levels=levels,
    )


@given(coarse_tables())
def test_coarse_tables_are_decided_as_by_fractions(table: OneLayerTable) -> None:
    assert_exact(certify(table), table)


@pytest.mark.parametrize("config", [*FLOAT_KINDS[:30:7], *ROUNDED_KINDS[:5]])
def test_numbers_too_large_for_a_bound_are_decided(config: object) -> None:
    """Weights of 10^12: the error bound says nothing."""
    table = extract(random_model(replace(config, vertices=4, slots=5), scale=3e12))
    assert_exact(certify(table), table)


@pytest.mark.parametrize(("low", "high"), [(-300, 30), (-400, -800), (-740, -740), (0, 709)])
def test_weights_too_far_apart_for_a_bound_are_decided(low: float, high: float) -> None:
    """Softmax weights e^low or e^high: some underflow, some outweigh all others."""
    config = replace(FLOAT_KINDS[0], vertices=5, width=2, hidden=2, attention="softmax")
    table = extract(random_model(config))
    weights = np.exp([low, high, low, high, high, low])[:, None] * [1, 1, 1]
    null = np.full(3, np.exp(low))
    table = replace(table, edges_2rC=weights - null, null_C=null, query_C=null)
    certificate = certify(table)
    assert certificate.error_bound == np.inf and certificate.decided_exactly > 0
    assert_exact(certificate, table)


PER_EXPERT = ("inner_KMF", "inner_bias_KF", "folded_KF", "constant_K")


def dense_table(constant: float = -0.5) -> OneLayerTable:
    """The dense construction for r = 3 with another bias: the logit is the number of common vertices plus that."""
    table = extract(build("dense", vertices=5).model)
    return replace(table, block=replace(table.block, constant_K=np.array([constant])))


@pytest.mark.parametrize(
    ("constant", "wrong", "exactly"),
    [
        (-1.0, 0, 27),
        (-1.0 - 2.0**-52, 27, 27),  # one common vertex, logit -2^-52
        (-1.0 + 2.0**-53, 0, 27),
        (-0.0, 27, 27),
        (-(2.0**-1074), 0, 27),  # no common vertex, logit -2^-1074
    ],
)
@pytest.mark.parametrize("experts", [1, 2])
def test_a_weight_nudged_by_its_last_bit(constant: float, wrong: int, exactly: int, experts: int) -> None:
    """Alone, and as the expert that a router always chooses, with a gate of 1 to float precision."""
    table = dense_table(constant)
    if experts == 2:
        arrays = {name: np.repeat(getattr(table.block, name), 2, axis=0) for name in PER_EXPERT}
        router = {"router_MK": np.zeros((5, 2)), "router_bias_K": np.array([99.0, 0.0])}
        table = replace(table, block=replace(table.block, **arrays, **router))
    certificate = certify(table)
    assert (certificate.wrong, certificate.undecided, certificate.decided_exactly) == (wrong, 0, exactly)
    assert_exact(certificate, table)
    assert certificate.min_margin == (-constant if constant > -0.5 else constant + 1)


def constants(outputs: list[float], scores: list[float], top_k: int) -> OneLayerTable:
    """r = 3, and every input has the same router scores and the same logits of experts."""
    table, K = dense_table(), len(outputs)
    block = Block(
        inner_KMF=np.zeros((K, 5, 1)),
        inner_bias_KF=np.zeros((K, 1)),
        folded_KF=np.zeros((K, 1)),
        constant_K=np.array(outputs),
        readout_M=np.zeros(5),
        router_MK=np.zeros((5, K)),
        router_bias_K=np.array(scores),
        top_k=top_k,
    )
    return replace(table, block=block)


@pytest.mark.parametrize(
    ("outputs", "scores", "top_k", "yes"),
    [
        ([1.0, -1.0], [0.5, 0.5], 1, True),  # the first of two that tie
        ([-1.0, 1.0], [0.5, 0.5], 1, False),
        ([5.0, -1.0, 1.0], [0.0, 0.5, 0.5], 1, False),
        ([1.0, -1.0], [0.5, 0.5], 2, True),  # 0 is yes
        ([1.0, -2.0, 8.0], [0.5, 0.5, 0.5], 2, False),
        ([1.0, -1.0], [2.0**-60, 0.0], 2, True),
        ([-1.0, 1.0], [2.0**-60, 0.0], 2, False),
        ([1.0, -1e300], [0.0, -1e300], 2, True),
        ([0.0, -1.0], [0.0, -20000.0], 2, False),  # e^-20000 is no float64, and not 0
    ],
)
def test_routers_that_tie_and_gates_that_cancel(
    outputs: list[float], scores: list[float], top_k: int, yes: bool
) -> None:
    certificate = certify(constants(outputs, scores, top_k))
    assert certificate.decided_exactly == 64
    # 3^3 = 27 of the 64 inputs have no common vertex.
    assert (certificate.wrong, certificate.undecided) == (27 if yes else 37, 0)


@pytest.mark.parametrize("score", [0.25, 1.5, 7.0, 30.0])
def test_gates_that_cancel_to_float64(score: float) -> None:
    """e^score is not a float64; the nearest ones are just below and just above."""
    near = float(mpmath.exp(score))
    for output in (np.nextafter(near, 0), near, np.nextafter(near, np.inf)):
        certificate = certify(constants([1.0, -float(output)], [score, 0.0], 2))
        with mpmath.workdps(60):
            yes = mpmath.exp(score) > mpmath.mpf(float(output))
        assert (certificate.wrong, certificate.decided_exactly) == (27 if yes else 37, 64)


def test_enclosed_signs() -> None:
    third = Fraction(1, 3)
    assert sign_of_gated([(third, Fraction(1)), (third, Fraction(-1))]) == (0, 0.0)
    sign, mean = sign_of_gated([(third, Fraction(3)), (Fraction(0), Fraction(-1))])
    assert sign == 1 and mean == pytest.approx((3 * np.exp(1 / 3) - 1) / (np.exp(1 / 3) + 1), rel=1e-15)
    digits = Fraction(round(mpmath.mp.e * 10**15), 10**15)
    assert sign_of_gated([(Fraction(1), Fraction(-1)), (Fraction(0), digits)])[0] == (1 if digits > np.e else -1)


def test_what_no_precision_tells_stays_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("theory.certify.enclosed.MAX_BITS", 64)
    assert sign_of_gated([(Fraction(1), Fraction(1)), (Fraction(0), Fraction(-2))])[0] is None
    certificate = certify(constants([1.0, -float(np.e)], [1.0, 0.0], 2))
    assert certificate.undecided == 64 and not certificate.holds
    assert "bits do not tell" in str(certificate.why_undecided)


@pytest.mark.parametrize("levels", [2, 3, 4, 8, 2**24, 2**60])
def test_messages_at_the_border_of_a_level(levels: int) -> None:
    """The float64 next to a border, on both sides; 0; and far out, where tanh is 1 in any float."""
    borders = {Fraction(j, levels) * 2 - 1 for j in (1, levels // 2, levels // 2 + 1, levels - 1)} - {Fraction(1)}
    with mpmath.workdps(400):
        at = [float(mpmath.atanh(mpmath.mpf(x.numerator) / x.denominator)) for x in borders]
        for message in [0.0, 1e3, -1e3, *at, *np.nextafter(at, np.inf), *np.nextafter(at, -np.inf)]:
            position = (mpmath.tanh(mpmath.mpf(message)) + 1) / 2 * levels
            expected = min(int(mpmath.floor(position)), levels - 1)
            assert level_of(Fraction(message), levels) == expected


@pytest.mark.parametrize("levels", [2, 4, 1000])
def test_messages_next_to_a_border_are_decided(levels: int) -> None:
    """The edges (s, i) send numbers up to three floats from the border of levels 1 and 2, times 8 / 8."""
    border = float(np.arctanh(2 / levels * 2 - 1)) if levels > 2 else 0.0
    near = [border]
    for _ in range(3):
        near = [np.nextafter(near[0], -9), *near, np.nextafter(near[-1], 9)]
    table = dense_table()
    edges = np.zeros((6, 5))
    for sent in zip(near, near[::-1], strict=True):
        edges[:2, 0] = 8 * np.array(sent)
        sharp = replace(table, edges_2rC=edges, mix_DM=np.eye(5), edge_slots=7, message_levels=levels)
        sharp = replace(sharp, null_C=np.zeros(5), query_C=np.zeros(5), scale_D=np.ones(5), offset_D=np.zeros(5))
        found = decided_messages(sharp, Integer(sharp), rounding(sharp))
        for subset, message in enumerate((0.0, *sent, sum(map(Fraction, sent)))):
            assert found.codes_SM[subset, 0] == level(Fraction(message), levels)
            centre = (2 * found.codes_SM[subset, 0] + 1) / levels - 1
            assert found.values()[subset, 0] == pytest.approx(centre, rel=1e-15)


@pytest.mark.parametrize("bits", [1, 3])
def test_messages_of_zero_are_decided(bits: int) -> None:
    """Alice's empty set sends exactly 0 everywhere, the border of two levels."""
    table = replace(dense_table(), message_levels=2**bits)
    certificate = certify(table)
    assert_exact(certificate, table)


@pytest.mark.parametrize("levels", [5, 2**60])
def test_any_number_of_levels(levels: int) -> None:
    table = replace(
        extract(random_model(replace(ROUNDED_KINDS[0], vertices=5, slots=6), scale=0.5)), message_levels=levels
    )
    assert_exact(certify(table), table)


def test_no_attention_at_all_is_undecided() -> None:
    """Without the edge (s, 1) all attention weights are 0, and the model has no answer."""
    table = dense_table()
    weights = np.zeros((6, 1))
    weights[0] = 1.0
    edges = np.concatenate((table.edges_2rC * weights, weights), axis=1)
    softmax = replace(table, edges_2rC=edges, null_C=np.zeros(6), query_C=np.zeros(6), uniform=False)
    certificate = certify(softmax)
    assert certificate.undecided == 32 and not certificate.holds
    assert_exact(certificate, softmax)


def test_states_are_those_of_integers_whatever_their_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Machine integers, and Python's where these do not suffice, count alike; beyond a limit inputs stay undecided."""
    table = dense_table(0.0)
    monkeypatch.setattr("theory.certify.exact._MACHINE", 0)
    assert certify(table).decided_exactly == 27
    monkeypatch.setattr("theory.certify.exact.MAX_STATES", 5)
    certificate = certify(table)  # 8 states: each vertex on neither side, or on either of the two
    assert 0 < certificate.undecided < 27 and certificate.decided_exactly == 27 - certificate.undecided
    assert "different states" in str(certificate.why_undecided)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=4))
def test_dyadic_arrays_hold_floats(numbers: list[float]) -> None:
    dyadic = Dyadic.of(np.array(numbers))
    assert [Fraction(int(n), 1 << dyadic.bits) for n in dyadic.numbers] == [Fraction(x) for x in numbers]
    total = (dyadic + Dyadic.of(np.array([0.375]))) * dyadic
    expected = [(Fraction(x) + Fraction(3, 8)) * Fraction(x) for x in numbers]
    assert [Fraction(int(n), 1 << total.bits) for n in total.numbers] == expected


def test_quotients_beyond_float64() -> None:
    assert quotient(1, 3, 0) == 1 / 3 and quotient(3, 1, 1) == 1.5
    assert quotient(10**400, 1, 0) == np.inf and quotient(-(10**400), 1, 0) == -np.inf


def test_integer_halves_are_those_of_the_table() -> None:
    for config in (FLOAT_KINDS[0], FLOAT_KINDS[-1], ROUNDED_KINDS[-1]):
        table = extract(random_model(config, scale=0.5))
        alice, bob = Integer(table).halves(None)
        states = Integer(table).states(alice[np.array([5, 9])], bob[np.array([3, 12])])
        floats = states.numbers[:, :-1].astype(np.float64) / states.numbers[:, -1:].astype(np.float64)
        halves = table.halves()
        expected = table.states(halves[0][[5, 9]] + halves[1][[3, 12]])
        np.testing.assert_allclose(floats, expected, rtol=1e-10)
