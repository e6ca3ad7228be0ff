"""One-layer tables: halves, states, messages and the routed block, each against its definition."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from exact_table import exact
from one_layer_cases import FLOAT_KINDS, ROUNDED_KINDS, name_of, random_model

from parrots.config import OneLayerConfig
from parrots.extract import extract
from theory.errors import InputError
from theory.instances import all_pairs, subsets
from theory.table import Block, ForeignBlock, message_position, message_values

KINDS = (*FLOAT_KINDS[::3], *ROUNDED_KINDS)


@pytest.mark.parametrize("config", KINDS, ids=name_of)
def test_a_state_is_a_function_of_the_sum_of_two_messages(config: OneLayerConfig) -> None:
    table = extract(random_model(replace(config, vertices=4, slots=5), scale=0.5))
    alice_SC, bob_SC = table.halves()
    assert len(alice_SC) == len(bob_SC) == 4
    pairs = all_pairs(2)
    states = table.states((alice_SC[:, None] + bob_SC).reshape(16, -1))
    logits = table.block.logits(states)
    for row in range(16):
        truth = exact(table, pairs.alice_BR[row], pairs.bob_BR[row])
        np.testing.assert_allclose(states[row], [float(x) for x in truth.state], rtol=1e-11, atol=1e-11)
        assert logits[row] == pytest.approx(float(truth.logit), rel=1e-11, abs=1e-11)


def test_rows_of_halves_are_subsets() -> None:
    """Alice's row a depends on the vertices of subset a alone."""
    table = extract(random_model(FLOAT_KINDS[0]))
    alice_SC, _ = table.halves()
    changed = replace(table, edges_2rC=table.edges_2rC + np.eye(8, 1, -2) * np.ones(6))
    different = (changed.halves()[0] != alice_SC).any(1)
    assert np.array_equal(different, subsets(4)[:, 2])


@pytest.mark.parametrize("config", [FLOAT_KINDS[0], FLOAT_KINDS[-1]], ids=name_of)
def test_states_leave_their_argument_alone(config: OneLayerConfig) -> None:
    table = extract(random_model(config))
    sums = table.halves()[1]
    before = sums.copy()
    table.states(sums)
    assert np.array_equal(sums, before)


@pytest.mark.parametrize("levels", [1, 2, 8, 2**20])
def test_messages_are_centres_of_levels(levels: int) -> None:
    message = np.concatenate((np.random.default_rng(0).normal(size=500) * 2, [0.0, 1e9, -1e9]))
    values = message_values(message, levels)
    codes = ((values + 1) * levels - 1) / 2
    assert np.array_equal(codes, np.rint(codes))
    assert codes.min() == 0 and codes.max() == levels - 1
    assert (np.abs(values - np.tanh(message)) <= 1 / levels + 1e-15).all()
    position = message_position(message, levels)
    assert ((codes <= position) & (position <= codes + 1)).all()


def random_block(K: int, top_k: int, seed: int = 0) -> Block:
    rng = np.random.default_rng(seed)
    return Block(
        inner_KMF=rng.normal(size=(K, 3, 4)),
        inner_bias_KF=rng.normal(size=(K, 4)),
        folded_KF=rng.normal(size=(K, 4)),
        constant_K=rng.normal(size=K),
        readout_M=rng.normal(size=3),
        router_MK=rng.normal(size=(3, K)),
        router_bias_K=rng.normal(size=K),
        top_k=top_k,
    )


@pytest.mark.parametrize(("K", "top_k"), [(2, 1), (5, 1), (5, 2), (5, 3), (5, 5), (300, 2)])
def test_routing_token_by_token(K: int, top_k: int) -> None:
    block = random_block(K, top_k)
    x_BM = np.random.default_rng(1).normal(size=(60, 3))
    logits_B, lead_B = block.routed(x_BM)
    assert np.array_equal(block.logits(x_BM), logits_B)
    for x, logit, lead in zip(x_BM, logits_B, lead_B, strict=True):
        scores = x @ block.router_MK + block.router_bias_K
        order = np.argsort(-scores)
        powers = np.exp(scores)
        gates = powers / (powers.sum() if top_k == 1 else powers[order[:top_k]].sum())
        expected = sum(
            gates[k]
            * (
                np.maximum(x @ block.inner_KMF[k] + block.inner_bias_KF[k], 0) @ block.folded_KF[k]
                + x @ block.readout_M
                + block.constant_K[k]
            )
            for k in order[:top_k]
        )
        assert logit == pytest.approx(expected, rel=1e-12)
        expected_lead = scores[order[top_k - 1]] - scores[order[top_k]] if top_k < K else np.inf
        assert lead == pytest.approx(expected_lead, rel=1e-9)


def test_large_router_scores_do_not_overflow() -> None:
    block = random_block(4, 1)
    steep = replace(block, router_MK=block.router_MK * 1e6)
    x_BM = np.random.default_rng(1).normal(size=(60, 3))
    best = (x_BM @ steep.router_MK).argmax(1)
    expected = [replace(block, router_MK=None)._expert(k, x[None])[0] for k, x in zip(best, x_BM, strict=True)]
    with np.errstate(over="raise", invalid="raise"):
        np.testing.assert_allclose(steep.logits(x_BM), expected, rtol=1e-9)


@pytest.mark.parametrize("shape", [(), (7, 1), (1, 7), (6,)])
def test_a_foreign_block_gives_one_logit_a_state(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError) as refused:
        ForeignBlock(lambda x_BM: np.zeros(shape), 0.0).logits(np.zeros((7, 2)))
    assert str(shape) in str(refused.value) and "shape (7,)" in str(refused.value) and "\n" not in str(refused.value)
    assert np.array_equal(ForeignBlock(lambda x_BM: x_BM[:, 1], 0.0).logits(np.eye(2)), [0, 1])


@pytest.mark.parametrize("error", [-1e-9, float("nan")])
def test_the_error_of_a_foreign_block_is_a_bound(error: float) -> None:
    with pytest.raises(InputError, match="from 0 on"):
        ForeignBlock(lambda x_BM: x_BM[:, 0], error)
