"""The protocol on this package's models: Bob's logit is the model's own, whatever the experts, from bytes alone."""

from __future__ import annotations

import math
import multiprocessing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from bob_process import answer_messages
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from one_layer_cases import FLOAT_KINDS, ROUNDED_KINDS, name_of, present_of, random_model, star_graphs
from one_layer_strategies import configurations

from parrots.checkpoint import save_model
from parrots.config import OneLayerConfig
from parrots.constructions import build
from parrots.experts import unequal_experts
from parrots.extract import extract
from parrots.model import OneLayerModel, with_value_bits
from parrots.protocol import run, split
from theory.bounds import message_bits
from theory.encoding import decode_star
from theory.errors import InputError
from theory.protocol import Alice, Bob, SplitTable, split_edges
from theory.protocol.parties import on_star

Edges = NDArray[np.int64]


@st.composite
def graphs_of(draw: st.DrawFn, config: OneLayerConfig) -> Edges:
    """Any digraph that fits, in any order, loops and edges beside the star included."""
    V = config.vertices
    codes = draw(st.lists(st.integers(0, V * V - 1), max_size=config.edge_slots, unique=True))
    return np.array([divmod(code, V) for code in codes], dtype=np.int64).reshape(-1, 2)


def model_of(config: OneLayerConfig, seed: int, double: bool) -> OneLayerModel:
    model = random_model(config, seed, scale=0.7)
    return model.double() if double else model


def own_logits(model: OneLayerModel, edges: Edges) -> list[float]:
    """Of the model itself on the whole graph: token by token and, where that holds the graph, as a table."""
    slots = np.full((1, model.config.edge_slots, 2), -1)
    slots[0, : len(edges)] = edges
    with torch.no_grad():
        logits = [float(model(torch.from_numpy(slots))[0])]
        if on_star(edges, model.config.intermediates).all():
            present = present_of(decode_star(slots, model.config.intermediates), next(model.parameters()).dtype)
            logits.append(float(model.forward_table(present)[0]))
    return logits


def same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))


@given(st.data(), st.integers(1, 12), st.integers(0, 99), st.booleans())
def test_integers_give_the_model_s_own_logit_bit_for_bit(
    data: st.DataObject, bits: int, seed: int, double: bool
) -> None:
    config = data.draw(configurations(value_bits=bits))
    model, edges = model_of(config, seed, double), data.draw(graphs_of(config))
    transcript = run(model, edges)
    assert all(same(transcript.reading.logit, logit) for logit in own_logits(model, edges))
    assert transcript.residual == 0 and transcript.answer == transcript.own_answer
    sizes = (config.intermediates, config.heads, bits, config.width, config.attention)
    assert transcript.bits == message_bits(*sizes)
    assert len(transcript.message) == -(-transcript.bits // 8)


@given(st.data(), st.integers(1, 12), st.integers(0, 99), st.booleans())
def test_codes_give_the_model_s_own_logit(data: st.DataObject, bits: int, seed: int, double: bool) -> None:
    """Bit for bit as a table; token by token Bob's floats are added in another order."""
    config = data.draw(configurations(message_bits=bits, attention="uniform"))
    model, edges = model_of(config, seed, double), data.draw(graphs_of(config))
    if data.draw(st.booleans()):
        edges = edges[on_star(edges, config.intermediates)]
    transcript = run(model, edges)
    by_token, *by_table = own_logits(model, edges)
    assert all(transcript.reading.logit == logit for logit in by_table)
    # A message a rounding error away from the boundary of a level may fall on either side.
    close = abs(transcript.reading.logit - by_token) <= (1e-9 if double else 1e-3) * (1 + abs(by_token))
    assert close or not _codes_are_clear(model, edges)
    assert transcript.bits == bits * config.width == 8 * len(transcript.message) - -transcript.bits % 8


def _codes_are_clear(model: OneLayerModel, edges: Edges) -> bool:
    """Whether no coordinate of Alice's message is within float error of the boundary between two levels."""
    table, r = extract(model), model.config.intermediates
    hers, _ = split_edges(edges, r)
    levels = table.message_levels
    assert levels is not None
    message = (table.edges_2rC[hers[:, 1] - 1].sum(0) + r * table.null_C) / table.tokens @ table.mix_DM
    position = (np.tanh(message) + 1) * levels / 2
    return bool((np.abs(position - np.rint(position)) > 1e-5 * levels).all())


@given(st.data(), st.integers(0, 99))
def test_floats_give_the_model_s_own_answer_beyond_rounding(data: st.DataObject, seed: int) -> None:
    config = data.draw(configurations())
    model, edges = model_of(config, seed, double=True), data.draw(graphs_of(config))
    transcript = run(model, edges)
    assert transcript.error is not None
    for logit in own_logits(model, edges):
        assert transcript.residual <= 2 * transcript.error + 1e-12 * abs(logit)
        assert transcript.answer == (logit >= 0) or abs(logit) <= 2 * transcript.error
    heads = config.heads if config.attention == "softmax" else 0
    assert transcript.bits == 64 * (heads + config.width) == 8 * len(transcript.message)


@pytest.mark.parametrize("config", [*FLOAT_KINDS[::7], *ROUNDED_KINDS], ids=name_of)
def test_alice_s_edges_matter_through_the_bytes_alone(config: OneLayerConfig) -> None:
    """Bob's object never sees hers; other edges of hers, other bytes, another logit."""
    model = random_model(config, scale=0.5)
    _, slots = star_graphs(config, batch=12)
    bob = Bob(split(model), slots[0][slots[0, :, 0] >= 0].numpy()[-1:])
    found = {}
    for graph in slots.numpy():
        hers, _ = split_edges(graph, config.intermediates)
        message = Alice(split(model), hers).speak()
        logit = bob.answer(message).logit
        assert found.setdefault(message, logit) == logit
    assert len(found) > 1 and len(set(found.values())) > 1


@pytest.mark.parametrize("config", [FLOAT_KINDS[-1], ROUNDED_KINDS[-2]], ids=name_of)
def test_bob_in_another_process_gets_bytes_only(tmp_path: Path, config: OneLayerConfig) -> None:
    model = random_model(config, scale=0.5)
    save_model(model, tmp_path / "model.safetensors")
    _, slots = star_graphs(config, batch=5)
    graphs = [graph[graph[:, 0] >= 0] for graph in slots.numpy()]
    his = [split_edges(graph, config.intermediates)[1] for graph in graphs]
    hers = [split_edges(graph, config.intermediates)[0] for graph in graphs]
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    bob = context.Process(
        target=answer_messages, args=(tmp_path / "model.safetensors", his[0].tolist(), there), daemon=True
    )
    bob.start()
    there.close()
    here_bob = Bob(split(model), his[0])
    for edges in hers:
        mine = edges.copy()
        message = Alice(split(model), mine).speak()
        here.send_bytes(message)
        mine[:] = [0, 1]  # what Alice holds after she has spoken cannot matter
        logit, answer = here.recv()
        expected = run(model, np.concatenate((edges, his[0])))
        assert (logit, answer) == (expected.reading.logit, expected.answer)
        assert (logit, answer) == (here_bob.answer(message).logit, expected.answer)
        assert 8 * len(message) - expected.bits in range(8)
    here.close()
    bob.join(timeout=20)
    assert bob.exitcode == 0


@pytest.mark.parametrize("fields", [{"value_bits": 5}, {"value_bits": 3, "attention": "uniform"}, {}])
def test_the_message_is_as_long_for_any_number_of_experts(fields: dict[str, object]) -> None:
    lengths, logits = set(), set()
    edges = np.array([[0, 1], [0, 3], [2, 5], [3, 5], [4, 5]])
    for K, top_k in ((1, 1), (2, 1), (4, 2), (16, 3), (64, 1), (4096, 1)):
        config = OneLayerConfig(vertices=6, width=4, hidden=2, heads=2, experts=K, top_k=top_k, **fields)  # type: ignore[arg-type]
        transcript = run(random_model(config, seed=K), edges)
        lengths.add((transcript.bits, len(transcript.message)))
        logits.add(transcript.reading.logit)
        assert len(transcript.reading.experts) == (top_k if K > 1 else 0)
    assert len(lengths) == 1 and len(logits) == 6


def test_experts_of_unequal_size() -> None:
    """MoDSE: an expert with fewer units than another is one whose missing units are zero."""
    generator = torch.Generator().manual_seed(0)

    def expert(units: int) -> tuple[torch.Tensor, ...]:
        shapes = ((4, units), (units,), (units, 4), (4,))
        return tuple(torch.randn(shape, generator=generator) for shape in shapes)

    experts = [expert(units) for units in (1, 5, 9)]
    config = OneLayerConfig(vertices=7, width=4, hidden=9, heads=2, experts=3, value_bits=6)
    model = OneLayerModel(config, random_model(config, seed=2, scale=0.5).weights() | unequal_experts(experts))
    x = torch.randn(50, 4, generator=generator)
    block = extract(model).block
    chosen = set()
    for k, (inner, inner_bias, outer, outer_bias) in enumerate(experts):
        alone = (x + (x @ inner + inner_bias).relu() @ outer + outer_bias) @ model.weights()["readout"]
        np.testing.assert_allclose(block._expert(k, x.double().numpy()), alone.detach(), rtol=1e-4, atol=1e-4)
    for graph in star_graphs(config)[1].numpy():
        edges = graph[graph[:, 0] >= 0]
        transcript = run(model, edges)
        assert all(transcript.reading.logit == logit for logit in own_logits(model, edges))
        chosen |= set(transcript.reading.experts)
    assert chosen == {0, 1, 2}


def test_weights_that_all_round_to_zero_are_answered_no() -> None:
    config = OneLayerConfig(vertices=4, width=2, hidden=2, value_bits=1)
    model = random_model(config)
    with torch.no_grad():  # one edge outshines everything else, and is absent
        model.w_query[:], model.w_key[:] = torch.eye(2), torch.eye(2)
        model.query[:], model.null[:] = torch.tensor([5.0, 0.0]), 0.0
        model.edges[:] = 0.0
        model.edges[0, 0] = 10.0
        model.query[1] = 0.0
    transcript = run(model, np.array([[0, 2], [1, 3]]))
    assert all(math.isnan(logit) for logit in own_logits(model, np.array([[0, 2], [1, 3]])))
    assert math.isnan(transcript.reading.logit) and transcript.residual == 0
    assert (transcript.answer, transcript.own_answer) == (False, False)


def test_a_float_model_is_rounded_as_the_configuration_does() -> None:
    model = random_model(FLOAT_KINDS[5])
    rounded = with_value_bits(model, 7)
    assert rounded.config == replace(model.config, value_bits=7)
    assert all(torch.equal(rounded.weights()[name], value) for name, value in model.weights().items())
    with pytest.raises(InputError, match="7-bit weights and values already"):
        with_value_bits(rounded, 7)
    with pytest.raises(InputError, match="rounded messages already"):
        with_value_bits(random_model(ROUNDED_KINDS[0]), 3)
    for bits in (0, -1, 25):
        with pytest.raises(InputError, match=f"value_bits {bits}"):
            with_value_bits(model, bits)


def test_the_dense_construction_needs_one_bit_a_value() -> None:
    """Its counts are exact as 1-bit integers, so it stays right on every star."""
    model = with_value_bits(build("dense", vertices=7).model, 1)
    pairs, slots = star_graphs(model.config, batch=60)
    for truth, graph in zip(pairs.intersects_B, slots.numpy(), strict=True):
        transcript = run(model, graph[graph[:, 0] >= 0])
        assert transcript.answer == transcript.oracle == truth
        assert transcript.bits >= transcript.r and not transcript.rules_out


def test_the_table_of_a_rounded_model_sends_the_same_message() -> None:
    """What is extracted for other methods takes part in the protocol too."""
    config = ROUNDED_KINDS[-1]
    model = random_model(config).double()
    for graph in star_graphs(config, batch=8)[1].numpy():
        edges = graph[graph[:, 0] >= 0]
        hers, his = split_edges(edges, config.intermediates)
        own, table = split(model), SplitTable(extract(model), bits=config.value_bits)
        assert Alice(own, hers).speak() == Alice(table, hers).speak()
        message = Alice(own, hers).speak()
        assert Bob(own, his).answer(message).sums == Bob(table, his).answer(message).sums
        assert Bob(table, his).answer(message).logit == pytest.approx(Bob(own, his).answer(message).logit, rel=1e-9)
