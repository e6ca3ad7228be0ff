"""Soft MoE without attention by its table: the same logits as token by token, and the construction inside it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from experiments.engine import to_present
from parrots.constructions.soft_moe import soft_moe
from parrots.mixing import MixingConfig, MixingModel, initial_parameters
from parrots.mixing.slots import SlotsEnsemble
from theory.accounting import slots_table_flops
from theory.encoding import encode_star
from theory.errors import InputError
from theory.instances import all_pairs, uniform

CONFIG = MixingConfig(8, width=5, hidden=7, routing="soft", experts=3, expert_slots=2, attention="none", nulls="masked")


def test_the_table_gives_each_members_own_logits() -> None:
    pairs = uniform(np.random.default_rng(0), 50, CONFIG.intermediates)
    edges = torch.from_numpy(encode_star(pairs, CONFIG.edge_slots, np.random.default_rng(1)))
    ensemble = SlotsEnsemble(CONFIG)
    own = [{name: 2 * value.double() for name, value in initial_parameters(CONFIG, seed).items()} for seed in range(3)]
    flat = ensemble.pack(own)
    with torch.no_grad():
        stacked = ensemble.output(to_present(pairs).double()[None], flat).logits
        assert (stacked[0] - stacked[1]).abs().max() > 0.1
        for index, parameters in enumerate(own):
            assert (ensemble.member(flat, index)(edges) - stacked[index]).abs().max() < 1e-9
            assert (MixingModel(CONFIG, parameters)(edges) - stacked[index]).abs().max() < 1e-9


def test_flops_of_a_further_graph_are_those_of_torch() -> None:
    ensemble, counted = SlotsEnsemble(CONFIG), []
    flat = ensemble.pack([initial_parameters(CONFIG, 0)])
    for batch in (2, 5):
        with FlopCounterMode(display=False) as counter:
            ensemble.output(torch.ones(1, batch, 2 * CONFIG.intermediates), flat)
        counted.append(counter.get_total_flops())
    assert counted[1] - counted[0] == 3 * slots_table_flops(CONFIG)


@pytest.mark.parametrize("slots", [1, 2, 3, 4])
def test_the_construction_is_right_on_every_star_graph_when_absent_edges_are_masked(slots: int) -> None:
    design = soft_moe(6, experts=slots)
    weights = dict(design.build().named_parameters())
    config = replace(design.config, nulls="masked", slots=None)
    rows = {**weights, "edges": weights["edges"]}
    ensemble = SlotsEnsemble(config)
    pairs = all_pairs(4)
    with torch.no_grad():
        logits = ensemble.output(to_present(pairs)[None], ensemble.pack([rows])).logits[0]
    assert ((logits >= 0).numpy() == pairs.intersects_B).all()


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"attention": "full"}, "attention 'full': stacked models of slots alone have 'none'"),
        ({"routing": "token-choice", "expert_slots": 1}, "routing"),
        ({"nulls": "token"}, "nulls"),
        ({"slots": 20}, "slots 20"),
    ],
)
def test_shapes_that_the_table_does_not_cover_are_refused(fields: dict, says: str) -> None:
    with pytest.raises(InputError, match=says):
        SlotsEnsemble(replace(CONFIG, **fields))
