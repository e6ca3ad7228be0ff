"""The certifier's counts against brute force, and what it may not decide."""

from __future__ import annotations

from dataclasses import replace

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from one_layer_cases import FLOAT_KINDS, ROUNDED_KINDS, name_of, present_of, random_model

from parrots.config import OneLayerConfig
from parrots.constructions import build
from parrots.extract import extract
from parrots.model import OneLayerModel
from theory.certify import MAX_INTERMEDIATES, Certificate, certify
from theory.encoding import encode_star
from theory.errors import InputError
from theory.instances import Pairs, all_pairs
from theory.oracles import length_2_path_networkx
from theory.table import ForeignBlock, OneLayerTable


def brute_force(model: OneLayerModel) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Logits ``[4^r]`` of the torch model in float64, token by token in random slots, and the truth by networkx."""
    r = model.config.intermediates
    pairs = all_pairs(r)
    edges = encode_star(pairs, model.config.edge_slots, np.random.default_rng(0))
    with torch.no_grad():
        logits = model.double()(torch.from_numpy(edges)).numpy()
    return logits, pairs.intersects_B if r > 3 else truth_by_networkx(edges, r)


def truth_by_networkx(edges: NDArray[np.int64], r: int) -> NDArray[np.bool_]:
    answers = []
    for slots in edges:
        graph = nx.DiGraph([tuple(edge) for edge in slots[slots[:, 0] >= 0].tolist()])
        graph.add_nodes_from(range(r + 2))
        answers.append(length_2_path_networkx(graph, 0, r + 1))
    return np.array(answers)


def assert_agrees(certificate: Certificate, logits: NDArray[np.float64], truth: NDArray[np.bool_]) -> None:
    """Counts are equal but for undecided inputs, all of which could go either way."""
    wrong = (logits >= 0) != truth
    margin = np.where(truth, logits, -logits)
    assert certificate.inputs == len(logits) == 4**certificate.r
    assert certificate.wrong <= wrong.sum() <= certificate.wrong + certificate.undecided
    assert certificate.min_margin == pytest.approx(margin.min(), rel=1e-8, abs=2 * certificate.error_bound)
    assert certificate.holds == (certificate.wrong == 0 and certificate.undecided == 0)
    if certificate.counterexample is None:
        assert certificate.wrong == 0
        return
    alice, bob = map(set, certificate.counterexample)
    row = sum(1 << (i - 1) for i in alice) * 2**certificate.r + sum(1 << (i - 1) for i in bob)
    assert wrong[row] and truth[row] == bool(alice & bob)
    assert margin[row] == pytest.approx(margin.min(), rel=1e-6, abs=2 * certificate.error_bound)


@pytest.mark.parametrize("config", [*FLOAT_KINDS[::2], *ROUNDED_KINDS], ids=name_of)
def test_counts_are_those_of_brute_force(config: OneLayerConfig) -> None:
    model = random_model(config, scale=0.5)
    if config.value_bits is not None:
        model = model.double()
    certificate = certify(extract(model))
    assert certificate.undecided == 0 < certificate.wrong < 4**4
    assert_agrees(certificate, *brute_force(model))


@pytest.mark.parametrize("config", [FLOAT_KINDS[3], FLOAT_KINDS[-1], *ROUNDED_KINDS[1:2]], ids=name_of)
def test_counts_at_six_intermediates(config: OneLayerConfig) -> None:
    model = random_model(replace(config, vertices=8, slots=13), scale=0.3)
    assert_agrees(certify(extract(model)), *brute_force(model))


@st.composite
def models(draw: st.DrawFn) -> OneLayerModel:
    heads = draw(st.integers(1, 2))
    r = draw(st.integers(1, 3))
    attention = draw(st.sampled_from(["uniform", "softmax"]))
    experts = draw(st.sampled_from([1, 2, 5]))
    bits = {"message_bits": draw(st.none() | st.integers(1, 4))} if attention == "uniform" else {}
    config = OneLayerConfig(
        vertices=r + 2,
        width=heads * draw(st.integers(1, 3)),
        hidden=draw(st.integers(1, 4)),
        heads=heads,
        experts=experts,
        top_k=draw(st.integers(1, min(2, experts))),
        attention=attention,
        embedding=draw(st.sampled_from(["star", "pair", "endpoints"])),
        slots=max(r + 1, 2 * r + draw(st.integers(0, 3))),
        **bits,
    )
    return random_model(config, draw(st.integers(0, 2**31)), scale=draw(st.sampled_from([0.1, 0.5, 1.0])))


@given(models())
def test_counts_of_any_small_model(model: OneLayerModel) -> None:
    certificate = certify(extract(model))
    assert certificate.undecided == 0  # of random weights
    assert_agrees(certificate, *brute_force(model))


@pytest.mark.parametrize("name", ["dense", "packed"])
@pytest.mark.parametrize("vertices", [3, 5, 10])
def test_constructions_are_certified_with_their_margin(name: str, vertices: int) -> None:
    certificate = certify(extract(build(name, vertices=vertices).model))
    assert certificate.holds and certificate.counterexample is None
    assert (certificate.inputs, certificate.min_margin) == (4 ** (vertices - 2), 0.5)
    assert 0 < certificate.error_bound < 1e-9


@pytest.mark.parametrize("name", ["dense", "packed"])
def test_a_defect_at_one_vertex_is_found(name: str) -> None:
    """The edge (s, 3) is not seen."""
    model = build(name, vertices=8).model
    with torch.no_grad():
        model.edges[2] = 0
    certificate = certify(extract(model))
    # Wrong are the inputs whose only common vertex is 3: each of the other five is in at most one of the sets.
    assert (certificate.wrong, certificate.min_margin) == (3**5, -0.5)
    assert not certificate.holds
    alice, bob = certificate.counterexample
    assert set(alice) & set(bob) == {3}
    assert_agrees(certificate, *brute_force(model))


def test_a_counterexample_among_the_last_subsets_is_named_right() -> None:
    """Alice's subsets with vertex 8 are the second half, decided in other tasks than the first."""
    model = build("dense", vertices=10).model
    with torch.no_grad():
        model.edges[7] = 0
    certificate = certify(extract(model))
    assert certificate.wrong == 3**7
    alice, bob = certificate.counterexample
    assert set(alice) & set(bob) == {8}


def dense(bias: float = -0.5) -> OneLayerModel:
    """The dense construction for r = 3, its logit shifted."""
    model = build("dense", vertices=5).model
    with torch.no_grad():
        model.outer_bias[0, 4] = bias
    return model


@pytest.mark.parametrize(
    ("bias", "wrong", "exactly"),
    [
        (0.0, 27, 27),  # no common vertex: logit exactly 0, which is "yes"
        (-1.0, 0, 27),  # exactly one: logit exactly 0
        (-1.5, 27, 0),
        (0.5, 27, 0),
    ],
)
def test_a_logit_of_zero_is_yes(bias: float, wrong: int, exactly: int) -> None:
    certificate = certify(extract(dense(bias)))
    assert (certificate.wrong, certificate.undecided, certificate.decided_exactly) == (wrong, 0, exactly)
    if exactly:
        assert certificate.min_margin == 0
    if wrong:
        alice, bob = map(set, certificate.counterexample)
        assert bool(alice & bob) == (bias == -1.5)


def test_progress_counts_every_input_once() -> None:
    done: list[int] = []
    certify(extract(build("dense", vertices=12).model), done.append)
    assert sum(done) == 4**10 and len(done) > 1


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (extract(build("dense", vertices=MAX_INTERMEDIATES + 3).model), "certify takes r up to 16"),
        (extract(random_model(replace(FLOAT_KINDS[0], slots=7))), "at least 8 slots"),
    ],
)
def test_what_cannot_be_certified_is_refused(table: OneLayerTable, says: str) -> None:
    with pytest.raises(InputError) as refused:
        certify(table)
    assert says in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "table",
    [
        replace(extract(dense()), null_C=np.array([1.0, np.nan, 1.0, 0.0, 0.0])),
        replace(extract(dense()), residual_M=np.array([np.inf, 1.0, 0.0, 0.0, 0.0])),
        replace(extract(dense()), block=replace(extract(dense()).block, constant_K=np.full(1, np.nan))),
    ],
)
def test_weights_that_are_no_numbers_are_refused(table: OneLayerTable) -> None:
    with pytest.raises(InputError, match="is not finite") as refused:
        certify(table)
    assert "\n" not in str(refused.value)


def test_pairs_of_one_intermediate() -> None:
    """r = 1: four inputs, by hand."""
    model = build("dense", vertices=3).model
    with torch.no_grad():
        model.outer_bias[0, 2] = 0.25  # always yes
    certificate = certify(extract(model))
    assert (certificate.inputs, certificate.wrong, certificate.min_margin) == (4, 3, -0.25)
    pairs = Pairs(np.array([[True]]), np.array([[True]]))
    with torch.no_grad():
        assert model.forward_table(present_of(pairs))[0] == 0.25 + 1.0


@pytest.mark.parametrize("config", [FLOAT_KINDS[0], FLOAT_KINDS[-1], ROUNDED_KINDS[1]], ids=name_of)
def test_a_foreign_block_is_decided_like_any_other(config: OneLayerConfig) -> None:
    table = extract(random_model(config, scale=0.5))
    own = certify(table)
    error = 4 * own.error_bound
    foreign = certify(replace(table, block=ForeignBlock(table.block.logits, error)))
    assert foreign == replace(own, error_bound=error, min_margin=foreign.min_margin) and own.wrong > 0
    assert foreign.min_margin == pytest.approx(own.min_margin, rel=1e-12)


def test_a_foreign_block_is_never_decided_below_its_error() -> None:
    """Logit 0.5 on "yes" and -0.5 on "no", and errors as large as that."""
    table = extract(dense())
    for error, undecided in ((0.5, 27 + 27), (0.499, 0), (1.5, 27 + 27 + 9), (np.inf, 64)):
        certificate = certify(replace(table, block=ForeignBlock(table.block.logits, error)))
        assert (certificate.wrong, certificate.undecided, certificate.error_bound) == (0, undecided, error)
        assert ("foreign block" in (certificate.why_undecided or "")) == (undecided > 0)
    not_a_number = ForeignBlock(lambda x_BM: np.full(len(x_BM), np.nan), 0.0)
    assert certify(replace(table, block=not_a_number)).undecided == 64
