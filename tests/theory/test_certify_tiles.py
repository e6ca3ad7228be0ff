"""Shortcuts of the certifier against the plain pass over every input: same counts, and they do save work."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from one_layer_cases import name_of, random_model

from parrots.config import OneLayerConfig
from parrots.constructions import build
from parrots.extract import extract
from parrots.model import OneLayerModel
from theory.certify import certify
from theory.certify.bounds import Bounds
from theory.certify.certificate import Certificate, whole
from theory.certify.folded import FoldedSquare
from theory.certify.plan import Plan
from theory.certify.squares import Place, Tiles
from theory.table import OneLayerTable


def plain(table: OneLayerTable) -> Certificate:
    """Every input through halves, states and block, one square, no bounds and no symmetry."""
    plan = replace(Plan.of(table), folded=None, places=(Place(0, 0, table.r),), best=np.inf)
    return whole(table.r, [plan.decide(0)], plan.errors.logit, "")


def assert_same(table: OneLayerTable) -> Certificate:
    quick, slow = certify(table), plain(table)
    assert (quick.inputs, quick.wrong, quick.undecided) == (slow.inputs, slow.wrong, slow.undecided)
    assert quick.min_margin == pytest.approx(slow.min_margin, abs=quick.error_bound + slow.error_bound)
    assert (quick.counterexample is None) == (slow.counterexample is None)
    return quick


@pytest.fixture
def small_squares(monkeypatch: pytest.MonkeyPatch) -> None:
    """Squares of 2^4 by 2^4 and tiles down to 2 by 2, so that small r has many of both."""
    monkeypatch.setattr("theory.certify.plan.SQUARE_BITS", 4)
    monkeypatch.setattr("theory.certify.bounds.LEAST_BITS", 1)


def perturbed(name: str, scale: float, seed: int, experts: int = 1, attention: str = "uniform") -> OneLayerTable:
    """A hand-built model with noise on all weights, alike experts behind a random router, r = 6."""
    model = build(name, vertices=8).model
    generator = torch.Generator().manual_seed(seed)

    def noisy(value: torch.Tensor) -> torch.Tensor:
        return value + scale * torch.randn(value.shape, generator=generator)

    weights = {key: noisy(value.detach()) for key, value in model.weights().items()}
    m = model.config.width
    if experts > 1:
        for key in ("inner", "inner_bias", "outer", "outer_bias"):
            weights[key] = noisy(weights[key].expand(experts, *weights[key].shape[1:]))
        weights |= {"router": noisy(torch.zeros(m, experts)), "router_bias": noisy(torch.zeros(experts))}
    if attention == "softmax":
        weights |= {"w_query": noisy(torch.zeros(m, m)), "w_key": noisy(torch.eye(m))}
    return extract(OneLayerModel(replace(model.config, experts=experts, attention=attention), weights))


@pytest.mark.usefixtures("small_squares")
@pytest.mark.parametrize("attention", ["uniform", "softmax"])
@pytest.mark.parametrize("experts", [1, 3])
@given(seed=st.integers(0, 2**31), scale=st.sampled_from([0.003, 0.02, 0.06, 0.2]))
def test_shortcuts_count_as_the_plain_pass_does(attention: str, experts: int, seed: int, scale: float) -> None:
    assert_same(perturbed("dense", scale, seed, experts, attention))


@pytest.mark.usefixtures("small_squares")
@pytest.mark.parametrize("name", ["dense", "packed"])
@pytest.mark.parametrize("vertices", [6, 9])
def test_hand_built_models_are_symmetric(name: str, vertices: int) -> None:
    """(s, i) and (i, d) add the same there, so that squares are decided in pairs."""
    table = extract(build(name, vertices=vertices).model)
    places = Plan.of(table).places
    assert sum(place.weight for place in places) == 4 ** max(0, table.r - 4) and (
        len(places) < 4 ** (table.r - 4) or table.r == 4
    )
    assert assert_same(table).holds
    edges = table.edges_2rC.copy()
    edges[3] *= 0.4  # the edge (s, 4)
    assert assert_same(replace(table, edges_2rC=edges)).wrong > 0


@pytest.mark.usefixtures("small_squares")
def test_a_symmetric_model_that_errs_counts_both_of_a_pair() -> None:
    table = extract(build("dense", vertices=9).model)
    edges = table.edges_2rC.copy()
    edges[[2, 9]] = 0  # vertex 3 has no edges
    assert assert_same(replace(table, edges_2rC=edges)).wrong == 3**6


def open_inputs(table: OneLayerTable) -> int:
    """Inputs that are evaluated."""
    plan, count = Plan.of(table), 0
    for place in plan.places:
        square = plan._square(*place.rows)
        assert isinstance(square, FoldedSquare)
        bounds = Bounds.of(square, place)
        assert bounds is not None
        tiles = bounds.open_tiles(plan.best if np.isfinite(plan.best) else 0.0)
        count += sum(alice_TA.size * bob_TB.shape[1] for alice_TA, bob_TB in tiles.grids())
    return count


def test_bounds_save_work() -> None:
    """Of a right model little is left but the tiles with pairs that do not meet; of a random one, all."""
    assert open_inputs(extract(build("dense", vertices=10).model)) == 4**4 * 3**4
    assert open_inputs(perturbed("dense", 0.003, 0)) < 4**6
    config = OneLayerConfig(vertices=10, width=8, hidden=32, attention="uniform")
    assert open_inputs(extract(random_model(config))) > 0.9 * 4**8


@pytest.mark.parametrize("attention", ["uniform", "softmax"])
@pytest.mark.parametrize(("name", "experts"), [("dense", 1), ("packed", 1), ("dense", 3)])
@given(seed=st.integers(0, 2**31))
def test_closed_tiles_are_right_with_no_smaller_margin(attention: str, name: str, experts: int, seed: int) -> None:
    """Every input of a closed tile, by the plain pass; the bar is set so that some tiles close and some do not."""
    table = perturbed(name, 0.05, seed, experts, attention)
    plan = replace(Plan.of(table), folded=None)
    alice_N, bob_N = np.divmod(np.arange(4**6), 2**6)
    margins = plan._square(alice_N, bob_N).logits(np.arange(4**6), np.arange(4**6))
    margins = np.where((alice_N & bob_N) != 0, margins, -margins).reshape(2**6, 2**6)
    place = Place(0, 0, 6)
    square = Plan.of(table)._square(*place.rows)
    assert isinstance(square, FoldedSquare)
    bounds = Bounds.of(square, place)
    assert bounds is not None
    for bits in (0, 1, 3):
        side = np.arange(1 << (6 - bits))
        tiles = Tiles(np.repeat(side, len(side)), np.tile(side, len(side)), bits)
        meet_T = (tiles.alice_T & tiles.bob_T) != 0
        tiles = Tiles(tiles.alice_T[meet_T], tiles.bob_T[meet_T], bits)
        least_T = margins.reshape(len(side), 1 << bits, len(side), 1 << bits).min((1, 3))[tiles.alice_T, tiles.bob_T]
        for best in (0.0, float(np.median(least_T).clip(0))):
            right_T = bounds._right(tiles, best)
            assert (least_T[right_T] >= best - 1e-9).all() and (least_T[right_T] > 0).all()
            if bits == 0 and experts == 1:  # a point has no slack
                assert np.array_equal(right_T, (least_T > 1e-9) & (least_T >= best - 1e-9))


def test_models_that_need_the_plain_pass() -> None:
    """Several softmax heads, several gates, weights too far apart for one denominator."""
    config = OneLayerConfig(vertices=7, width=4, hidden=3, heads=2, experts=3, top_k=2, attention="softmax")
    for changes in ({}, {"top_k": 1}, {"heads": 1}):
        table = extract(random_model(replace(config, **changes), scale=0.5))
        assert Plan.of(table).folded is None, name_of(config)
    folded = extract(random_model(replace(config, top_k=1, heads=1), scale=0.5))
    assert Plan.of(folded).folded is not None
    spread = replace(folded, null_C=folded.null_C * 1e-9, query_C=folded.query_C * 1e-9)
    far = spread.edges_2rC.copy()
    far[:, -1] = 1e-9
    far[0, -1] = 1.0
    assert Plan.of(replace(spread, edges_2rC=far)).folded is None
