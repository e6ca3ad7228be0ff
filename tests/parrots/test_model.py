"""The one-layer model: its two executions agree with each other and with the definition, and refuse bad input."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from one_layer_cases import FLOAT_KINDS, ROUNDED_KINDS, logits_by_definition, name_of, present_of, random_model
from one_layer_cases import star_graphs as graphs
from torch import Tensor

from parrots.config import OneLayerConfig
from parrots.initialise import initial_parameters
from parrots.model import OneLayerModel
from theory.errors import InputError

KINDS = (*FLOAT_KINDS, *ROUNDED_KINDS)
TOLERANCE = {torch.float64: 1e-11, torch.float32: 1e-4}
"""Largest difference between two executions, as a share of the largest logit."""


def assert_close(one: Tensor, other: Tensor, dtype: torch.dtype) -> None:
    scale = other.abs().max().item()
    torch.testing.assert_close(one, other, rtol=0, atol=TOLERANCE[dtype] * scale, check_dtype=False)


@pytest.mark.parametrize("config", KINDS, ids=name_of)
def test_both_executions_equal_the_definition(config: OneLayerConfig) -> None:
    model = random_model(config).double()
    pairs, edges = graphs(config, batch=20)
    with torch.no_grad():
        by_token, by_table = model(edges), model.forward_table(present_of(pairs, torch.float64))
    expected = torch.from_numpy(logits_by_definition(model, edges.numpy()))
    assert len(expected.unique()) > 10
    assert_close(by_token, expected, torch.float64)
    assert_close(by_table, expected, torch.float64)


@pytest.mark.parametrize("config", FLOAT_KINDS, ids=name_of)
def test_float32_executions_agree(config: OneLayerConfig) -> None:
    """In float32 experts run as one grouped product, in float64 one by one."""
    model = random_model(config, scale=0.5)
    pairs, edges = graphs(config)
    with torch.no_grad():
        by_token, by_table, exact = model(edges), model.forward_table(present_of(pairs)), model.double()(edges)
    assert by_token.dtype == by_table.dtype == torch.float32
    assert_close(by_token, exact, torch.float32)
    assert_close(by_table, exact, torch.float32)


@pytest.mark.parametrize("config", [c for c in FLOAT_KINDS if c.heads == 2 and c.experts == 4], ids=name_of)
def test_gradients_of_both_executions_agree(config: OneLayerConfig) -> None:
    model = random_model(config, scale=0.5).double()
    pairs, edges = graphs(config)

    def gradients(logits: Tensor) -> tuple[Tensor, ...]:
        return torch.autograd.grad((logits * torch.linspace(-1, 1, len(logits))).sum(), list(model.parameters()))

    by_token, by_table = gradients(model(edges)), gradients(model.forward_table(present_of(pairs, torch.float64)))
    for (name, _), one, other in zip(model.named_parameters(), by_token, by_table, strict=True):
        assert one.abs().max() > 0, name
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-8 * one.abs().max().item())


@pytest.mark.parametrize("embedding", ["star", "pair", "endpoints"])
@pytest.mark.parametrize("attention", ["uniform", "softmax"])
def test_any_digraph_token_by_token(embedding: str, attention: str) -> None:
    """Edges that no length-2 path can use have an embedding too."""
    config = OneLayerConfig(vertices=5, width=4, hidden=3, heads=2, attention=attention, embedding=embedding, slots=25)
    model = random_model(config, scale=0.5).double()
    everything = np.stack(np.meshgrid(np.arange(5), np.arange(5), indexing="ij"), -1).reshape(1, 25, 2)
    rng = np.random.default_rng(0)
    some = np.where(rng.random((30, 25, 1)) < 0.6, everything, -1)
    edges = np.concatenate((everything, some))
    with torch.no_grad():
        assert_close(
            model(torch.from_numpy(edges)), torch.from_numpy(logits_by_definition(model, edges)), torch.float64
        )


def test_a_message_counts_only_edges_from_the_source_to_an_intermediate() -> None:
    config = replace(ROUNDED_KINDS[0], embedding="pair", slots=20, message_bits=2)
    model = random_model(config, scale=0.3).double()
    edges = np.full((5, 20, 2), -1)
    for row, extra in zip(edges, ((0, 5), (1, 2), (0, 0), (5, 0), (0, 1)), strict=True):
        row[3], row[7], row[8] = (0, 2), (2, 5), extra
    with torch.no_grad():
        logits = model(torch.from_numpy(edges))
    assert_close(logits, torch.from_numpy(logits_by_definition(model, edges)), torch.float64)


@pytest.mark.parametrize("config", [*FLOAT_KINDS[::7], *ROUNDED_KINDS], ids=name_of)
def test_order_of_the_slots_does_not_matter(config: OneLayerConfig) -> None:
    model = random_model(config).double()
    _, edges = graphs(config)
    shuffled = edges[:, torch.randperm(edges.shape[1], generator=torch.Generator().manual_seed(1))]
    assert not torch.equal(shuffled, edges)
    with torch.no_grad():
        assert_close(model(shuffled), model(edges), torch.float64)


def test_an_absent_edge_has_no_influence() -> None:
    model = random_model(FLOAT_KINDS[0], scale=0.5)
    pairs, edges = graphs(FLOAT_KINDS[0])
    with torch.no_grad():
        before = model(edges)
        model.edges[0] += 5
        changed = model(edges) != before
    assert torch.equal(changed, torch.from_numpy(pairs.alice_BR[:, 0]))


def test_uniform_attention_is_softmax_with_equal_logits() -> None:
    uniform = random_model(FLOAT_KINDS[0], scale=0.5)
    config = replace(FLOAT_KINDS[0], attention="softmax")
    zeros = {name: torch.zeros(config.shapes()[name]) for name in ("w_query", "w_key")}
    softmax = OneLayerModel(config, uniform.weights() | zeros)
    _, edges = graphs(config)
    with torch.no_grad():
        assert_close(softmax(edges), uniform(edges), torch.float32)


@pytest.mark.parametrize("config", [FLOAT_KINDS[0], FLOAT_KINDS[6], *ROUNDED_KINDS[1:3]], ids=name_of)
def test_an_empty_batch_has_no_logits(config: OneLayerConfig) -> None:
    model = random_model(config)
    r = config.intermediates
    assert model(torch.zeros(0, config.edge_slots, 2, dtype=torch.int64)).shape == (0,)
    assert model.forward_table(torch.zeros(0, 2 * r)).shape == (0,)


def edges_of(*pairs: tuple[int, int]) -> Tensor:
    """One graph of six vertices in eight slots."""
    return torch.tensor([[*pairs, *[(-1, -1)] * (8 - len(pairs))]])


@pytest.mark.parametrize(
    ("edges", "says"),
    [
        (edges_of((0, 6)), "vertices"),
        (edges_of((-1, 2)), "vertices"),
        (edges_of((0, 1), (0, 1)), "twice"),
        (edges_of((0, 1))[:, :5], "5 edge slots"),
        (edges_of((0, 1)).float(), "integers"),
        (edges_of((0, 1))[0], "[batch, slots, 2]"),
    ],
)
def test_edges_that_the_model_cannot_hold_are_refused(edges: Tensor, says: str) -> None:
    with pytest.raises(InputError) as refused:
        random_model(FLOAT_KINDS[0])(edges)
    assert says in str(refused.value) and "\n" not in str(refused.value)


def test_parameters_of_another_shape_are_refused() -> None:
    weights = random_model(FLOAT_KINDS[0]).weights()
    with pytest.raises(ValueError, match="parameter edges has shape"):
        OneLayerModel(replace(FLOAT_KINDS[0], vertices=7), weights)


@pytest.mark.parametrize("config", [*FLOAT_KINDS[::11], *ROUNDED_KINDS], ids=name_of)
def test_initial_weights_depend_on_the_seed_alone(config: OneLayerConfig) -> None:
    first, again, other = (initial_parameters(config, seed) for seed in (0, 0, 1))
    assert {name: tuple(value.shape) for name, value in first.items()} == config.shapes()
    assert all(value.isfinite().all() and value.dtype == torch.float32 for value in first.values())
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["edges"], other["edges"])


GOOD = OneLayerConfig(vertices=6, width=6, hidden=5, experts=4)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        *(({name: 0}, f"{name} 0 is not allowed") for name in ("width", "hidden", "heads", "experts", "top_k")),
        *(({name: 0}, f"{name} 0 is not allowed") for name in ("message_bits", "value_bits")),
        *(({"width": bad}, f"width {bad!r} is not allowed") for bad in (-1, True, 6.0, "6", None, [6])),
        ({"vertices": 2}, "vertices 2 is not allowed: give a whole number of at least 3"),
        ({"vertices": True}, "vertices True"),
        ({"slots": 4}, "at least 5 (r + 1, for 6 vertices)"),
        ({"slots": 8.0}, "slots 8.0"),
        ({"slots": False}, "slots False"),
        ({"heads": 4}, "4 heads do not divide width 6"),
        ({"top_k": 5}, "top_k 5 exceeds the 4 experts"),
        ({"attention": "sofmax"}, "attention 'sofmax' is unknown: give one of softmax, uniform"),
        ({"attention": None}, "attention None"),
        ({"attention": ["softmax"]}, "attention ['softmax']"),
        ({"embedding": "edge\n"}, "embedding 'edge\\n' is unknown: give one of star, pair, endpoints"),
        ({"embedding": "x" * 10_000}, "unknown"),
        ({"message_bits": 2}, "uniform attention"),
        ({"message_bits": 2, "value_bits": 2, "attention": "uniform"}, "both given"),
        ({"message_bits": 25, "attention": "uniform"}, "message_bits 25 is more than float32 holds: give 1 to 24"),
        ({"value_bits": 2000}, "value_bits 2000 is more than float32 holds"),
        ({"value_bits": 23, "slots": 255}, "value_bits 23: sums of weight times value over 256 tokens"),
    ],
)
def test_shapes_that_do_not_exist_are_refused(fields: dict[str, object], says: str) -> None:
    with pytest.raises(InputError) as refused:
        replace(GOOD, **fields)
    message = str(refused.value)
    assert says in message and "\n" not in message and len(message) < 400


@pytest.mark.parametrize("fields", [{}, {"vertices": 6}, [1], {**GOOD.to_json(), "depth": 2}, {"a\nb": 1}, "text"])
def test_json_that_is_no_configuration_is_refused(fields: object) -> None:
    with pytest.raises(InputError, match="OneLayerConfig") as refused:
        OneLayerConfig.from_json(fields)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("config", [GOOD, *ROUNDED_KINDS], ids=name_of)
def test_a_configuration_survives_json(config: OneLayerConfig) -> None:
    assert OneLayerConfig.from_json(config.to_json()) == config
