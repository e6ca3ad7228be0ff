"""Token choice: gates, noise, room for few, the bias that balances; and every router's bad input."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from router_oracles import layer_of, oracle, states
from torch import nn
from torch.nn.functional import softplus

from parrots.decoder.routers import Routing
from parrots.decoder.routers.expert_choice import ExpertChoice
from parrots.decoder.routers.factorised import Factorised
from parrots.decoder.routers.hash import Hash, hashed_experts
from parrots.decoder.routers.soft import Soft
from parrots.decoder.routers.token_choice import TokenChoice, TokenChoiceLayer
from parrots.decoder.routers.unequal import Unequal, UnequalExperts
from parrots.routing import route
from theory.errors import InputError


def test_one_renormalised_gate_would_leave_the_router_without_gradient():
    logits = torch.randn(5, 4, dtype=torch.float64, requires_grad=True)
    for renormalise, moves in ((True, False), (None, True), (False, True)):
        (gradient,) = torch.autograd.grad(route(logits, 1, renormalise=renormalise).gates.sum(), logits)
        assert bool((gradient.abs() > 1e-12).any()) == moves


@pytest.mark.parametrize("capacity", [1e-9, 0.25, 0.5, 1.0, 3.0, 100.0])
@pytest.mark.parametrize("top_k", [1, 2])
def test_any_room_is_that_of_the_loop(capacity, top_k):
    layer, (x, ids) = layer_of(TokenChoice(4, top_k, capacity=capacity)), states(2, 5)
    output, routing = layer(x, ids)
    torch.testing.assert_close(output, oracle(layer, x, ids), rtol=1e-9, atol=1e-12)
    room = min(10, max(1, math.ceil(capacity * top_k * 10 / 4)))
    assert routing.taken_TK.sum(0).tolist() == routing.chosen_TK.sum(0).clamp(max=room).tolist()


def test_where_all_want_one_expert_the_first_get_it_and_the_others_keep_their_residual():
    layer, (x, ids) = layer_of(TokenChoice(4, 1, capacity=1.0)), states(2, 6)
    with torch.no_grad():
        layer.router.weight.zero_()[2] = 1.0
    output, routing = layer(x.abs(), ids)
    assert routing.chosen_TK.sum(0).tolist() == [0, 0, 12, 0]
    assert routing.taken_TK[:, 2].tolist() == [True] * 3 + [False] * 9
    assert (output.flatten(0, 1)[3:] == 0).all() and (output.flatten(0, 1)[:3] != 0).any(1).all()


def test_more_experts_than_tokens():
    layer, (x, ids) = layer_of(TokenChoice(16, 2, capacity=1.0)), states(1, 3)
    assert layer.settings.room(3) == 1
    torch.testing.assert_close(layer(x, ids)[0], oracle(layer, x, ids), rtol=1e-9, atol=1e-12)


def test_evaluation_drops_nothing():
    tight, loose = layer_of(TokenChoice(4, 2, capacity=0.1)), layer_of(TokenChoice(4, 2))
    x, ids = states(2, 6)
    assert not torch.equal(tight(x, ids)[0], loose(x, ids)[0])
    assert torch.equal(tight.eval()(x, ids)[0], loose(x, ids)[0])


def test_noise_has_the_learned_scale_and_is_for_training_only():
    layer = layer_of(TokenChoice(3, 1, noise=2.0))
    x = states(1, 1)[0].expand(1, 20_000, 6)
    torch.manual_seed(0)
    noisy = layer(x)[1].logits_TK
    clean = layer.router.weight @ x[0, 0]
    scale = 2.0 * softplus(layer.router.noise_weight @ x[0, 0])
    torch.testing.assert_close(noisy.mean(0), clean, rtol=0, atol=4 * scale.max().item() / 20_000**0.5)
    torch.testing.assert_close(noisy.std(0), scale, rtol=4 * (2 * 20_000) ** -0.5, atol=0)
    torch.testing.assert_close(layer.eval()(x)[1].logits_TK[0], clean)


def test_noise_starts_at_the_middle_of_softplus_and_is_trained():
    layer = layer_of(TokenChoice(3, 2, noise=1.0))
    layer.initialise(None, 1.0)
    assert (layer.router.noise_weight == 0).all()
    layer(states(2, 5)[0])[0].sum().backward()
    assert layer.router.noise_weight.grad.abs().sum() > 0


def balanced_layer(rate: float) -> TokenChoiceLayer:
    layer = layer_of(TokenChoice(4, 1, balance_rate=rate))
    with torch.no_grad():
        layer.bias.zero_()
        layer.router.weight[0] += 1.0
    return layer


def test_the_bias_evens_loads_and_leaves_the_gates_alone():
    layer, (x, ids) = balanced_layer(0.003), states(40, 10)
    x = x + 0.4
    before = layer(x, ids)[1].taken_TK.sum(0)
    for _ in range(150):
        layer.rebalance(layer(x, ids)[1])
    after = layer(x, ids)[1]
    assert before.max() > 200 and after.taken_TK.sum(0).max() < 110
    torch.testing.assert_close(after.probabilities_TK, after.logits_TK.softmax(-1))
    torch.testing.assert_close(layer(x, ids)[0], oracle(layer, x, ids))


def test_the_bias_moves_by_the_rate_towards_the_mean_for_stacked_members_too():
    layer = balanced_layer(0.5)
    chosen = torch.tensor([[1, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]], dtype=torch.bool)
    nothing = torch.zeros(4, 4)
    layer.rebalance(Routing(nothing, nothing, chosen, chosen))
    assert layer.bias.tolist() == [-0.5, 0.0, 0.5, 0.0]
    layer.bias = torch.zeros(2, 4)
    layer.rebalance(Routing(nothing, nothing, torch.stack((chosen, ~chosen)), chosen))
    assert layer.bias.tolist() == [[-0.5, 0.0, 0.5, 0.0], [0.5, 0.0, -0.5, 0.0]]


def test_unequal_experts_hold_what_equal_ones_do():
    settings = Unequal(8, 2, spreads=(0.3, 0.61, 0.0))
    assert settings.sizes(10) == (4, 7, 7, 10, 10, 13, 13, 16)
    numbers = [sum(p.numel() for p in s.build(6, 10).parameters()) for s in (settings, TokenChoice(8, 2))]
    assert numbers[0] == numbers[1]


@pytest.mark.parametrize("only", [0, 1, 3])
def test_unequal_experts_where_all_rows_go_to_one(only):
    experts = UnequalExperts((2, 2, 3, 5), 6)
    for matrix in experts.parameters():
        nn.init.normal_(matrix)
    rows = torch.randn(7, 6, requires_grad=True)
    ends = torch.tensor([0] * only + [7] * (4 - only), dtype=torch.int32)
    output = experts(rows, ends)
    output.sum().backward()
    torch.testing.assert_close(output, experts.in_buffers(rows.expand(4, 7, 6))[only])
    own = (0, 0, 1, 2)[only]
    assert [bool(c.down.grad.any()) for c in experts.classes] == [size == own for size in range(3)]


def test_a_hash_spreads_ids_evenly_and_pairs_all_experts():
    picked = hashed_experts(torch.arange(6000), 6, seed=1)
    assert picked.sort(1).values.equal(torch.arange(6).expand(6000, 6))
    counts = torch.bincount(picked[:, 0] * 6 + picked[:, 1], minlength=36).view(6, 6)
    off = ~torch.eye(6, dtype=torch.bool)
    assert (counts[~off] == 0).all() and ((counts[off] - 200).abs() < 5 * 200**0.5).all()
    assert not torch.equal(picked, hashed_experts(torch.arange(6000), 6, seed=2))
    assert torch.equal(picked, hashed_experts(torch.arange(6000), 6, seed=2**70 + 1))  # the seed is taken modulo 2**32


def test_a_factorised_layer_is_as_large_as_a_dense_one():
    settings = Factorised(64)
    layer = settings.build(32, 128)
    maps = settings.count(32, 128, tokens=1).experts
    one_rank = 3 * (64 + 32 + 128)
    assert 3 * 32 * 128 - one_rank < maps <= 3 * 32 * 128
    assert maps == sum(p.numel() for p in layer.parameters()) - 64 * 32


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: TokenChoice(0), "experts 0"),
        (lambda: TokenChoice(2, 3), "top_k 3 of 2 experts"),
        (lambda: TokenChoice(2, 0), "top_k 0"),
        (lambda: TokenChoice(2, "1"), "top_k '1'"),
        (lambda: TokenChoice(2, 1, renormalise=True), "without gradient"),
        (lambda: TokenChoice(2, noise=-0.1), "noise -0.1"),
        (lambda: TokenChoice(2, noise=math.nan), "noise nan"),
        (lambda: TokenChoice(2, capacity=0), "capacity 0 is not allowed: give a finite number above 0"),
        (lambda: TokenChoice(2, capacity=-1.5), "capacity -1.5"),
        (lambda: TokenChoice(2, capacity=math.inf), "capacity inf"),
        (lambda: TokenChoice(2, balance_rate=-1), "balance_rate -1"),
        (lambda: ExpertChoice(1), "nothing to choose by"),
        (lambda: ExpertChoice(4, capacity=0.0), "capacity 0.0"),
        (lambda: ExpertChoice(4, capacity=5), "capacity 5 of 4 experts"),
        (lambda: ExpertChoice(4, over="batch"), "over 'batch' is unknown: give one of position, sequence"),
        (lambda: Soft(4, slots=0), "slots 0"),
        (lambda: Soft(4, over="all"), "over 'all' is unknown"),
        (lambda: Hash(2, 3), "top_k 3 of 2 experts"),
        (lambda: Hash(2, 1, seed=-1), "seed -1"),
        (lambda: Hash(2, 1).build(4, 4)(torch.zeros(1, 2, 4)), "ids"),
        (lambda: Unequal(3), "3 experts make no pairs"),
        (lambda: Unequal(4, spreads=()), "0 spreads for 2 pairs"),
        (lambda: Unequal(4, spreads=(1.0,)), "spread 1 leaves"),
        (lambda: Unequal(4, spreads=(-0.1,)), "spread -0.1"),
        (lambda: Unequal(4, spreads=(0.9,)).build(8, 4), "spread 0.9 of 4 hidden units"),
        (lambda: Factorised(4, rank=0), "rank 0"),
    ],
)
def test_bad_input_is_refused_in_one_line(make: Callable[[], object], said: str):
    with pytest.raises(InputError) as raised:
        make()
    assert said in str(raised.value) and "\n" not in str(raised.value)


def test_the_room_of_experts_is_what_is_counted():
    one = TokenChoice(4, 2).count(6, 10, tokens=8)
    roomy = TokenChoice(4, 2, capacity=2.0).count(6, 10, tokens=8)
    assert (one.router, one.experts, one.active) == (24, 4 * 180, 2 * 180)
    assert one.flops == 2 * 8 * (24 + 2 * 180) and roomy.flops == 2 * (8 * 24 + 4 * 8 * 180)
