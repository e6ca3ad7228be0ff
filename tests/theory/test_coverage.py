"""The table of coverage: its numbers, the protocols behind them, and what a row that charges for experts is about."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from theory import coverage, statements
from theory.bounds import message_bits, message_min_width
from theory.errors import InputError
from theory.instances import Pairs, all_pairs, uniform
from theory.statements.functions import CeilLog2
from theory.statements.statement import M
from theory.statements.statement import r as r_

ROWS = coverage.COVERAGE
PRICED = [row.name for row in ROWS if row.holds in ("yes", "on average", "with extra bits")]
sizes = {"r": st.integers(1, 500), "bits": st.integers(1, 12), "heads": st.integers(1, 3)}


def test_rows_are_complete() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS)
    for row in ROWS:
        assert row.statement in statements.ids()
        assert row.model and row.why and not row.why.endswith(".")
        assert (row.extra_bits != 0) == (row.holds == "with extra bits")
        assert row.holds != "no" or row.witnesses


def test_a_construction_leads_to_its_row() -> None:
    for row in ROWS:
        assert all(coverage.of_construction(name) is row for name in row.witnesses)
    assert coverage.of_construction("packed") is None


@pytest.mark.parametrize("row", [row for row in ROWS if row.name not in PRICED], ids=lambda row: row.name)
def test_a_row_without_a_price_gives_its_reason(row: coverage.Coverage) -> None:
    with pytest.raises(InputError) as refused:
        coverage.covered_min_width(row.name, 10, 8)
    assert row.why in str(refused.value) and "\n" not in str(refused.value)


def test_an_unknown_row_lists_all() -> None:
    with pytest.raises(InputError, match=r"unknown kind of model 'mamba'.*dense, token-choice") as refused:
        coverage.get("mamba")
    assert all(row.name in str(refused.value) for row in ROWS)


@pytest.mark.parametrize("name", PRICED)
@given(st.data())
def test_min_width_is_the_first_with_the_bits(name: str, data: st.DataObject) -> None:
    r, bits, heads = (data.draw(strategy) for strategy in sizes.values())
    extra = coverage.extra_bits(name, r, bits, heads, experts=3, top_k=2)
    width = coverage.covered_min_width(name, r, bits, "softmax", heads, experts=3, top_k=2)
    law = statements.get("own-coverage").formula
    enough = law.subs({M: message_bits(r, heads, bits, width), sympy.Symbol("x", nonnegative=True): extra, r_: r})
    assert enough == sympy.true
    assert width == 1 or message_bits(r, heads, bits, width - 1) + extra <= r
    assert width <= message_min_width(r, heads, bits)
    assert extra or width == message_min_width(r, heads, bits)


@given(st.integers(1, 10**9))
def test_rounded_logarithm(n: int) -> None:
    bits = int(CeilLog2(n))
    assert 2 ** (bits - 1) < n <= 2**bits
    assert CeilLog2(r_ + 1).subs(r_, n) == CeilLog2(n + 1)
    assert n > 1000 or CeilLog2(r_).doit().subs(r_, n) == bits


# Selections: the binary search that Alice and Bob run, on scores of the tokens that each of them holds.


def shared_selection(alice: np.ndarray, bob: np.ndarray, keep: int, bits: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Which of Alice's and Bob's tokens are among the ``keep`` largest scores, and how many bits they exchange.

    Alice's positions come first and earlier positions win ties.
    """
    count = len(alice).bit_length()  # numbers from 0 to r
    spoken, low, high = 0, 0, 2**bits
    while high - low > 1:
        middle = (low + high) // 2
        enough = (alice >= middle).sum() + (bob >= middle).sum() >= keep  # Alice: her count; Bob: one bit
        spoken += count + 1
        low, high = (middle, high) if enough else (low, middle)
    above_a, above_b = alice > low, bob > low
    room = keep - above_a.sum() - above_b.sum()
    ties_a, ties_b = np.flatnonzero(alice == low), np.flatnonzero(bob == low)
    hers = min(room, len(ties_a))  # Bob tells her; he knows both her counts from the search
    above_a[ties_a[:hers]] = True
    above_b[ties_b[: room - hers]] = True
    return above_a, above_b, spoken + count


@given(st.integers(1, 12), st.integers(0, 12), st.integers(1, 4), st.integers(0, 2**32), st.data())
def test_the_price_of_a_selection_is_what_the_search_takes(
    r: int, others: int, bits: int, seed: int, data: st.DataObject
) -> None:
    scores = np.random.default_rng(seed).integers(0, 2**bits, r + others)
    keep = data.draw(st.integers(1, r + others))
    alice, bob, spoken = shared_selection(scores[:r], scores[r:], keep, bits)
    chosen = np.sort(np.argsort(-scores, kind="stable")[:keep])
    assert np.array_equal(np.flatnonzero(np.concatenate([alice, bob])), chosen)
    assert spoken == coverage.extra_bits("depth-before-attention", r, bits)
    assert coverage.extra_bits("top-k-attention", r, bits, heads=3) == 3 * spoken


@given(st.integers(1, 10), st.integers(1, 6), st.integers(1, 3), st.integers(1, 5), st.integers(0, 2**32))
def test_a_count_of_each_expert_decides_whether_the_query_is_dropped(
    r: int, experts: int, bits: int, capacity: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    # Token choice, query last: it keeps expert e iff fewer than `capacity` tokens before it chose e.
    choice = rng.integers(0, experts, 2 * r)
    wanted = int(rng.integers(experts))
    taken = np.flatnonzero(np.append(choice, wanted) == wanted)[:capacity]
    hers = int((choice[:r] == wanted).sum())
    assert (2 * r in taken) == (hers + (choice[r:] == wanted).sum() < capacity)
    assert (experts - 1).bit_length() + r.bit_length() == coverage.extra_bits(
        "capacity-query-attends", r, bits, experts=experts
    )
    # Expert choice: each expert takes its best, position breaking ties.
    scores = rng.integers(0, 2**bits, (experts, 2 * r + 1))
    best = np.argsort(-scores, axis=1, kind="stable")[:, :capacity]
    before = scores[:, : 2 * r] >= scores[:, 2 * r :]
    counts = before[:, :r].sum(1) + before[:, r:].sum(1)
    assert np.array_equal((best == 2 * r).any(1), counts < capacity)
    assert experts * (bits + r.bit_length()) == coverage.extra_bits(
        "expert-choice-query-attends", r, bits, experts=experts
    )


# Expert choice without attention: K = r experts buy width, so its row must charge for experts.


def expert_choice(pairs: Pairs, experts_take: int = 2) -> tuple[np.ndarray, int]:
    """Answers ``[batch]`` of a layer without attention, r experts of capacity 2; and its width."""
    r = pairs.r
    c = max(1, (r - 1).bit_length())
    code_Rc = 2 * ((np.arange(r)[:, None] >> np.arange(c)) & 1) - 1
    present_BN = np.concatenate([pairs.alice_BR, pairs.bob_BR], axis=1)
    edge_NM = np.concatenate([np.tile(code_Rc, (2, 1)), np.zeros((2 * r, 1), dtype=int)], axis=1)
    null_M, query_M = np.array([0] * c + [-c]), np.array([0] * c + [c - 1])
    router_RM = np.concatenate([code_Rc, np.ones((r, 1), dtype=int)], axis=1)
    score_BRN = np.where(present_BN[:, None], router_RM @ edge_NM.T, (router_RM @ null_M)[None, :, None])
    before_BR = (score_BRN >= (router_RM @ query_M)[:, None]).sum(-1)
    return (before_BR >= experts_take).any(1), c + 1


@pytest.mark.parametrize("r", [1, 2, 3, 5])
def test_expert_choice_with_an_expert_a_vertex_is_right_on_every_graph(r: int) -> None:
    pairs = all_pairs(r)
    answers, _ = expert_choice(pairs)
    assert np.array_equal(answers, pairs.intersects_B)
    assert not np.array_equal(expert_choice(pairs, experts_take=1)[0], pairs.intersects_B)


def test_expert_choice_is_narrower_than_any_token_wise_model() -> None:
    r, bits = 512, 8
    pairs = uniform(np.random.default_rng(0), 8, r, density=0.03)
    answers, width = expert_choice(pairs)
    assert np.array_equal(answers, pairs.intersects_B)
    assert 0 < answers.sum() < len(answers)
    assert width < coverage.covered_min_width("token-choice", r, bits, experts=r)
    assert coverage.covered_min_width("expert-choice-query-attends", r, bits, experts=r) == 1


def token_choice(pairs: Pairs, others: int) -> np.ndarray:
    """How many of the r experts of the vertices drop the query, ``[batch]``: no attention, capacity 2, top_k = r.

    ``others`` experts more have one score; the query, last, names the experts of the vertices.
    """
    r, c = pairs.r, max(1, (pairs.r - 1).bit_length())
    code_Rc = 2 * ((np.arange(r)[:, None] >> np.arange(c)) & 1) - 1
    present_BN = np.concatenate([pairs.alice_BR, pairs.bob_BR], axis=1)
    own_BNR = np.where(present_BN[..., None], np.tile(code_Rc @ code_Rc.T, (2, 1)), -c)
    score_BNK = np.concatenate([own_BNR, np.full((*present_BN.shape, others), c - 1)], axis=2)
    wanted_BNk = np.argsort(-score_BNK, axis=2, kind="stable")[..., :r]
    earlier_BR = (wanted_BNk[..., None] == np.arange(r)).sum((1, 2))
    return (earlier_BR >= 2).sum(1)


@pytest.mark.parametrize("r", [2, 3, 5])
def test_token_choice_buys_width_with_twice_as_many_experts_as_choices(r: int) -> None:
    """An edge must have other experts for its other choices: with K = k every token names every expert."""
    pairs = all_pairs(r)
    assert np.array_equal(token_choice(pairs, others=r) > 0, pairs.intersects_B)
    assert (token_choice(pairs, others=0) == r).all()
    assert coverage.covered_min_width("capacity-query-attends", 512, 8, experts=1024, top_k=512) == 1


@given(st.integers(1, 400))
def test_sets_of_half_the_size_are_nearly_all(r: int) -> None:
    assert comb(r, r // 2) << coverage.extra_bits("variable-length", r) >= 2**r


def test_floats_that_stream_send_their_state() -> None:
    """Bob goes on from Alice's running maximum, sum and accumulators, bit for bit."""
    rng = np.random.default_rng(3)
    logits, values = rng.normal(size=20).astype(np.float16), rng.normal(size=(20, 3)).astype(np.float16)

    def stream(state: tuple[np.float16, np.float16, np.ndarray], rows: range) -> tuple:
        top, total, sums = state
        for i in rows:
            new = max(top, logits[i])
            shrink, weight = np.exp(top - new), np.exp(logits[i] - new)
            top, total, sums = new, total * shrink + weight, sums * shrink + weight * values[i]
        return top, total, sums

    start = (np.float16(-60000), np.float16(0), np.zeros(3, dtype=np.float16))
    message = stream(start, range(12))
    sent = b"".join(np.asarray(part).tobytes() for part in message)
    whole, resumed = stream(start, range(20)), stream(message, range(12, 20))
    assert all(np.array_equal(a, b) for a, b in zip(whole, resumed, strict=True))
    assert 8 * len(sent) == 16 * (2 + 3)


@given(st.integers(1, 3000), st.integers(1, 4), st.integers(1, 64))
def test_streaming_width(r: int, heads: int, bits: int) -> None:
    width = coverage.streaming_min_width(r, heads, bits)
    assert bits * (2 * heads + width) >= r
    assert width == 1 or bits * (2 * heads + width - 1) < r
