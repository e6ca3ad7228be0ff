"""Alice and Bob on tables: the message has the bits that the bound counts, and decides the answer with Bob's edges."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pytest
from exact_table import exact
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from theory.bounds import entropy_bits, message_bits, message_count
from theory.encoding import star_edges
from theory.errors import InputError
from theory.instances import Pairs, all_pairs
from theory.protocol import Alice, Bob, Group, MessageFormat, SplitTable, Transcript, converse, split_edges
from theory.protocol.message import codes, float_sums, integer_sums
from theory.protocol.steps import steps
from theory.table import Block, ForeignBlock, OneLayerTable

R = 3


def block(rng: np.random.Generator, M: int, K: int, top_k: int, F: int = 4) -> Block:
    router = (rng.normal(size=(M, K)), rng.normal(size=K)) if K > 1 else (None, None)
    return Block(
        inner_KMF=rng.normal(size=(K, M, F)),
        inner_bias_KF=rng.normal(size=(K, F)),
        folded_KF=rng.normal(size=(K, F)),
        constant_K=rng.normal(size=K),
        readout_M=rng.normal(size=M),
        router_MK=router[0],
        router_bias_K=router[1],
        top_k=top_k,
    )


def table(
    seed: int, heads: int, uniform: bool, bits: int | None, K: int = 1, top_k: int = 1, r: int = R
) -> OneLayerTable:
    """Random; with ``bits`` of p-bit integers, without of floats."""
    rng = np.random.default_rng(seed)
    D, M = 2 * heads, 3
    shape = (2 * r + 2, D)
    values = rng.normal(size=shape) if bits is None else rng.integers(0, 2**bits, size=shape).astype(float)
    if not uniform:
        weights = rng.normal(size=(len(values), heads))
        weights = np.exp(weights) if bits is None else rng.integers(1, 2**bits, size=weights.shape).astype(float)
        values = np.concatenate((values * np.repeat(weights, D // heads, axis=1), weights), axis=1)
    return OneLayerTable(
        edges_2rC=values[:-2] - values[-2],
        null_C=values[-2],
        query_C=values[-1],
        edge_slots=2 * r + 1,
        heads=heads,
        uniform=uniform,
        offset_D=np.zeros(D) if bits is None else rng.normal(size=D),
        scale_D=np.ones(D) if bits is None else rng.uniform(0.5, 2, size=D),
        mix_DM=rng.normal(size=(D, M)),
        residual_M=rng.normal(size=M),
        block=block(rng, M, K, top_k),
    )


def graphs(r: int = R) -> list[tuple[Pairs, NDArray[np.int64]]]:
    """All 4^r pairs with their edges ``[edges, 2]``."""
    pairs = all_pairs(r)
    found = []
    for i, slots in enumerate(star_edges(pairs)):
        found.append((Pairs(pairs.alice_BR[i : i + 1], pairs.bob_BR[i : i + 1]), slots[slots[:, 0] >= 0]))
    return found


def run(model: SplitTable, edges: NDArray[np.int64], own: float = 0.0) -> Transcript:
    return converse(model, edges, model.r + 2, own)


ROUTINGS = ((1, 1), (4, 1), (4, 2), (64, 1))


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 2**40)), min_size=1, max_size=4), st.data())
def test_a_message_survives_packing(groups: list[tuple[int, int]], data: st.DataObject) -> None:
    form = MessageFormat("integer sums", tuple(Group("n", count, values) for count, values in groups))
    numbers = [data.draw(st.integers(0, values - 1)) for count, values in groups for _ in range(count)]
    packed = form.pack(numbers)
    assert form.unpack(packed) == numbers
    assert 8 * len(packed) - 8 < form.bits <= 8 * len(packed)
    assert int.from_bytes(packed, "big").bit_length() <= form.bits


def test_every_message_has_a_word_of_its_own_and_no_bit_is_wasted() -> None:
    form = integer_sums(r=2, heads=1, bits=1, width=2, uniform=False)
    packed = {form.pack(numbers) for numbers in product(range(3), range(3), range(3))}
    assert len(packed) == form.messages == 27 and form.bits == 5
    assert {int.from_bytes(word, "big") for word in packed} == set(range(27))


@pytest.mark.parametrize(("r", "heads", "bits", "width"), [(1, 1, 1, 1), (3, 1, 1, 4), (6, 2, 8, 4), (62, 4, 5, 16)])
def test_the_bits_are_those_of_the_counting_bound(r: int, heads: int, bits: int, width: int) -> None:
    for uniform, attention in ((True, "uniform"), (False, "softmax")):
        form = integer_sums(r, heads, bits, width, uniform)
        assert form.messages == message_count(r, heads, bits, width, attention)
        assert form.bits == message_bits(r, heads, bits, width, attention)


@given(st.lists(st.floats(), min_size=3, max_size=3))
def test_floats_arrive_as_they_were_sent(numbers: list[float]) -> None:
    form = float_sums(heads=1, width=2, uniform=False)
    assert form.bits == 192 == 8 * len(form.pack(numbers))
    assert np.array_equal(form.unpack(form.pack(numbers)), numbers, equal_nan=True)


def test_what_is_no_message_is_refused() -> None:
    form = codes(width=3, levels=5)
    with pytest.raises(InputError, match="a message of 2 bytes: this model's has 1"):
        form.unpack(b"ab")
    with pytest.raises(InputError, match="name no message"):
        form.unpack(b"\xff")  # 255 > 5^3
    with pytest.raises(ValueError, match="5 is outside 0 to 4"):
        form.pack([0, 5, 0])
    with pytest.raises(ValueError, match="2 numbers"):
        form.pack([0, 0])


@pytest.mark.parametrize("uniform", [True, False])
@pytest.mark.parametrize("heads", [1, 2, 4])
@pytest.mark.parametrize(("K", "top_k"), ROUTINGS)
def test_integer_tables_are_answered_as_by_the_definition(uniform: bool, heads: int, K: int, top_k: int) -> None:
    model = SplitTable(table(heads, heads, uniform, bits=3, K=K, top_k=top_k), bits=3)
    bits = set()
    for pairs, edges in graphs()[heads::4]:
        transcript = run(model, edges)
        truth = exact(model.table, pairs.alice_BR[0], pairs.bob_BR[0])
        assert transcript.reading.logit == pytest.approx(float(truth.logit), abs=1e-9)
        best = sorted(range(len(truth.scores)), key=lambda k: -truth.scores[k])[:top_k]
        assert list(transcript.reading.experts) == (best if K > 1 else [])
        assert transcript.error is None and transcript.oracle == bool(pairs.intersects_B[0])
        bits.add(transcript.bits)
    assert bits == {message_bits(R, heads, 3, 2 * heads, "uniform" if uniform else "softmax")}


def test_sets_with_one_message_get_one_answer() -> None:
    """Fewer messages than sets: some pair of sets is answered alike by every Bob, so the model errs."""
    model = SplitTable(table(5, 1, True, bits=1), bits=1)
    narrow = replace(model.table, mix_DM=model.table.mix_DM[:1], offset_D=np.zeros(1), scale_D=np.ones(1))
    narrow = replace(narrow, edges_2rC=narrow.edges_2rC[:, :1], null_C=narrow.null_C[:1], query_C=narrow.query_C[:1])
    model = SplitTable(narrow, bits=1)
    assert model.message.bits == 2 < R
    logits: dict[tuple[bytes, bytes], set[float]] = {}
    errors = 0
    for _, edges in graphs():
        transcript = run(model, edges)
        assert transcript.rules_out
        key = (transcript.message, np.array(transcript.bob_edges).tobytes())
        logits.setdefault(key, set()).add(transcript.reading.logit)
        errors += transcript.answer != transcript.oracle
    assert len(logits) < 4**R and errors > 0
    assert all(len(values) == 1 for values in logits.values())


@pytest.mark.parametrize("uniform", [True, False])
@pytest.mark.parametrize(("K", "top_k"), ROUTINGS)
def test_streamed_floats_are_within_their_rounding_error(uniform: bool, K: int, top_k: int) -> None:
    model = SplitTable(table(1, 2, uniform, bits=None, K=K, top_k=top_k))
    assert model.message.bits == 64 * (4 if uniform else 6)
    for pairs, edges in graphs()[::5]:
        transcript = run(model, edges)
        truth = exact(model.table, pairs.alice_BR[0], pairs.bob_BR[0])
        assert transcript.error is not None and transcript.error < 1e-9
        assert abs(truth.logit - transcript.reading.logit) <= transcript.error
        assert transcript.answer == (truth.logit >= 0) or abs(truth.logit) <= transcript.error


def test_alice_s_state_is_that_of_one_stream_over_her_tokens() -> None:
    """Bob goes on where she stopped: the sums are those of one execution from left to right."""
    model = SplitTable(table(2, 1, False, bits=None))
    edges = graphs()[-1][1]
    hers, his = split_edges(edges, R)
    message = Alice(model, hers).speak()
    total = R * model.table.null_C
    for row in model.table.edges_2rC[:R]:
        total = total + row
    assert model.message.unpack(message) == [*total[2:], *total[:2]]
    for row in (R + 1) * model.table.null_C, *model.table.edges_2rC[R:], model.table.query_C:
        total = total + row
    assert list(Bob(model, his).answer(message).sums) == [*total[2:], *total[:2]]


@pytest.mark.parametrize("levels", [2, 16])
def test_codes(levels: int) -> None:
    model = SplitTable(replace(table(3, 1, True, bits=None, K=4), message_levels=levels))
    assert model.message.bits == 3 * (levels.bit_length() - 1)
    for pairs, edges in graphs()[::5]:
        truth = exact(model.table, pairs.alice_BR[0], pairs.bob_BR[0])
        assert run(model, edges).reading.logit == pytest.approx(float(truth.logit), abs=1e-9)


def test_any_function_of_the_state_is_a_block() -> None:
    model = SplitTable(replace(table(4, 2, False, None), block=ForeignBlock(lambda x_BM: np.sin(x_BM).sum(1), 1e-9)))
    whole = model.table
    alice, bob = whole.halves()
    for (pairs, edges), (a, b) in zip(graphs(), product(range(2**R), repeat=2), strict=True):
        transcript = run(model, edges)
        expected = float(np.sin(whole.states((alice[a] + bob[b])[None])).sum())
        assert pairs.alice_BR[0] @ 2 ** np.arange(R) == a
        assert transcript.reading.logit == pytest.approx(expected, abs=1e-12) and transcript.error == 1e-9


def test_edges_that_no_path_can_use_are_bob_s() -> None:
    """They come with rows of their own; a table without such rows refuses them."""
    plain = table(6, 1, False, bits=2)
    other = np.array([[1, 2], [R + 1, 0], [0, R + 1]])
    rng = np.random.default_rng(0)
    weight = rng.integers(0, 4, size=(3, 1))
    extra = np.concatenate((weight * rng.integers(0, 4, size=(3, 2)), weight), axis=1) - plain.null_C
    model = SplitTable(
        plain, bits=2, others=lambda edges: extra[[other.tolist().index(list(e)) for e in edges.tolist()]]
    )
    star = np.array([[0, 1], [2, R + 1]])
    transcript = run(model, np.concatenate((other, star)))
    assert transcript.alice_edges == ((0, 1),) and len(transcript.bob_edges) == 4
    alone = run(model, star).reading.sums
    added = np.array(transcript.reading.sums) - alone
    assert added.any() and added.tolist() == [*extra.sum(0)[2:], *extra.sum(0)[:2]]
    assert transcript.bits == run(model, star).bits
    with pytest.raises(InputError, match=r"edge \(1, 2\) is none of the 6"):
        run(SplitTable(plain, bits=2), np.concatenate((star, other[:1])))


def test_bob_takes_back_null_tokens_where_he_has_more_edges_than_slots() -> None:
    few = SplitTable(replace(table(7, 1, False, bits=2), edge_slots=R + 1), bits=2)
    edges = np.array([[0, 1], [1, R + 1], [2, R + 1], [3, R + 1]])
    transcript = run(few, edges)
    rows = few.table.edges_2rC[[0, R, R + 1, R + 2]].sum(0) + (R + 1) * few.table.null_C + few.table.query_C
    assert transcript.reading.sums == tuple(int(n) for n in (*rows[2:], *rows[:2]))
    assert "takes back 2 of the null tokens" in steps(transcript)[4].says


@pytest.mark.parametrize(
    ("edges", "vertices", "says"),
    [
        ([[0, 1]], 6, "the graph has 6 vertices and the model is for 5"),
        ([*([u, v] for u, v in combinations(range(5), 2))], 5, "10 edges and the model 7 slots"),
        ([[0, 5]], 5, "vertices are 0 to 4"),
        ([[0, 1], [0, 1]], 5, "twice"),
    ],
)
def test_graphs_that_the_model_cannot_hold_are_refused(edges: list[list[int]], vertices: int, says: str) -> None:
    with pytest.raises(InputError) as refused:
        converse(SplitTable(table(0, 1, True, 2), bits=2), np.array(edges), vertices, 0.0)
    assert says in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("model", "bits", "says"),
    [
        (table(0, 1, False, None), 3, "not all integers from 0 to 7"),
        (table(0, 1, False, 4), 3, "not all integers"),
        (table(0, 1, True, 2), 0, "from 0 to 0"),
        (table(0, 1, True, 2), 26, "no exact float64 integers"),
        (replace(table(0, 1, True, None), message_levels=4), 3, "rounded already"),
    ],
)
def test_bits_that_are_not_the_table_s_are_refused(model: OneLayerTable, bits: int, says: str) -> None:
    with pytest.raises(InputError) as refused:
        SplitTable(model, bits)
    assert says in str(refused.value) and "\n" not in str(refused.value)


def test_the_entropy_is_that_of_alice_s_contributions() -> None:
    model = SplitTable(table(8, 2, False, bits=4), bits=4)
    transcript = run(model, graphs()[9][1])
    assert transcript.entropy == entropy_bits(model.table.edges_2rC[:R].astype(int)).high
    assert run(SplitTable(model.table), graphs()[9][1]).entropy is None


def test_steps_are_as_many_for_every_model_and_say_what_is_sent() -> None:
    found = []
    for K, top_k in ROUTINGS:
        transcript = run(SplitTable(table(9, 1, False, bits=3, K=K, top_k=top_k), bits=3), graphs()[27][1])
        shown = steps(transcript, ["s", "a", "b", "c", "d"])
        assert [step.bits for step in shown if step.bits] == [transcript.bits]
        assert shown[2].numbers[0] == ("sum of weights of a head", transcript.numbers[:1])
        his = dict(shown[5].numbers)["his sum of weights of a head"]
        assert his[0] + transcript.numbers[0] == transcript.reading.sums[0]
        assert all(f"expert {k}" in shown[6].says for k in transcript.reading.experts)
        found.append([(step.who, step.bits) for step in shown])
    assert all(each == found[0] for each in found)
    assert "(s, " in shown[1].says and "d)" in shown[4].says
