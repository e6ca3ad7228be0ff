"""The plain-array table of a model gives the model's own logits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from one_layer_cases import FLOAT_KINDS, ROUNDED_KINDS, name_of, present_of, random_model
from one_layer_strategies import configurations

from parrots.attention import token_table
from parrots.config import OneLayerConfig
from parrots.constructions import build
from parrots.extract import extract
from parrots.model import OneLayerModel, with_value_bits
from theory.instances import Pairs, all_pairs
from theory.table import OneLayerTable


def logits_of(table: OneLayerTable) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """All 4^r of them, in the order of ``all_pairs``."""
    alice_SC, bob_SC = table.halves()
    return table.block.logits(table.states((alice_SC[:, None] + bob_SC).reshape(-1, alice_SC.shape[1])))


def assert_same(model: OneLayerModel) -> None:
    pairs = all_pairs(model.config.intermediates)
    table = extract(model)
    with torch.no_grad():
        expected = model.double().forward_table(present_of(pairs, torch.float64)).numpy()
    assert len(np.unique(expected)) > 4
    np.testing.assert_allclose(logits_of(table), expected, rtol=0, atol=1e-11 * np.abs(expected).max())


@pytest.mark.parametrize("config", [*FLOAT_KINDS, *ROUNDED_KINDS], ids=name_of)
def test_logits_are_those_of_the_model_on_all_inputs(config: OneLayerConfig) -> None:
    if config.value_bits is None:
        assert_same(random_model(config))
    else:  # the grids of a float32 model are float32 numbers
        assert_same(random_model(config).double())


@pytest.mark.parametrize("name", ["dense", "packed"])
def test_logits_of_constructions(name: str) -> None:
    assert_same(build(name, vertices=6).model)


@pytest.mark.parametrize("config", [c for c in ROUNDED_KINDS if c.value_bits], ids=name_of)
def test_codes_are_decided_in_the_model_s_own_precision(config: OneLayerConfig) -> None:
    model = random_model(config)
    own, table = token_table(model.weights(), config), extract(model)
    for half in (table.edges_2rC, table.null_C, table.query_C):
        assert half.dtype == np.float64 and np.array_equal(half, np.rint(half))
    if config.attention == "uniform":
        assert np.array_equal(table.edges_2rC + table.null_C, own.values[:-2].detach().numpy())
    else:
        assert own.weights is not None
        weights = table.edges_2rC[:, config.width :] + table.null_C[config.width :]
        assert np.array_equal(weights, own.weights[:-2].detach().numpy())


@given(st.data(), st.integers(0, 99), st.sampled_from(("float", "values", "message")))
def test_every_shape_of_model(data: st.DataObject, seed: int, kind: str) -> None:
    """Any heads, experts, top-k, attention, embedding, slots; p-bit values and b-bit messages."""
    bits = data.draw(st.integers(1, 10))
    fixed = {"float": {}, "values": {"value_bits": bits}, "message": {"message_bits": bits, "attention": "uniform"}}
    config = data.draw(configurations(**fixed[kind]))
    config = replace(config, slots=max(config.edge_slots, 2 * config.intermediates))
    model = random_model(config, seed, scale=0.7).double()
    pairs, table = all_pairs(min(config.intermediates, 6)), extract(model)
    pairs = Pairs(pairs.alice_BR[::61], pairs.bob_BR[::61])
    with torch.no_grad():
        expected = model.forward_table(present_of(pairs, torch.float64)).numpy()
    with np.errstate(invalid="ignore"):  # weights that all round to zero
        found = logits_of(table)[::61]
    close = np.isclose(found, expected, rtol=1e-9, atol=1e-9 * np.nanmax(np.abs(expected), initial=1), equal_nan=True)
    # A message within float error of the boundary between two levels may fall on either side.
    assert close.mean() >= (1 if kind != "message" else 0.9)


@pytest.mark.parametrize("config", [FLOAT_KINDS[3], FLOAT_KINDS[-1], *ROUNDED_KINDS[1::3]], ids=name_of)
def test_a_trained_model(config: OneLayerConfig) -> None:
    pairs = all_pairs(config.intermediates)
    present, truth = present_of(pairs), torch.from_numpy(pairs.intersects_B).float()
    model = random_model(config, scale=0.4)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    losses = []
    for _ in range(25):
        loss = torch.nn.functional.binary_cross_entropy_with_logits(model.forward_table(present), truth)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]
    assert_same(model if config.value_bits is None else model.double())


@pytest.mark.parametrize("bits", [1, 4, 9])
def test_a_model_that_is_rounded_afterwards(bits: int) -> None:
    config = replace(FLOAT_KINDS[-1], heads=3)
    model = with_value_bits(random_model(config, scale=0.5).double(), bits)
    table = extract(model)
    weights = table.edges_2rC[:, config.width :] + table.null_C[config.width :]
    assert set(np.unique(weights)) <= set(range(2**bits)) and weights.max() == 2**bits - 1
    if bits > 1:  # else some graphs have no weight left
        assert_same(model)


def test_an_extracted_table_is_a_copy() -> None:
    model = build("dense", vertices=5).model
    table = extract(model)
    before = logits_of(table).copy()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 1
    assert np.array_equal(logits_of(table), before)
