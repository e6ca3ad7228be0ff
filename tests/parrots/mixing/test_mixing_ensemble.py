"""Stacked models with cross-token routing: each member is the ordinary model, in its answers and its gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from parrots.mixing import MixingConfig, MixingModel, initial_parameters
from parrots.mixing.ensemble import MixingEnsemble
from parrots.mixing.routers import ROUTERS
from theory.accounting import mixing_table_flops
from theory.encoding import star_edges
from theory.errors import InputError
from theory.instances import Pairs, uniform

BLOCKS: dict[str, dict[str, Any]] = {
    "dense": {"routing": "token-choice"},
    "top-1": {"routing": "token-choice", "experts": 4},
    "top-2": {"routing": "token-choice", "experts": 4, "top_k": 2},
    "capacity": {"routing": "token-choice", "experts": 2, "capacity": 2},
    "capacity, top-2": {"routing": "token-choice", "experts": 4, "capacity": 2, "top_k": 2},
    "expert choice": {"routing": "expert-choice", "experts": 2, "capacity": 1},
    "expert choice, 3 places": {"routing": "expert-choice", "experts": 4, "capacity": 3},
    "soft": {"routing": "soft"},
    "soft, many slots": {"routing": "soft", "experts": 3, "expert_slots": 2},
}
HARD = [name for name in BLOCKS if name.startswith(("capacity", "expert choice"))]


def ensemble(block: str, heads: int = 1, temperature: float | None = None) -> MixingEnsemble:
    config = MixingConfig(vertices=8, width=6, hidden=5, heads=heads, nulls="masked", **BLOCKS[block])
    return MixingEnsemble(config, temperature)


def weights(stack: MixingEnsemble, seeds: range = range(3)) -> Tensor:
    initial = [initial_parameters(stack.config, seed) for seed in seeds]
    return stack.pack([{name: value.double() for name, value in own.items()} for own in initial]).requires_grad_()


def graphs() -> tuple[Tensor, Tensor]:
    """``present`` ``[1, batch, 2r]`` and the same graphs as edges, sparse and full ones among them."""
    rng, r = np.random.default_rng(0), 6
    parts = [uniform(rng, 60, r, density) for density in (0.0, 0.2, 0.5, 0.8, 1.0)]
    pairs = Pairs(np.concatenate([p.alice_BR for p in parts]), np.concatenate([p.bob_BR for p in parts]))
    present = torch.from_numpy(np.concatenate((pairs.alice_BR, pairs.bob_BR), 1)).double()
    return present[None], torch.from_numpy(star_edges(pairs))


def gradient_of(model: MixingModel, edges: Tensor) -> Tensor:
    model.zero_grad()
    model(edges).sin().sum().backward()
    return torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).reshape(-1) for p in model.parameters()])


@pytest.mark.parametrize("heads", [1, 2])
@pytest.mark.parametrize("block", BLOCKS)
def test_flops_of_a_further_graph_are_those_of_torch(block: str, heads: int) -> None:
    stack = ensemble(block, heads)
    two, five = (flops(stack, batch) for batch in (2, 5))
    assert five - two == 3 * mixing_table_flops(stack.config)


def flops(stack: MixingEnsemble, batch: int) -> int:
    with FlopCounterMode(display=False) as counter:
        stack.output(torch.ones(1, batch, 2 * stack.config.intermediates), weights(stack, range(1)).float())
    return counter.get_total_flops()


@pytest.mark.parametrize("heads", [1, 2])
@pytest.mark.parametrize("block", BLOCKS)
def test_members_equal_the_ordinary_model_in_outputs_and_gradients(block: str, heads: int) -> None:
    stack, (present, edges) = ensemble(block, heads), graphs()
    flat = weights(stack)
    logits = stack.output(present, flat).logits
    (gradient,) = torch.autograd.grad(logits.sin().sum(), flat)
    assert logits.unique().numel() > 100
    for index in range(len(flat)):
        model = stack.member(flat, index)
        torch.testing.assert_close(logits[index].detach(), model(edges).detach(), rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(gradient[index], gradient_of(model, edges), rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("block", HARD)
def test_straight_through_changes_gradients_and_no_answer(block: str) -> None:
    present, _ = graphs()
    plain, smooth = ensemble(block), ensemble(block, temperature=0.5)
    flat = weights(plain)
    logits = plain.output(present, flat).logits
    torch.testing.assert_close(smooth.output(present, flat).logits, logits)
    (without,) = torch.autograd.grad(logits.sum(), flat)
    (with_,) = torch.autograd.grad(smooth.output(present, flat).logits.sum(), flat)
    assert not torch.allclose(without, with_)


@pytest.mark.parametrize("block", ["dense", "top-2", *HARD])
def test_without_soft_routing_no_gradient_reaches_what_edges_learn_from_each_other(block: str) -> None:
    """With the query's own reading of the edges held fixed, the ordinary gradient of the logits is 0."""
    stack, (_, edges) = ensemble(block), graphs()
    model = stack.member(weights(stack), 0)
    states = model.states(edges)[0].detach().requires_grad_()
    present = model.tokens(edges)[1]
    mixed, _ = ROUTERS[stack.config.routing](states, present, model.weights(), stack.config)
    (gradient,) = torch.autograd.grad((mixed @ model.readout).sum(), states)
    assert gradient[:, -1].abs().max() > 0
    assert gradient[:, :-1].abs().max() == 0


def test_soft_routing_has_that_gradient() -> None:
    stack, (_, edges) = ensemble("soft"), graphs()
    model = stack.member(weights(stack), 0)
    states = model.states(edges)[0].detach().requires_grad_()
    mixed, _ = ROUTERS["soft"](states, model.tokens(edges)[1], model.weights(), stack.config)
    (gradient,) = torch.autograd.grad((mixed @ model.readout).sum(), states)
    assert gradient[:, :-1].abs().max() > 0


def test_a_member_does_not_depend_on_the_others() -> None:
    stack, (present, _) = ensemble("soft"), graphs()
    flat = weights(stack, range(4)).detach()
    alone = stack.output(present, flat[2:3]).logits
    torch.testing.assert_close(stack.keep([2]).output(present, flat[2:3]).logits, alone)
    torch.testing.assert_close(stack.output(present, flat).logits[2:3], alone, rtol=1e-12, atol=1e-12)


def test_sizes_are_those_of_the_rows() -> None:
    stack = ensemble("soft, many slots")
    flat = weights(stack).detach()
    assert sum(stack.sizes.values()) == flat.shape[1]
    for name, value in initial_parameters(stack.config, 1).items():
        torch.testing.assert_close(stack.unpack(flat)[name][1], value.double())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"nulls": "token"}, "nulls 'token'"),
        ({"attention": "causal"}, "attention 'causal'"),
        ({"prefix": 1}, "prefix 1"),
        ({"embedding": "pair"}, "embedding 'pair'"),
        ({"slots": 9}, "slots 9"),
        ({"priority": "choice", "experts": 2, "capacity": 1}, "priority 'choice'"),
    ],
)
def test_shapes_without_table_execution_are_refused(options: dict[str, Any], words: str) -> None:
    options = {"nulls": "masked", "routing": "token-choice", **options}
    with pytest.raises(InputError, match=words):
        MixingEnsemble(MixingConfig(vertices=8, width=6, hidden=5, **options))
