"""The plain-array table of a model gives the model's own logits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from one_layer_cases import FLOAT_KINDS, ROUNDED_KINDS, name_of, present_of, random_model

from parrots.attention import token_table
from parrots.config import OneLayerConfig
from parrots.constructions import build
from parrots.extract import extract
from parrots.model import OneLayerModel
from theory.instances import all_pairs
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


def test_an_extracted_table_is_a_copy() -> None:
    model = build("dense", vertices=5).model
    table = extract(model)
    before = logits_of(table).copy()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 1
    assert np.array_equal(logits_of(table), before)
