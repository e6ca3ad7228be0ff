"""The certifier's bound on rounding errors against numbers of 60 digits, on models made to round badly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from exact_table import exact
from hypothesis import given
from hypothesis import strategies as st
from one_layer_cases import FLOAT_KINDS, ROUNDED_KINDS, name_of, random_model

from parrots.config import OneLayerConfig
from parrots.extract import extract
from theory.instances import all_pairs
from theory.rounding import _mean_size_and_terms, rounding
from theory.table import ForeignBlock, OneLayerTable


def errors_of(table: OneLayerTable, rows: slice = slice(None)) -> tuple[float, float, float]:
    """Largest true errors of a state, a router score and a logit, as shares of their bounds, over all inputs.

    Inputs on which the router's choice or a message's level is within its bound are left out, as certify does.
    """
    bounds = rounding(table)
    alice_SC, bob_SC = table.halves()
    pairs = all_pairs(table.r)
    states = table.states((alice_SC[:, None] + bob_SC).reshape(len(pairs), -1))
    block = table.block
    logits, lead = block.routed(states) if block.router_MK is not None else (block.logits(states), None)
    worst = [0.0, 0.0, 0.0]
    for row in range(len(pairs))[rows]:
        if lead is not None and lead[row] <= 2 * bounds.router:
            continue
        true = exact(table, pairs.alice_BR[row], pairs.bob_BR[row])
        worst[0] = max(worst[0], *(abs(float(x - y)) for x, y in zip(true.state, states[row], strict=True)))
        if true.scores:
            scores = states[row] @ block.router_MK + block.router_bias_K
            worst[1] = max(worst[1], *(abs(float(x - y)) for x, y in zip(true.scores, scores, strict=True)))
        worst[2] = max(worst[2], abs(float(true.logit - logits[row])))
    allowed = (bounds.state, bounds.router, bounds.logit)
    return tuple(error / bound if error else 0.0 for error, bound in zip(worst, allowed, strict=True))  # type: ignore[return-value]


@pytest.mark.parametrize("config", [*FLOAT_KINDS[::4], *ROUNDED_KINDS[:3], *ROUNDED_KINDS[4:]], ids=name_of)
@pytest.mark.parametrize("scale", [0.3, 1.0])
def test_random_models_stay_within_the_bound(config: OneLayerConfig, scale: float) -> None:
    table = extract(random_model(replace(config, vertices=4, slots=5), scale=scale))
    assert 0 < errors_of(table)[2] <= 1


def spread_softmax(rng: np.random.Generator, span: float) -> OneLayerTable:
    """Attention weights over ``e^span``: with every edge present the large null weights cancel exactly."""
    config = OneLayerConfig(vertices=4, width=4, hidden=3, heads=2, experts=2, attention="softmax")
    table = extract(random_model(config, seed=int(rng.integers(2**31)), scale=0.5))
    weights = np.exp(rng.uniform(0, 2, size=(5, 2)))  # 4 edges and the query
    null = np.exp([span, span / 2])
    values = rng.normal(size=(6, 4)) + 3

    def row(value: np.ndarray[tuple[int], np.dtype[np.float64]], weight: object) -> object:
        return np.concatenate((value * np.repeat(weight, 2), weight))

    null_C = row(values[5], null)
    edges = np.array([row(value, weight) for value, weight in zip(values[:4], weights[:4], strict=True)]) - null_C
    return replace(table, edges_2rC=edges, null_C=null_C, query_C=row(values[4], weights[4]), edge_slots=4)


@pytest.mark.parametrize("span", [5.0, 15.0, 24.0])
def test_attention_weights_far_apart(span: float) -> None:
    """The errors grow as the ratio of the weights, and so does the bound; too far, and there is none."""
    rng = np.random.default_rng(0)
    shares = [errors_of(spread_softmax(rng, span)) for _ in range(10)]
    assert max(max(share) for share in shares) <= 1
    assert max(share[0] for share in shares) > 1e-4  # not idly large: terms, not their squares
    assert rounding(spread_softmax(rng, 33.0)).logit == np.inf


def test_a_softmax_mean_is_no_larger_than_its_size() -> None:
    rng = np.random.default_rng(0)
    used = []
    for span in (0.0, 1.0, 5.0, 15.0):
        table = spread_softmax(rng, span)
        pairs = all_pairs(table.r)
        present = np.concatenate((pairs.alice_BR, pairs.bob_BR), axis=1).astype(np.float64)
        sums_BC = present @ table.edges_2rC + table.edge_slots * table.null_C + table.query_C
        means_BD = sums_BC[:, :4] / np.repeat(sums_BC[:, 4:], 2, axis=1)
        size_D, terms_D = _mean_size_and_terms(table, steps=100)
        assert (np.abs(means_BD) <= size_D).all() and (size_D <= terms_D).all()
        used.append((np.abs(means_BD).max(0) / size_D).max())
    assert max(used) > 0.95  # a null token that outweighs all others has its own value


def test_a_negative_weight_makes_a_mean_larger_than_every_value() -> None:
    """A table may round a weight below 0; then the mean is no convex combination."""
    table = spread_softmax(np.random.default_rng(0), 0.0)
    edges = table.edges_2rC.copy()
    edges[0, 4:] = -table.null_C[4:] - 0.5
    table = replace(table, edges_2rC=edges)
    assert 0 < max(errors_of(table)) <= 1
    sums_C = edges[0] + table.edge_slots * table.null_C + table.query_C
    assert (np.abs(sums_C[:4] / np.repeat(sums_C[4:], 2)) <= _mean_size_and_terms(table, steps=100)[0]).all()


def test_numbers_that_almost_underflow() -> None:
    """Numerators of 2^-1060 have 15 bits left."""
    table = spread_softmax(np.random.default_rng(0), 1.0)
    down = np.array([-1060] * 4 + [-498] * 2)
    small = replace(
        table,
        edges_2rC=np.ldexp(table.edges_2rC, down),
        null_C=np.ldexp(table.null_C, down),
        query_C=np.ldexp(table.query_C, down),
        residual_M=np.zeros(4),
    )
    assert 0 < rounding(small).state < 1e-80
    assert 0 < errors_of(small)[0] <= 1


def adversary(change: Callable[[OneLayerTable, np.random.Generator], OneLayerTable], seed: int) -> OneLayerTable:
    config = OneLayerConfig(vertices=4, width=4, hidden=4, experts=2, attention="uniform", slots=4)
    return change(extract(random_model(config, seed, scale=1.0)), np.random.default_rng(seed))


def cancelling(table: OneLayerTable, rng: np.random.Generator) -> OneLayerTable:
    """A huge residual that the tokens take back."""
    edges = table.edges_2rC.copy()
    base = table.edge_slots * table.null_C + table.query_C + edges.sum(0)
    return replace(table, residual_M=-(base / table.tokens) @ table.mix_DM + 1e-3, edges_2rC=edges)


def ill_conditioned(table: OneLayerTable, rng: np.random.Generator) -> OneLayerTable:
    """Weights over twelve orders of magnitude."""
    block = table.block
    scale_M = 10.0 ** rng.uniform(-6, 6, size=4)
    return replace(
        table,
        mix_DM=table.mix_DM * scale_M,
        block=replace(block, inner_KMF=block.inner_KMF / scale_M[:, None] * 10.0 ** rng.uniform(-3, 3, size=4)),
    )


def opposing_units(table: OneLayerTable, rng: np.random.Generator) -> OneLayerTable:
    """Hidden units whose large outputs cancel."""
    block = table.block
    inner = np.repeat(block.inner_KMF[:, :, ::2], 2, axis=2) * 1e5
    folded = np.repeat(block.folded_KF[:, ::2], 2, axis=1) * [1, -1, 1, -1]
    bias = np.repeat(block.inner_bias_KF[:, ::2], 2, axis=1)
    return replace(table, block=replace(block, inner_KMF=inner, folded_KF=folded, inner_bias_KF=bias))


def loud_router(table: OneLayerTable, rng: np.random.Generator) -> OneLayerTable:
    """Scores in the millions that differ by little."""
    block = table.block
    assert block.router_MK is not None
    shared = 1e6 * np.repeat(block.router_MK[:, :1], 2, axis=1)
    return replace(table, block=replace(block, router_MK=shared + block.router_MK, top_k=int(rng.integers(1, 3))))


@pytest.mark.parametrize("change", [cancelling, ill_conditioned, opposing_units, loud_router])
@given(seed=st.integers(0, 2**31))
def test_no_adversary_gets_past_the_bound(
    change: Callable[[OneLayerTable, np.random.Generator], OneLayerTable], seed: int
) -> None:
    assert max(errors_of(adversary(change, seed), slice(0, 16, 5))) <= 1


def test_a_quantised_message_may_be_far_larger_than_what_it_rounds() -> None:
    """Alice's weights are tiny, Bob hears +-1/2: the bound is about what Bob hears."""
    table = extract(random_model(ROUNDED_KINDS[0], scale=0.5))
    quiet = replace(
        table, edges_2rC=table.edges_2rC * 1e-12, null_C=table.null_C * 1e-12, query_C=table.query_C * 0,
        residual_M=table.residual_M * 0,
    )  # fmt: skip
    loud = replace(quiet, block=replace(quiet.block, constant_K=np.zeros(1), inner_bias_KF=np.zeros((1, 5))))
    assert 0 < max(errors_of(loud)) <= 1


def test_many_experts_count() -> None:
    """The softmax over K adds K rounding errors."""
    few, many = (
        rounding(extract(random_model(OneLayerConfig(vertices=4, width=2, hidden=1, experts=K)))) for K in (2, 4000)
    )
    assert many.router > 20 * few.router


@pytest.mark.parametrize("config", [FLOAT_KINDS[0], FLOAT_KINDS[-1], ROUNDED_KINDS[0]], ids=name_of)
def test_a_foreign_block_brings_its_own_bound(config: OneLayerConfig) -> None:
    """The state's error is bounded here, with the same terms as before a block of this package."""
    table = extract(random_model(config))
    foreign = rounding(replace(table, block=ForeignBlock(table.block.logits, 0.25)))
    own = rounding(table)
    assert (foreign.logit, foreign.router) == (0.25, 0.0)
    assert own.state / 2 < foreign.state <= own.state  # the same numbers, fewer steps
