"""The two- and three-layer constructions: every small digraph, the steps of the proof, the ends of the range, scale."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from digraph_batches import every_digraph, graph_families
from largest_tensor import LargestTensor
from torch import Tensor

from parrots.constructions import Solver, build, samples
from parrots.constructions.two_layer import TwoLayer, carried_slots
from parrots.graph_transformer import GraphTransformer
from theory.bounds.two_layer import attention, sufficient_beta, three_layer_width, two_layer_width
from theory.digraphs import FAMILIES, edge_slots, families
from theory.encoding import NULL, EdgeArray
from theory.errors import InputError
from theory.oracles import DISTANCE_AT_MOST_2, LENGTH_2_PATH

FORMS = [(name, direct) for name in ("two-layer", "three-layer") for direct in (0, 1)]
forms = pytest.mark.parametrize(("name", "direct"), FORMS)


def truth(edges: EdgeArray, V: int, direct: bool) -> np.ndarray:
    return (DISTANCE_AT_MOST_2 if direct else LENGTH_2_PATH).scipy(edges, V, 0, V - 1)


def test_three_layers_read_other_ends_from_the_query() -> None:
    edges = every_digraph(3)
    solver = build("three-layer", vertices=3)
    for source, target in [(2, 0), (1, 2), (0, 1)]:
        answers = solver.decide(edges, source, target).numpy()
        assert (answers == LENGTH_2_PATH.scipy(edges, 3, source, target)).all()
    ends = torch.tensor([[2, 0], [1, 2]])
    assert solver.model(torch.tensor([[[2, 1], [1, 0]]] * 2), ends).tolist() == pytest.approx([0.5, -0.5], abs=0.1)


@forms
def test_logits_keep_the_margin_that_the_bound_states(name: str, direct: int) -> None:
    V = 12
    solver = build(name, vertices=V, direct=direct)
    edges = graph_families(np.random.default_rng(0), V, 300)
    ends = torch.tensor([[0, V - 1]] * len(edges))
    with torch.no_grad():
        inputs = (torch.from_numpy(edges), ends)[: 1 + solver.design.names_ends]
        read = (solver.model(*inputs) + 0.5).numpy()
    stated = attention(V**2 + 2, solver.design.beta, solver.design.names_ends, bool(direct))
    right = truth(edges, V, bool(direct))
    assert read[right].min() >= stated.path - 1e-6 and read[~right].max() <= stated.no_path + 1e-6
    assert stated.decides


def test_edges_are_flagged_as_the_proof_says() -> None:
    """Layer 1: `found` of an edge with its partner, and of any other token, against the bounds for each."""
    V, N = 12, 146
    design = build("two-layer", vertices=V).design
    model = design.build(torch.float64)
    edges = graph_families(np.random.default_rng(1), V, 200)
    tokens = model.tokens(torch.from_numpy(edges), None)
    with torch.no_grad():
        found = model.attend(0, tokens, tokens)[:, : edges.shape[1], design._places()["found"]].numpy()
    into_target = {(row, u) for row, graph in enumerate(edges) for u, v in graph.tolist() if v == V - 1}
    partner = np.array([[(row, v) in into_target for _, v in graph.tolist()] for row, graph in enumerate(edges)])
    small = np.exp(-design.beta)
    assert found[partner].min() >= 1 / (1 + small + N * small**2)
    assert found[~partner & (edges[:, :, 0] != NULL)].max() <= N * small


class Rounded(GraphTransformer):
    """Tokens are rounded to whole numbers between layers."""

    def attend(self, layer: int, reading: Tensor, tokens: Tensor) -> Tensor:
        return super().attend(layer, reading, tokens).round()


@forms
def test_a_state_of_two_bits_is_enough(name: str, direct: int) -> None:
    V = 12
    design = build(name, vertices=V, direct=direct).design
    model = Rounded(design.config, design.build().weights())
    edges = torch.from_numpy(graph_families(np.random.default_rng(2), V, 300))
    inputs = (edges, torch.tensor([[0, V - 1]] * len(edges)))[: 1 + design.names_ends]
    with torch.no_grad():
        tokens = model.tokens(*inputs, *[None] * (2 - len(inputs)))
        state = model.attend(0, tokens, tokens)
        logits = model(*inputs)
    assert set(state.unique().tolist()) == {-1.0, 0.0, 1.0} and design.bits == 2
    assert set(logits.tolist()) == {-0.5, 0.5}
    assert ((logits >= 0).numpy() == truth(edges.numpy(), V, bool(direct))).all()


def wrong(design: TwoLayer, edges: EdgeArray) -> EdgeArray:
    """The graphs that the weights answer wrongly."""
    answers = Solver(design).decide(edges).numpy()
    return edges[answers != truth(edges, design.vertices, design.direct)]


@forms
def test_below_its_range_it_fails_and_at_its_range_it_does_not(name: str, direct: int) -> None:
    """All edges but the second of every path: with a small beta their number outweighs the sink."""
    V = 34
    right = build(name, vertices=V, direct=direct).design
    edges = edge_slots(FAMILIES["nearly complete"](np.random.default_rng(0), 4, V), np.random.default_rng(0))
    edges = np.where((edges == [0, V - 1]).all(-1, keepdims=True), NULL, edges)
    assert right.beta == sufficient_beta(V**2 + 2) == 10
    failing = wrong(TwoLayer(V, V**2, 3, right.names_ends, bool(direct)), edges)
    assert len(failing) > 0
    assert len(wrong(right, edges)) == 0


@pytest.mark.parametrize("name", ["two-layer", "three-layer"])
@pytest.mark.parametrize("V", [18, 34, 66])
def test_the_least_beta_is_two_thirds_of_the_logarithm_of_the_edges(name: str, V: int) -> None:
    """M = (V-2)(V-3) edges find a partner, none is at the source: they outweigh the sink iff 3/2 beta < ln M."""
    graph = np.zeros((1, V, V), dtype=np.bool_)
    graph[:, 1:-1, 1:] = True
    graph[:, np.arange(V), np.arange(V)] = False
    edges = edge_slots(graph, np.random.default_rng(0))
    threshold = 2 / 3 * np.log((V - 2) * (V - 3))
    named = name == "three-layer"
    assert len(wrong(TwoLayer(V, V**2, math.floor(threshold), named), edges)) == 1
    assert len(wrong(TwoLayer(V, V**2, math.ceil(threshold), named), edges)) == 0
    assert math.ceil(threshold) <= sufficient_beta(V**2 + 2) <= 1.5 * threshold + 4


def test_two_thirds_of_the_logarithm_is_not_exact() -> None:
    """beta = 3 is below (2/3) ln M for both: M - 1 edges find the last as their partner, none is at the source."""
    for M, errors in ((100, 0), (150, 1)):
        V = M + 2
        edges = np.array([[[tail, 1] for tail in range(2, M + 1)] + [[1, V - 1]]])
        assert 2 / 3 * math.log(M) > 3
        assert len(wrong(TwoLayer(V, M, 3), edges)) == errors


@forms
def test_products_in_a_score_are_no_larger_than_the_error_bound_counts(name: str, direct: int) -> None:
    """The sizes of a score's products add up to beta (3c + 20) at most; 3c of them between edges of named ends."""
    V, c = 6, 3
    design = build(name, vertices=V, direct=direct).design
    model = design.build(torch.float64)
    edges = edge_slots(~np.eye(V, dtype=np.bool_)[None], np.random.default_rng(0))
    largest = []
    with torch.no_grad():
        tokens = model.tokens(torch.from_numpy(edges), torch.tensor([[0, V - 1]]) if design.names_ends else None)
        for layer in range(design.depth):
            query, key = (
                (tokens @ model.weights()[kind][layer]).abs().unflatten(-1, (design.heads, -1)).transpose(1, 2)
                for kind in ("w_query", "w_key")
            )
            largest.append(float((query @ key.mT).max()) / design.beta)
            tokens = model.attend(layer, tokens, tokens)
    assert max(largest) <= 3 * c + 20
    assert not design.names_ends or largest[0] == 3 * c


def test_the_range_of_float32_is_refused_beyond() -> None:
    most = carried_slots(100_000, names_ends=False, direct=False)
    assert most == 2**19 - 2 and build("two-layer", vertices=100_000).design.slots == most
    for name, limit in (("two-layer", 2**19 - 2), ("three-layer", 2**16 - 2)):
        assert build(name, vertices=20_000, slots=limit).design.slots == limit
        with pytest.raises(InputError, match=f"beyond {limit} the rounding of a float32 softmax"):
            build(name, vertices=20_000, slots=limit + 1)


def test_more_edges_than_it_is_built_for_are_refused() -> None:
    solver = build("two-layer", vertices=6, slots=3)
    assert solver.decide(np.array([[[0, 1], [1, 5], [2, 3]]])).tolist() == [True]
    with pytest.raises(InputError, match="build it with slots 4"):
        solver.decide(np.array([[[0, 1], [1, 5], [2, 3], [3, 4]]]))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"vertices": 2}, "2 vertices"),
        ({"vertices": 5, "slots": 0}, "slots 0"),
        ({"vertices": 10**8}, "GiB, the limit is 4.0 GiB"),
        ({"vertices": 5, "digits": 2}, "leave digits out"),
    ],
)
@pytest.mark.parametrize("name", ["two-layer", "three-layer"])
def test_sizes_that_do_not_exist_are_refused(name: str, options: dict[str, int], says: str) -> None:
    with pytest.raises(InputError, match=says):
        build(name, **options)


@pytest.mark.parametrize("V", [3, 16, 17, 1000])
def test_sizes_are_those_of_the_statement(V: int) -> None:
    two, three = build("two-layer", vertices=V), build("three-layer", vertices=V)
    assert (two.statement, two.depth, two.heads, two.neurons) == ("own-two-layer", 2, 1, 0)
    assert (three.statement, three.depth, three.heads, three.neurons) == ("own-two-layer", 3, 2, 0)
    assert (two.width, three.width) == (two_layer_width(V), three_layer_width(V))
    assert isinstance(two.model, GraphTransformer) and two.model.config.width == two.width
    assert two.design.graph_bytes(10**5) < 2.1 * two.design.graph_bytes(5 * 10**4)


def test_a_large_graph_in_memory_linear_in_its_edges() -> None:
    """6,000 edges, without and with a path: a matrix of all pairs would hold 36 million numbers."""
    solver, sample = build("two-layer", vertices=3000), samples.large(3000, 6000, seed=0)
    slots = sample.edges.shape[1]
    for row, there in enumerate((False, True)):
        with LargestTensor() as seen:
            answer = solver.decide(sample.edges[[row]], sample.source[[row]], sample.target[[row]])
        assert answer.tolist() == [there] and all(by[row] == there for by in sample.path)
        assert slots < seen.numel <= max((slots + 2) * solver.width, 3000 * solver.width)


def test_families_hold_both_answers() -> None:
    for name, edges in families(np.random.default_rng(0), 12, 600).items():
        assert 0 < truth(edges, 12, direct=False).sum() < len(edges), name


BROKEN = [
    ("tail", (3, 0), -1.0),  # the code of vertex 3, as a tail, is then that of vertex 2
    ("head", (4, "target"), 1.0),
    ("tail", (0, "source"), 0.0),
    ("sink", ("edge",), 1.0),
    ("sink", ("sink",), 2.0),
    ("w_query", (0, "one", 5), 0.0),  # the sink's score in layer 1
    ("w_query", (1, "one", 1), 0.0),  # and in layer 2
    ("w_out", (0, 0, "found"), -1.0),
    ("readout", ("one",), 0.5),
]


@pytest.mark.parametrize(("name", "place", "value"), BROKEN)
def test_one_changed_weight_is_noticed_by_the_samples(name: str, place: tuple[int | str, ...], value: float) -> None:
    V = 12
    solver = build("two-layer", vertices=V)
    at = solver.design._places()
    where = tuple(at[index] if isinstance(index, str) else index for index in place)
    with torch.no_grad():
        assert solver.model.weights()[name][where] != value
        solver.model.weights()[name][where] = value
    edges = graph_families(np.random.default_rng(0), V, 600)
    assert (solver.decide(edges).numpy() != truth(edges, V, direct=False)).any()
