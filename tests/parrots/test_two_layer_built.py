"""The construction in the trained class: right on every star graph, wrong with too small a beta."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from experiments.engine import to_present
from parrots.two_layer import TwoLayerConfig, TwoLayerModel, built_parameters, built_width
from theory.bounds.two_layer import attention, sufficient_beta
from theory.encoding import encode_star
from theory.errors import InputError
from theory.instances import Pairs, all_pairs, planted, uniform


def built(r: int, width: int | None = None, beta: int | None = None) -> TwoLayerModel:
    config = TwoLayerConfig(r + 2, built_width(r) if width is None else width, hidden=3)
    return TwoLayerModel(config, built_parameters(config, beta))


def logits_of(model: TwoLayerModel, pairs: Pairs) -> torch.Tensor:
    with torch.no_grad():
        return model.forward_table(to_present(pairs))


@pytest.mark.parametrize("r", range(1, 7))
def test_right_on_every_star_graph_with_the_margin_of_the_proof(r: int) -> None:
    pairs, model = all_pairs(r), built(r)
    logits, yes = logits_of(model, pairs), torch.from_numpy(pairs.intersects_B)
    tokens = max(2 * r + 1, 8)
    margin = attention(tokens, sufficient_beta(tokens))
    assert logits[yes].min() >= margin.path - 0.5 - 1e-5
    assert logits[~yes].max() <= margin.no_path - 0.5 + 1e-5
    edges = torch.from_numpy(encode_star(pairs, 2 * r, np.random.default_rng(0)))
    assert ((model(edges) >= 0) == yes).all()


@pytest.mark.parametrize(("r", "width"), [(2, 6), (3, 7), (16, 9), (17, 10), (32, 10), (33, 11), (1024, 15)])
def test_the_width_is_a_code_and_five(r: int, width: int) -> None:
    assert built_width(r) == width


@pytest.mark.parametrize("law", [planted, uniform])
@pytest.mark.parametrize(("r", "extra"), [(16, 0), (33, 3), (300, 0)])
def test_right_on_sampled_graphs_of_larger_sizes(law, r: int, extra: int) -> None:
    pairs = law(np.random.default_rng(r), 500, r)
    logits = logits_of(built(r, built_width(r) + extra), pairs)
    assert ((logits >= 0).numpy() == pairs.intersects_B).all()


def test_too_small_a_beta_is_wrong() -> None:
    """All edges (s, i) and no other: no partner, but r edges at score 3 beta against a sink at 9/2 beta."""
    r = 64
    everything = Pairs(np.ones((1, r), dtype=bool), np.zeros((1, r), dtype=bool))
    at = {beta: bool(logits_of(built(r, beta=beta), everything) >= 0) for beta in (1, 2, sufficient_beta(2 * r + 1))}
    assert at == {1: True, 2: True, sufficient_beta(2 * r + 1): False}
    assert math.log(r) > 1.5 * 2  # at beta 2 all edges together outweigh the sink


@pytest.mark.parametrize("change", [{"width": 8}, {"heads": 2, "width": 12}, {"edges_meet": False, "width": 12}])
def test_shapes_that_cannot_hold_it_are_refused(change: dict) -> None:
    with pytest.raises(InputError, match="width 9 or more for r = 16, 1 head and edges that meet"):
        built_parameters(replace(TwoLayerConfig(18, 9, 3), **change))
