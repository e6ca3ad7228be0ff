"""Parameters and FLOPs: by hand, by ``numel`` and by torch's own counter."""

from __future__ import annotations

import pytest
import torch
from one_layer_cases import FLOAT_KINDS, ROUNDED_KINDS, name_of, present_of, random_model, star_graphs
from torch.utils.flop_counter import FlopCounterMode

from parrots.config import OneLayerConfig
from theory.accounting import parameters, table_flops, token_flops, training_flops

KINDS = (
    *FLOAT_KINDS,
    *ROUNDED_KINDS,
    OneLayerConfig(vertices=3, width=1, hidden=1),
    OneLayerConfig(vertices=9, width=10, hidden=7, heads=5, experts=3, top_k=3, slots=20),
)


def test_a_small_dense_model_by_hand() -> None:
    """V = 4 (r = 2), m = 3, F = 5, uniform attention, 4 edge slots (N = 5)."""
    config = OneLayerConfig(vertices=4, width=3, hidden=5, attention="uniform")
    counts = parameters(config)
    assert counts.embedding == 21  # 2 edges at the source, 2 at the target, other, null, query: 7 rows of 3
    assert counts.attention == 18  # W_v and W_o, 3 x 3
    assert (counts.router, counts.readout) == (0, 3)
    assert counts.expert == 15 + 5 + 15 + 3  # W1, b1, W2, b2
    assert counts.total == counts.active == 21 + 18 + 38 + 3 == 80
    assert counts.without_embedding == 59
    # Folding the read-out: W2 u (5 x 3) and b2 u (3).  A graph: W_o, W1, the folded W2, and u.
    folding, graph = 2 * (15 + 3), 2 * (9 + 15 + 5 + 3)
    assert token_flops(config, 1) == folding + graph + 2 * 5 * 9  # values of 5 tokens
    assert token_flops(config, 10) == folding + 10 * (graph + 2 * 5 * 9)
    # The table: values of 6 rows (4 edges, null, query), once.  A graph: 4 zeros and ones times 4 x 3.
    assert table_flops(config, 1) == folding + 2 * 6 * 9 + graph + 2 * 12
    assert table_flops(config, 10) == folding + 2 * 6 * 9 + 10 * (graph + 2 * 12)
    assert training_flops(config, 10, 7) == 7 * 3 * table_flops(config, 10)


def test_a_small_mixture_by_hand() -> None:
    """V = 4, m = 4, F = 3, 2 softmax heads, 5 experts of which 2 are used, a row for each ordered pair."""
    config = OneLayerConfig(vertices=4, width=4, hidden=3, heads=2, experts=5, top_k=2, embedding="pair")
    counts = parameters(config)
    assert counts.embedding == (16 + 2) * 4
    assert counts.attention == 4 * 16  # W_q, W_k, W_v, W_o
    assert counts.router == 4 * 5 + 5
    assert counts.expert == 12 + 3 + 12 + 4
    assert counts.total == 72 + 64 + 25 + 5 * 31 + 4 == 320
    assert counts.active == 72 + 64 + 25 + 2 * 31 + 4 == 227
    folding, query = 5 * 2 * (12 + 4), 2 * 16
    graph = 2 * (16 + 20 + 2 * (12 + 3) + 4)  # W_o, router, two experts, u
    assert token_flops(config, 3) == folding + query + 3 * (graph + 2 * 5 * 2 * 16)  # keys and values of 5 tokens
    assert table_flops(config, 3) == folding + query + 6 * 2 * 2 * 16 + 3 * (graph + 2 * 4 * (4 + 2))


def test_rounding_by_hand() -> None:
    """V = 4, m = 3, F = 5, 4 edge slots, one graph."""
    plain, message, values = (
        OneLayerConfig(vertices=4, width=3, hidden=5, attention="uniform", **bits)
        for bits in ({}, {"message_bits": 2}, {"value_bits": 2})
    )
    assert parameters(message) == parameters(values) == parameters(plain)
    # A message: W_o of two halves; token by token the values of two sums instead of five tokens.
    assert table_flops(message, 1) - table_flops(plain, 1) == 2 * 9
    assert token_flops(message, 1) - token_flops(plain, 1) == 2 * 9 - 3 * 2 * 9
    # Rounded values: token by token the six rows of the table, which fix the scale.
    assert table_flops(values, 1) == table_flops(plain, 1)
    assert token_flops(values, 1) - token_flops(plain, 1) == 6 * 2 * 9


@pytest.mark.parametrize("config", KINDS, ids=name_of)
def test_totals_are_those_of_the_model(config: OneLayerConfig) -> None:
    model, counts = random_model(config), parameters(config)
    assert counts.total == sum(parameter.numel() for parameter in model.parameters())
    assert counts.without_embedding == counts.total - sum(
        getattr(model, name).numel() for name in ("edges", "null", "query")
    )


@pytest.mark.parametrize("config", KINDS, ids=name_of)
def test_active_parameters_are_those_one_answer_depends_on(config: OneLayerConfig) -> None:
    """All but the experts that were not chosen: those get no gradient at all."""
    model = random_model(config, scale=0.3)
    pairs, _ = star_graphs(config, batch=0)
    model.forward_table(present_of(pairs)[1:]).sum().backward()
    untouched = sum(
        model.inner[k].numel() + model.inner_bias[k].numel() + model.outer[k].numel() + model.outer_bias[k].numel()
        for k in range(config.experts)
        if not model.outer_bias.grad[k].any()
    )
    counts = parameters(config)
    assert counts.active == counts.total - untouched


@pytest.mark.parametrize("batch", [1, 7])
@pytest.mark.parametrize("config", KINDS, ids=name_of)
def test_flops_are_those_torch_counts(config: OneLayerConfig, batch: int) -> None:
    """In float64, where experts run one by one: torch does not count the grouped product."""
    model = random_model(config, scale=0.3).double()
    pairs, edges = star_graphs(config, batch=batch)
    for expected, run in (
        (token_flops(config, batch), lambda: model(edges[:batch])),
        (table_flops(config, batch), lambda: model.forward_table(present_of(pairs, torch.float64)[:batch])),
    ):
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            run()
        assert counter.get_total_flops() == expected
