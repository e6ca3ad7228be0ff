"""The two-layer model: its two executions agree, its accounts are exact, its ensembles are its members."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from parrots.two_layer import (
    SCORE_SPAN,
    TwoLayerConfig,
    TwoLayerEnsemble,
    TwoLayerModel,
    initial_parameters,
    matmul_flops,
    parameter_count,
    two_layer_logits,
)
from parrots.two_layer.table import met_alone
from theory.encoding import encode_star, star_edges
from theory.errors import InputError
from theory.instances import Pairs, uniform

CONFIGS = [
    TwoLayerConfig(vertices=3, width=1, hidden=1),
    TwoLayerConfig(vertices=8, width=6, hidden=5),
    TwoLayerConfig(vertices=8, width=6, hidden=5, heads=2),
    TwoLayerConfig(vertices=10, width=12, hidden=7, heads=4),
    TwoLayerConfig(vertices=8, width=6, hidden=5, heads=2, edges_meet=False),
]


def graphs(config: TwoLayerConfig, batch: int = 40) -> tuple[Pairs, Tensor]:
    """Random pairs, the empty and the full pair among them, and their edges in random slots."""
    rng = np.random.default_rng(0)
    r = config.intermediates
    drawn = uniform(rng, batch, r)
    constant = np.repeat(np.array([[False], [True]]), r, axis=1)
    pairs = Pairs(np.concatenate((drawn.alice_BR, constant)), np.concatenate((drawn.bob_BR, constant)))
    return pairs, torch.from_numpy(encode_star(pairs, 2 * r, rng))


def present_of(pairs: Pairs) -> Tensor:
    """``[batch, 2r]`` 0/1 floats for the table execution."""
    return torch.from_numpy(np.concatenate((pairs.alice_BR, pairs.bob_BR), axis=1)).float()


def sharp_model(config: TwoLayerConfig, seed: int = 0) -> TwoLayerModel:
    """Random embeddings twice the initial ones: layer-1 scores reach well above 10, so no attention is near uniform."""
    parameters = initial_parameters(config, seed)
    return TwoLayerModel(config, parameters | {name: 2 * parameters[name] for name in ("edges", "query")})


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_table_execution_equals_token_by_token(config: TwoLayerConfig) -> None:
    model = sharp_model(config).double()
    pairs, edges = graphs(config)
    with torch.no_grad():
        by_token, by_table = model(edges), model.forward_table(present_of(pairs).double())
    assert len(by_token.unique()) > 3
    torch.testing.assert_close(by_table, by_token, rtol=1e-9, atol=1e-9)


def model_with_span(span: float) -> tuple[TwoLayerModel, Pairs]:
    """A model whose largest layer-1 score is ``span`` above the query token's, and two graphs.

    Every edge asks with coordinate 0 and is asked for by coordinate 1: (s, 2) scores ``span``, (s, 1) ``span - 1``, all
    others 0.  The first graph holds both, so that large weights compete; the second holds neither, only (1, d), whose
    weights are then all far below the largest in its row.
    """
    config = TwoLayerConfig(vertices=4, width=3, hidden=3)
    asks, asked = torch.zeros(3, 3), torch.zeros(3, 3)
    asks[0, 0], asked[1, 0] = 1.0, 1.0
    size = (3**0.5 * span) ** 0.5  # scores are divided by the root of the width
    less = size * (span - 1) / span
    edges = torch.tensor([[size, less, 9.0], [size, size, 0.0], [size, 0.0, 0.0], [size, 0.0, 0.0]])
    special = {"w_query_1": asks, "w_key_1": asked, "edges": edges, "query": torch.tensor([0.0, 0.0, 1.0])}
    pairs = Pairs(np.array([[True, True], [False, False]]), np.array([[False, False], [True, False]]))
    return TwoLayerModel(config, initial_parameters(config, seed=1) | special), pairs


def test_executions_and_gradients_agree_up_to_the_span() -> None:
    model, pairs = model_with_span(SCORE_SPAN - 1)
    outputs = model.forward_table(present_of(pairs)), model(torch.from_numpy(star_edges(pairs)))
    torch.testing.assert_close(*outputs, rtol=1e-5, atol=1e-5)
    by_table, by_token = (torch.autograd.grad(logits.sum(), list(model.parameters())) for logits in outputs)
    for (name, _), one, other in zip(model.named_parameters(), by_table, by_token, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3, msg=lambda text, name=name: f"{name}: {text}")


def test_beyond_the_span_the_table_execution_is_wrong_and_refuses() -> None:
    def difference(span: float) -> float:
        """Between the executions in float64, whose rounding is far below the threshold."""
        model, pairs = model_with_span(span)
        model = model.double()
        stacked = {name: value[None] for name, value in model.named_parameters()}
        table = two_layer_logits(present_of(pairs).double()[None], stacked, model.config)[0]
        return (table - model(torch.from_numpy(star_edges(pairs)))).abs().max().item()

    assert difference(SCORE_SPAN - 1) < 1e-9 < 1e-4 < difference(SCORE_SPAN + 20) < float("inf")
    model, pairs = model_with_span(SCORE_SPAN + 1)
    with pytest.raises(InputError, match="token by token"):
        model.forward_table(present_of(pairs))


def test_who_sees_whom_where_edges_do_not_meet() -> None:
    assert met_alone(3, torch.device("cpu")).int().tolist() == [[1, 0, 1], [0, 1, 1], [1, 1, 1]]


def test_edges_that_do_not_meet_say_the_same_whoever_else_is_there() -> None:
    """With a query that hears nobody in layer 1 and sums without weights in layer 2, the answer is additive."""
    base = initial_parameters(CONFIGS[1], seed=0)
    zero = {name: torch.zeros_like(base[name]) for name in ("w_query_2", "outer")}
    query = torch.zeros(6)
    query[0] = 1.0
    maps = {name: base[name].clone() for name in ("w_query_1", "w_key_1", "edges")}
    for name, value in maps.items():
        value[:, 0] = 0.0
        if name != "edges":
            value[0, 0] = 9.0  # the query asks for itself alone, and nobody else asks for it by this
    parameters = base | zero | maps | {"query": query}
    present = torch.zeros(4, 12)
    present[1, 2] = present[2, 8] = present[3, 2] = present[3, 8] = 1.0
    tokens = 1 + present.sum(1)

    def excess(meet: bool) -> float:
        with torch.no_grad():
            model = TwoLayerModel(replace(CONFIGS[1], edges_meet=meet), parameters)
            logits = model.forward_table(present)
        sums = (logits - logits[0]) * tokens  # in layer 2 every token has the same weight
        return float((sums[3] - sums[1] - sums[2]).abs())

    assert excess(meet=False) < 1e-4 < 1e-2 < excess(meet=True)


def test_order_of_the_slots_does_not_matter() -> None:
    model = sharp_model(CONFIGS[2]).double()
    _, edges = graphs(CONFIGS[2])
    shuffled = edges[:, torch.randperm(edges.shape[1], generator=torch.Generator().manual_seed(0))]
    assert not torch.equal(shuffled, edges)
    with torch.no_grad():
        torch.testing.assert_close(model(shuffled), model(edges), rtol=1e-9, atol=1e-9)


def test_an_absent_edge_has_no_influence() -> None:
    model = sharp_model(CONFIGS[1])
    pairs, edges = graphs(CONFIGS[1])
    with torch.no_grad():
        before = model(edges)
        model.edges[0] += 5
        changed = model(edges) != before
    assert not changed[torch.from_numpy(~pairs.alice_BR[:, 0])].any()
    assert changed[torch.from_numpy(pairs.alice_BR[:, 0])].all()


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_accounts_are_exact(config: TwoLayerConfig) -> None:
    model = sharp_model(config)
    assert parameter_count(config) == sum(parameter.numel() for parameter in model.parameters())
    _, edges = graphs(config)
    with FlopCounterMode(display=False) as counter:
        model(edges)
    assert counter.get_total_flops() == matmul_flops(config) * len(edges)


@pytest.mark.parametrize("config", CONFIGS[1:3], ids=str)
def test_an_ensemble_gives_each_member_its_own_logits(config: TwoLayerConfig) -> None:
    ensemble = TwoLayerEnsemble(config)
    flat = ensemble.pack([initial_parameters(config, seed) for seed in range(3)])
    assert flat.shape == (3, parameter_count(config))
    pairs, edges = graphs(config)
    with torch.no_grad():
        stacked = ensemble.output(present_of(pairs)[None], flat).logits
        for index in range(3):
            torch.testing.assert_close(ensemble.member(flat, index)(edges), stacked[index], rtol=1e-4, atol=1e-4)
    assert (stacked[0] - stacked[1]).abs().max() > 0.1


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"vertices": 2}, "vertices 2"),
        ({"width": 0}, "width 0"),
        ({"hidden": 0}, "hidden 0"),
        ({"heads": 4}, "4 heads do not divide width 6"),
        ({"width": 6.0}, "width 6.0"),
    ],
)
def test_shapes_that_do_not_exist_are_refused(fields: dict[str, int], says: str) -> None:
    with pytest.raises(InputError, match=says):
        replace(CONFIGS[1], **fields)


def edges_of(*pairs: tuple[int, int]) -> Tensor:
    """One graph of eight vertices in twelve slots."""
    return torch.tensor([[*pairs, *[(-1, -1)] * (12 - len(pairs))]])


@pytest.mark.parametrize(
    ("edges", "says"),
    [
        (edges_of((0, 7)), "neither"),
        (edges_of((1, 2)), "neither"),
        (edges_of((0, 8)), "vertices"),
        (edges_of((0, 1), (0, 1)), "twice"),
        (edges_of((0, 1))[:, :5], "5 edge slots"),
        (edges_of((0, 1)).float(), "integers"),
    ],
)
def test_edges_that_the_model_cannot_hold_are_refused(edges: Tensor, says: str) -> None:
    with pytest.raises(InputError, match=says):
        sharp_model(CONFIGS[1])(edges)


def test_parameters_of_another_shape_are_refused() -> None:
    with pytest.raises(InputError, match="parameter edges has shape"):
        TwoLayerModel(CONFIGS[1], initial_parameters(CONFIGS[3], seed=0))
