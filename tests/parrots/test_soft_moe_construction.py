"""The attention-free Soft MoE: right inside its range, wrong just outside, and its computed quantities as proved."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
import torch

from parrots.constructions.soft_moe import SoftMoe, soft_moe
from parrots.constructions.solver import Solver
from theory import bounds
from theory.bounds.message import ceil_log2
from theory.bounds.soft_moe import (
    crosstalk,
    group_size,
    soft_moe_beta,
    soft_moe_is_exact,
    soft_moe_width,
)
from theory.bounds.softmax import PRECISIONS
from theory.digraphs import FAMILIES, edge_slots, near_collisions
from theory.encoding import encode_star
from theory.errors import InputError
from theory.instances import all_pairs
from theory.oracles import length_2_paths_scipy

DTYPES = pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)


@DTYPES
@pytest.mark.parametrize("V", range(3, 7))
def test_every_star_graph(V: int, dtype: torch.dtype) -> None:
    r = V - 2
    edges = encode_star(all_pairs(r), 2 * r, np.random.default_rng(V))
    oracle = length_2_paths_scipy(edges, V, 0, V - 1)
    for S in range(1, r + 1):
        solver = Solver(soft_moe(V, experts=S), dtype)
        assert solver.width == soft_moe_width(r, S)
        assert (solver.decide(edges).numpy() == oracle).all()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("V", "S"), [(5, 2), (10, 8), (18, 5), (34, 32), (66, 16)])
def test_digraphs_of_every_family(V: int, S: int, family: str) -> None:
    rng = np.random.default_rng(V)
    edges = edge_slots(FAMILIES[family](rng, 200 if V < 30 else 6, V), rng)
    solver = Solver(soft_moe(V, experts=S))
    assert (solver.decide(edges).numpy() == length_2_paths_scipy(edges, V, 0, V - 1)).all()


def test_ends_may_be_any_vertices() -> None:
    rng = np.random.default_rng(0)
    solver = Solver(soft_moe(9, experts=3))
    for source, target in ((4, 0), (8, 3), (1, 7)):
        edges = edge_slots(rng.random((40, 9, 9)) < 0.3, rng)
        oracle = length_2_paths_scipy(edges, 9, source, target)
        assert (solver.decide(edges, source, target).numpy() == oracle).all() and 0 < oracle.sum() < 40


def quiet_star(V: int) -> torch.Tensor:
    """All edges (s, i) and no other, ``[1, r, 2]``: no path, and all that can leak into a place does."""
    i = torch.arange(1, V - 1)
    return torch.stack((torch.zeros_like(i), i), -1)[None]


@pytest.mark.parametrize(("S", "places"), [(2, 3), (4, 1), (16, 2), (64, 1)])
def test_the_range_of_beta_is_sharp(S: int, places: int) -> None:
    """Units fire as soon as the leak X passes 1/2; from X = 1/2 + 1/(8r) on the answer is wrong."""
    r, k = S * places, ceil_log2(S)
    design = soft_moe(r + 2, experts=S)

    def logit_at_leak(leak: float, factor: float = 1.0) -> float:
        beta = Fraction(-0.5 * math.log((1 + leak) ** (1 / k) - 1) * factor)
        assert crosstalk(S, beta).low == pytest.approx(leak, rel=2e-5)
        return design.unchecked(beta, dtype=torch.float64)(quiet_star(r + 2)).item()

    assert logit_at_leak(0.5, 1 + 1e-6) == -0.5
    assert logit_at_leak(0.5, 1 - 1e-6) > -0.5
    assert logit_at_leak(0.5 + 1 / (8 * r), 1 - 1e-6) > 0
    assert crosstalk(S, design.scales(torch.float64)[0]).high < Fraction(1, 2)


def test_a_small_beta_fails_on_many_graphs_and_the_chosen_one_on_none() -> None:
    rng = np.random.default_rng(0)
    edges = edge_slots(near_collisions(rng, 60, 34), rng)
    oracle = length_2_paths_scipy(edges, 34, 0, 33)
    design = soft_moe(34, experts=32)
    wrong = {
        beta: int(((design.unchecked(beta)(torch.from_numpy(edges)) >= 0).numpy() != oracle).sum())
        for beta in (0.25, float(design.scales()[0]))
    }
    assert wrong[0.25] >= 10 and wrong[float(design.scales()[0])] == 0


@pytest.mark.parametrize("S", [1, 2, 8, 16])
def test_a_slot_holds_the_counts_of_its_group(S: int) -> None:
    """In units of the query's share, within the leak, and the query reads the mean of all slots."""
    V, r = 18, 16
    rng = np.random.default_rng(S)
    graphs = rng.random((50, V, V)) < 0.3
    model = soft_moe(V, experts=S).unchecked(4, dtype=torch.float64)
    with torch.no_grad():
        edges = torch.from_numpy(edge_slots(graphs, rng))
        dispatch = model.answer(edges).routing.probabilities
        states, _ = model.states(edges)
        slots_BSM = (dispatch.mT @ states).numpy()
        combine_BS = (states[:, -1] @ model.weights()["slot_vectors"]).numpy()
    sink, i = group_size(r, S) + ceil_log2(S), np.arange(r)
    read_BR = (slots_BSM / slots_BSM[..., sink:])[:, i % S, i // S]
    leaked_BR = read_BR - graphs[:, 0, 1:-1] - graphs[:, 1:-1, -1]
    assert leaked_BR.min() > -1e-9 and leaked_BR.max() < 2 * float(crosstalk(S, Fraction(4)).high) + 1e-9
    assert (combine_BS == combine_BS[:, :1]).all()


def test_logits_keep_away_from_zero_whatever_the_number_of_tokens() -> None:
    """A single path among as many null tokens as the model is built for."""
    for slots in (16, 4000):
        design = soft_moe(10, experts=4, slots=slots)
        edges = torch.full((3, slots, 2), -1)
        edges[0, :2] = torch.tensor([[0, 5], [5, 9]])
        edges[1, :2] = torch.tensor([[0, 5], [4, 9]])
        for dtype in (torch.float32, torch.bfloat16):
            logits = design.build(dtype)(edges).float()
            assert logits[0] > 0.5 and (logits[1:] == -0.5).all()


def test_rounding_is_bounded() -> None:
    bfloat16, float32 = PRECISIONS["bfloat16"], PRECISIONS["float32"]
    assert soft_moe_is_exact(16, Fraction(2), 10_000, bfloat16)
    assert not soft_moe_is_exact(16, Fraction(1), 10_000, bfloat16)  # the leak is too large
    assert not soft_moe_is_exact(16, Fraction(3), 10_000, bfloat16)  # no power of two: its logits are rounded
    assert not soft_moe_is_exact(16, Fraction(2), 2**20, float32)  # a sum of so many terms
    assert [soft_moe_beta(S, 1000, float32) for S in (1, 2, 4, 16, 4096)] == [1, 1, 1, 2, 2]
    assert Fraction(0) == crosstalk(1, Fraction(1)).low == crosstalk(1, Fraction(1)).high


@pytest.mark.parametrize(("r", "S", "width"), [(128, 16, 13), (128, 1, 129), (5, 3, 5), (1, 1, 2), (4, 4, 4)])
def test_sizes(r: int, S: int, width: int) -> None:
    design = soft_moe(r + 2, experts=S)
    assert design.width == width == soft_moe_width(r, S)
    assert design.neurons == S * group_size(r, S)
    assert (design.bits, soft_moe(r + 2, slots=3 * 2**20).bits) == (8, 53)
    assert (design.heads, design.depth, design.names_ends, design.statement) == (1, 1, False, "own-soft-moe")
    assert design.build().config.tokens == design.config.edge_slots + 1


def test_width_times_slots_falls_below_what_one_slot_needs() -> None:
    """The default: about sqrt r slots, so width about sqrt r; the dense bound does not hold for it."""
    design = soft_moe(1026)
    assert (design.config.experts, design.width) == (32, 38)
    assert design.width < bounds.message_min_width(1024, heads=1, bits=8)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: soft_moe(2), "2 vertices"),
        (lambda: soft_moe(5, experts=4), "give 1 to 3"),
        (lambda: soft_moe(5, experts=0), "give 1 to 3"),
        (lambda: soft_moe(9, slots=7), "give at least 8"),
        (lambda: soft_moe(5, slots=2**22).build(), "give fewer slots"),
        (lambda: soft_moe(5, slots=2**20).build(), "beyond what float32 computes exactly"),
        (lambda: soft_moe(5).build(torch.float16), "no error bound for float16"),
        (lambda: soft_moe(5, slots=4).slots_for(5), "build it with slots=5"),
    ],
)
def test_outside_the_range_it_is_refused_in_one_line(call: Callable[[], SoftMoe], says: str) -> None:
    with pytest.raises(InputError) as refused:
        call()
    assert says in str(refused.value) and "\n" not in str(refused.value)
