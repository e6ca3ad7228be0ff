"""The hand-built models against oracles: all inputs, general digraphs, any order of slots, sizes, and bad input."""

from __future__ import annotations

from collections.abc import Callable

import networkx as nx
import numpy as np
import pytest
import torch
from digraph_batches import every_digraph
from hypothesis import given
from hypothesis import strategies as st

from parrots.constructions import CONSTRUCTIONS, Case, Solver, build, cases, get
from parrots.constructions.checks import SAMPLES
from theory.bounds.packed import dense_width, packed_bits, packed_neurons, packed_width
from theory.digraphs import families
from theory.encoding import encode_star
from theory.errors import InputError
from theory.instances import all_pairs
from theory.oracles import DISTANCE_AT_MOST_2, LENGTH_2_PATH, length_2_path_networkx

SMALL = [case for case in cases() if case.vertices <= 8 and case.method != "by-cases"]
VARIANTS: list[tuple[str, dict[str, int]]] = [
    ("dense", {}),
    ("packed", {}),
    *(("packed", {"digits": g}) for g in (1, 2, 3)),
]


@pytest.mark.parametrize("case", SMALL, ids=str)
def test_agrees_with_the_oracle(case: Case) -> None:
    check = case.run()
    assert check.wrong == 0
    if case.method == "all-inputs":
        assert check.inputs == 4 ** (case.vertices - 2)


@pytest.mark.parametrize("name", CONSTRUCTIONS)
def test_the_table_holds_every_construction(name: str) -> None:
    methods = {case.method for case in cases(name)}
    assert {"all-inputs", "samples"} <= methods
    assert ("by-cases" in methods) == get(name).by_cases
    assert ("direct" in methods) == ("direct" in get(name).options)
    sampled = {case.vertices for case in cases(name) if case.method == "samples"}
    rng = np.random.default_rng(0)
    drawn = [part for V in sampled for part in families(rng, V, SAMPLES[V]).values()]
    assert sum(len(part) for part in drawn) >= 10_000


def test_the_table_reaches_the_sizes_at_scale() -> None:
    sizes = {(case.construction, case.method): case.vertices for case in cases()}  # the last of each
    assert sizes["packed", "by-cases"] == 4098 and sizes["dense", "by-cases"] == 1026
    assert sizes["two-layer", "large-graph"] == 5000


@pytest.mark.parametrize(("name", "options"), VARIANTS)
@given(data=st.data())
def test_right_on_any_digraph_with_any_ends(name: str, options: dict[str, int], data: st.DataObject) -> None:
    V = data.draw(st.integers(5, 9))
    ends = st.tuples(st.integers(0, V - 1), st.integers(0, V - 1))
    graphs = []
    for edges in data.draw(st.lists(st.sets(ends), min_size=1, max_size=4)):
        graph = nx.DiGraph(list(edges))
        graph.add_nodes_from(range(V))
        graphs.append(graph)
    source, target = data.draw(st.permutations(range(V)))[:2]
    answers = build(name, vertices=V, **options).decide(graphs, source, target)
    assert answers.dtype == torch.bool
    assert answers.tolist() == [length_2_path_networkx(graph, source, target) for graph in graphs]


@pytest.mark.parametrize("name", [name for name in CONSTRUCTIONS if "direct" in get(name).options])
@pytest.mark.parametrize("V", [3, 4])
def test_the_edge_between_the_ends_counts_exactly_if_it_is_asked_for(name: str, V: int) -> None:
    edges = every_digraph(V)
    for direct, oracle in ((0, LENGTH_2_PATH), (1, DISTANCE_AT_MOST_2)):
        answers = build(name, vertices=V, direct=direct).decide(edges).numpy()
        assert (answers == oracle.scipy(edges, V, 0, V - 1)).all()


@pytest.mark.parametrize("digits", [1, 2, 3, 5])
def test_the_edge_between_the_ends_is_a_digit_wherever_it_falls(digits: int) -> None:
    """r + 1 = 10 digits, the last of which is the edge's: alone in its coordinate or beside others."""
    solver = build("packed", vertices=11, digits=digits, direct=1)
    assert solver.width == packed_width(10, digits) and solver.neurons == packed_neurons(10, digits)
    edges = families(np.random.default_rng(0), 11, 300)["star"]
    assert (solver.decide(edges).numpy() == DISTANCE_AT_MOST_2.scipy(edges, 11, 0, 10)).all()


@pytest.mark.parametrize("name", CONSTRUCTIONS)
def test_a_complete_graph_and_its_complement(name: str) -> None:
    """All V(V-1) edges at once: every irrelevant edge is there and must add nothing."""
    solver = build(name, vertices=12)
    full = nx.complete_graph(12, create_using=nx.DiGraph)
    almost = nx.DiGraph([(u, v) for u, v in full.edges if u != 3])
    nothing = nx.empty_graph(12, create_using=nx.DiGraph)
    assert solver.decide([full, almost, nothing], source=3, target=7).tolist() == [True, False, False]


@pytest.mark.parametrize("name", CONSTRUCTIONS)
def test_edge_arrays_digraphs_and_tensors_are_alike(name: str) -> None:
    solver = build(name, vertices=5)
    edges = encode_star(all_pairs(3), 9, np.random.default_rng(1))
    graphs = [nx.DiGraph([tuple(edge) for edge in slots[slots[:, 0] >= 0].tolist()]) for slots in edges]
    by_array = solver.decide(edges)
    assert torch.equal(by_array, solver.decide(torch.from_numpy(edges)))
    assert torch.equal(by_array, solver.decide(graphs))
    assert torch.equal(by_array, solver.decide(edges[:, ::-1], source=0, target=4))
    assert by_array.any() and not by_array.all()


@pytest.mark.parametrize("name", CONSTRUCTIONS)
def test_graphs_in_chunks_are_answered_in_order(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    edges = encode_star(all_pairs(3), 6, np.random.default_rng(1))
    whole = build(name, vertices=5).decide(edges)
    monkeypatch.setattr("parrots.constructions.solver.CHUNK_BYTES", 5000)
    assert torch.equal(build(name, vertices=5).decide(edges), whole)


@pytest.mark.parametrize("name", ["dense", "packed"])
def test_the_table_form_gives_the_same_logits(name: str) -> None:
    solver = build(name, vertices=5)
    pairs = all_pairs(3)
    present = torch.from_numpy(np.concatenate([pairs.alice_BR, pairs.bob_BR], axis=1)).float()
    edges = encode_star(pairs, solver.model.config.edge_slots, np.random.default_rng(1))
    assert torch.equal(solver.model.forward_table(present), solver.model(torch.from_numpy(edges)))


@pytest.mark.parametrize("V", [3, 4, 8, 34, 100, 514])
def test_sizes_are_those_of_the_statements(V: int) -> None:
    r = V - 2
    dense = build("dense", vertices=V)
    assert (dense.statement, dense.width, dense.heads, dense.neurons) == ("thm-3.3", dense_width(V), 1, r)
    assert dense.bits == packed_bits(r, 1)
    for g in (1, min(r, 5)):
        packed = build("packed", vertices=V, digits=g)
        sizes = (packed.statement, packed.width, packed.heads, packed.neurons, packed.bits)
        assert sizes == ("own-packed", packed_width(r, g), 1, packed_neurons(r, g), packed_bits(r, g))
        assert packed.width == packed.model.config.width == packed.model.weights()["edges"].shape[1]


def test_the_default_base_grows_as_the_logarithm() -> None:
    widths = {V: build("packed", vertices=V).width for V in (10, 18, 34, 66, 258, 1026)}
    # g = log2 r until float32 stops it: at 1,024 intermediates g is 6, not 10.
    assert widths == {10: 4, 18: 5, 34: 8, 66: 12, 258: 38, 1026: 172}


def test_no_gradient_and_no_change_from_deciding() -> None:
    solver = build("packed", vertices=6)
    before = {name: value.clone() for name, value in solver.model.weights().items()}
    answers = solver.decide(encode_star(all_pairs(4), 8, np.random.default_rng(0)))
    assert not answers.requires_grad
    assert all(torch.equal(before[name], value) for name, value in solver.model.weights().items())
    assert solver.model.config.edge_slots == 15  # N = 16: the least power of two that holds 2r edges and the query


def test_an_empty_batch_has_no_answers() -> None:
    assert build("dense", vertices=5).decide([]).shape == (0,)


DIGRAPH = nx.DiGraph([(0, 1), (1, 2)])


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: build("dnese", vertices=5), "did you mean dense?"),
        (lambda: build("dense", vertices=2), "2 vertices"),
        (lambda: build("packed", vertices=2), "2 vertices"),
        (lambda: build("dense", vertices=5, digits=2), "leave digits out"),
        (lambda: build("packed", vertices=5, digits=0), "give 1 to 3"),
        (lambda: build("packed", vertices=5, digits=4), "there are 3 digits; give 1 to 3"),
        (lambda: build("packed", vertices=40, digits=9), "give 1 to 8"),
        (lambda: build("dense", vertices=10**12), "GiB, the limit is 4.0 GiB"),
        (lambda: build("dense", vertices=10**6), "22,351.7 GiB, the limit is 4.0 GiB"),
        (lambda: build("packed", vertices=10**6), "GiB, the limit is 4.0 GiB"),
        (lambda: build("packed", vertices=10**8), "give a smaller graph"),
        (lambda: cases("x"), "unknown construction 'x'"),
        (lambda: cases("dense", 2), "2 vertices"),
        (lambda: build("dense", 3).decide([DIGRAPH.to_undirected()]), "undirected"),
        (lambda: build("dense", 3).decide([nx.DiGraph([("a", "b")])]), "vertex 'a'"),
        (lambda: build("dense", 3).decide([nx.DiGraph([(0, 3)])]), "0 to 2"),
        (lambda: build("dense", 3).decide([DIGRAPH], source=2), "both 2"),
        (lambda: build("dense", 3).decide([DIGRAPH], target=5), "target 5"),
        (lambda: build("dense", 3).decide([DIGRAPH], source=-1), "source -1"),
        (lambda: build("dense", 3).decide(np.array([[[0, 1], [0, 1]]])), "twice"),
        (lambda: build("dense", 3).decide([nx.MultiDiGraph([(0, 1), (0, 1)])]), "twice"),
        (lambda: build("dense", 3).decide(np.zeros((1, 2))), "(1, 2)"),
    ],
)
def test_bad_input_is_refused_in_one_line(call: Callable[[], object], says: str) -> None:
    with pytest.raises(InputError) as refused:
        call()
    assert says in str(refused.value) and "\n" not in str(refused.value)


def test_a_graph_too_large_to_hold_is_refused_before_it_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    solver = build("dense", vertices=5)
    monkeypatch.setattr("parrots.constructions.solver.MEMORY_LIMIT", 400)
    with pytest.raises(InputError, match="a graph of 2 edges takes"):
        solver.decide([DIGRAPH])


def test_a_solver_is_a_module_of_the_project_s_own_model() -> None:
    solver = build("packed", vertices=6)
    assert isinstance(solver, Solver) and isinstance(solver, torch.nn.Module)
    assert sum(p.numel() for p in solver.parameters()) == sum(p.numel() for p in solver.model.parameters())
    assert get("packed").options == ("digits", "direct")
