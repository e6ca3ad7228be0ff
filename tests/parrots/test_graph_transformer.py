"""The model of several layers: what it computes, in how much memory, and what it refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from largest_tensor import LargestTensor
from torch import Tensor

from parrots.graph_transformer import GraphTransformer, GraphTransformerConfig
from theory.errors import InputError

CONFIGS = [
    GraphTransformerConfig(vertices=5, width=6, depth=1),
    GraphTransformerConfig(vertices=5, width=6, depth=2, heads=3),
    GraphTransformerConfig(vertices=7, width=8, depth=3, heads=2, names_ends=True),
]


def random_model(config: GraphTransformerConfig) -> GraphTransformer:
    generator = torch.Generator().manual_seed(0)
    shapes = config.shapes().items()
    return GraphTransformer(
        config, {name: torch.randn(shape, generator=generator, dtype=torch.float64) for name, shape in shapes}
    )


def edges_of(*graphs: list[tuple[int, int]], slots: int = 6) -> Tensor:
    return torch.tensor([[*graph, *[(-1, -1)] * (slots - len(graph))] for graph in graphs])


GRAPHS = edges_of([(0, 1), (1, 4), (2, 0)], [(3, 1)], [])
ENDS = torch.tensor([[0, 4], [3, 2], [1, 0]])


def by_hand(model: GraphTransformer, edges: list[tuple[int, int]], ends: list[int] | None) -> Tensor:
    """The logit of one graph, in plain sums over tokens and heads."""
    w, config = model.weights(), model.config
    tokens = [w["null"] if u == v else w["tail"][u] + w["head"][v] for u, v in edges]
    query = w["query"] if ends is None else w["query"] + w["source"][ends[0]] + w["target"][ends[1]]
    states = [*tokens, w["sink"], query]
    size = config.width // config.heads
    for layer in range(config.depth):
        maps = {kind: w[kind][layer] for kind in ("w_query", "w_key", "w_value", "w_out")}
        after = []
        for x in states:
            outputs = []
            for h in range(config.heads):
                part = slice(h * size, (h + 1) * size)
                scores = torch.stack([(x @ maps["w_query"])[part] @ (y @ maps["w_key"])[part] for y in states])
                values = torch.stack([(y @ maps["w_value"])[part] for y in states])
                outputs.append(scores.softmax(0) @ values)
            after.append(x + torch.cat(outputs) @ maps["w_out"])
        states = after
    return states[-1] @ w["readout"]


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_it_computes_what_it_says(config: GraphTransformerConfig) -> None:
    model = random_model(config)
    inputs = (GRAPHS, ENDS) if config.names_ends else (GRAPHS,)
    with torch.no_grad():
        logits = model(*inputs)
        for row, logit in enumerate(logits):
            expected = by_hand(model, GRAPHS[row].tolist(), ENDS[row].tolist() if config.names_ends else None)
            torch.testing.assert_close(logit, expected)


def test_loops_are_empty_slots_and_the_order_of_slots_is_free() -> None:
    model = random_model(CONFIGS[1])
    with torch.no_grad():
        plain, looped = model(edges_of([(0, 1), (1, 4)])), model(edges_of([(0, 1), (1, 4), (2, 2)]))
        torch.testing.assert_close(plain, looped)
        torch.testing.assert_close(model(GRAPHS.flip(1)), model(GRAPHS))
        assert (model(edges_of([(0, 1)])) - plain).abs() > 1e-3


def largest(slots: int) -> int:
    model = random_model(CONFIGS[1])
    with torch.no_grad(), LargestTensor() as seen:
        model(edges_of([(0, 1), (1, 4)], slots=slots))
    return seen.numel


def test_no_tensor_grows_with_the_square_of_the_slots() -> None:
    assert largest(4000) < 2.1 * largest(2000)
    assert largest(4000) == 4002 * CONFIGS[1].width


def test_a_matrix_of_all_pairs_would_be_noticed() -> None:
    with LargestTensor() as seen:
        torch.zeros(300, 1) @ torch.zeros(1, 300)
    assert seen.numel == 90_000


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"vertices": 2}, "vertices 2"),
        ({"width": 0}, "width 0"),
        ({"depth": 0}, "depth 0"),
        ({"heads": 4}, "4 heads do not divide width 6"),
    ],
)
def test_shapes_that_do_not_exist_are_refused(fields: dict[str, int], says: str) -> None:
    with pytest.raises(InputError, match=says):
        replace(CONFIGS[1], **fields)


def test_inputs_and_parameters_that_do_not_fit_are_refused() -> None:
    fixed, named = random_model(CONFIGS[1]), random_model(CONFIGS[2])
    calls = [
        (lambda: fixed(GRAPHS, ENDS), "exactly if"),
        (lambda: named(GRAPHS), "exactly if"),
        (lambda: named(GRAPHS, ENDS[:2]), "for 3 graphs"),
        (lambda: named(GRAPHS, ENDS + 4), "vertices 0 to 6"),
        (lambda: named(GRAPHS, ENDS - 1), "vertices 0 to 6"),
        (lambda: fixed(edges_of([(0, 5)])), "0 to 4"),
        (lambda: fixed(edges_of([(0, 1), (0, 1)])), "twice"),
        (lambda: GraphTransformer(CONFIGS[0], fixed.weights()), "parameter w_query has shape"),
    ]
    for call, says in calls:
        with pytest.raises(InputError, match=says):
            call()
