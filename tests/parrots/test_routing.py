"""Routing, load balancing and the grouped product, each against its definition."""

from __future__ import annotations

import math

import pytest
import torch
from one_layer_cases import FLOAT_KINDS, name_of, present_of, random_model, star_graphs
from torch import Tensor

from parrots import grouped
from parrots.config import OneLayerConfig
from parrots.experts import block
from parrots.grouped import grouped_linear
from parrots.model import table_output
from parrots.routing import Routing, load_balancing_loss, loads, route


def scores(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 3


@pytest.mark.parametrize("top_k", [1, 2, 3, 8])
def test_chosen_experts_are_those_with_the_largest_scores(top_k: int) -> None:
    logits = scores(2, 50, 8)
    routing = route(logits, top_k)
    torch.testing.assert_close(routing.probabilities, logits.softmax(-1))
    assert routing.experts.shape == routing.gates.shape == (2, 50, top_k)
    assert torch.equal(routing.experts, logits.argsort(-1, descending=True)[..., :top_k])


def test_gates_of_one_choice_are_probabilities_and_of_several_sum_to_one() -> None:
    logits = scores(1, 50, 8)
    torch.testing.assert_close(route(logits, 1).gates[..., 0], logits.softmax(-1).amax(-1))
    two = route(logits, 2)
    torch.testing.assert_close(two.gates.sum(-1), torch.ones(1, 50, dtype=torch.float64))
    chosen = logits.gather(-1, two.experts)
    torch.testing.assert_close(two.gates, chosen.softmax(-1))


def test_large_scores_do_not_overflow() -> None:
    routing = route(torch.tensor([[[1000.0, 999.0, -1000.0]]]), 2)
    assert routing.experts.tolist() == [[[0, 1]]]
    torch.testing.assert_close(routing.gates, torch.tensor([[[1 / (1 + math.exp(-1)), 1 / (1 + math.e)]]]))


def balanced(K: int, tokens: int) -> Routing:
    """Tokens take the experts in turn, without preference."""
    experts = (torch.arange(tokens) % K).view(1, tokens, 1)
    return Routing(experts, torch.ones(1, tokens, 1), torch.full((1, tokens, K), 1 / K))


@pytest.mark.parametrize("K", [2, 5, 16])
def test_the_balancing_loss_is_one_when_balanced_and_k_when_collapsed(K: int) -> None:
    even = balanced(K, 4 * K)
    torch.testing.assert_close(load_balancing_loss(even), torch.ones(1))
    torch.testing.assert_close(loads(even), torch.full((1, K), 1 / K))
    one = torch.nn.functional.one_hot(torch.zeros(1, 20, dtype=torch.int64), K).float()
    collapsed = Routing(torch.zeros(1, 20, 1, dtype=torch.int64), torch.ones(1, 20, 1), one)
    torch.testing.assert_close(load_balancing_loss(collapsed), torch.tensor([float(K)]))
    assert loads(collapsed).tolist() == [[1.0] + [0.0] * (K - 1)]


@pytest.mark.parametrize("top_k", [1, 2])
def test_loads_are_counts(top_k: int) -> None:
    routing = route(scores(3, 40, 6), top_k)
    counted = [[(row == k).sum().item() / (40 * top_k) for k in range(6)] for row in routing.experts.flatten(-2)]
    torch.testing.assert_close(loads(routing), torch.tensor(counted, dtype=torch.float64))
    torch.testing.assert_close(loads(routing).sum(-1), torch.ones(3, dtype=torch.float64))
    expected = 6 * (torch.tensor(counted) * routing.probabilities.mean(1)).sum(1)
    torch.testing.assert_close(load_balancing_loss(routing), expected, check_dtype=False)


def test_the_balancing_loss_pushes_towards_balance() -> None:
    logits = (scores(1, 64, 4) + torch.tensor([3.0, 0, 0, 0])).requires_grad_()
    loss = load_balancing_loss(route(logits, 1))
    (gradient,) = torch.autograd.grad(loss.sum(), logits)
    assert loss.item() > 1.3
    assert gradient[..., 0].sum() > 0 > gradient[..., 1:].sum()


@pytest.mark.parametrize("top_k", [1, 2])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_router_learns_from_the_answer_alone(top_k: int, dtype: torch.dtype) -> None:
    config = OneLayerConfig(vertices=6, width=6, hidden=5, experts=4, top_k=top_k)
    model = random_model(config, scale=0.2).to(dtype)
    pairs, _ = star_graphs(config)
    model.forward_table(present_of(pairs, dtype)).sum().backward()
    assert model.router.grad is not None and model.router.grad.norm() > 1e-3


@pytest.mark.parametrize(("inputs", "outputs"), [(4, 8), (5, 7), (7, 1), (12, 48), (1, 3), (48, 1)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kernel", [True, False])
def test_the_grouped_product_equals_a_loop_over_rows(
    monkeypatch: pytest.MonkeyPatch, inputs: int, outputs: int, dtype: torch.dtype, kernel: bool
) -> None:
    if not kernel:
        monkeypatch.setattr(grouped, "_grouped_mm", None)
    generator = torch.Generator().manual_seed(0)
    groups = torch.tensor([0] * 3 + [1] + [4] * 6 + [5] * 7)  # groups 2, 3 and 6 are empty
    rows, weight, bias = (
        torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype).requires_grad_()
        for shape in ((len(groups), inputs), (7, inputs, outputs), (7, outputs))
    )
    result = grouped_linear(rows, weight, bias, groups)
    expected = torch.stack([row @ weight[g] + bias[g] for row, g in zip(rows, groups.tolist(), strict=True)])
    torch.testing.assert_close(result, expected)
    slope = torch.linspace(-1, 1, result.numel(), dtype=dtype).view_as(result)
    for one, other in zip(
        torch.autograd.grad((result * slope).sum(), (rows, weight, bias)),
        torch.autograd.grad((expected * slope).sum(), (rows, weight, bias)),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("config", [c for c in FLOAT_KINDS[:15] if c.embedding == "star"], ids=name_of)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_block_equals_a_loop_over_experts(config: OneLayerConfig, dtype: torch.dtype) -> None:
    """Two members at once; every expert is computed on every token, then weighted."""
    models = [random_model(config, seed, scale=0.5).to(dtype).weights() for seed in (1, 2)]
    stacked = {name: torch.stack([weights[name] for weights in models]) for name in models[0]}
    x = scores(2, 30, config.width, seed=3).to(dtype)
    result = block(x, stacked, config)
    expected = []
    for state, w in zip(x, models, strict=True):
        outputs = torch.stack(
            [
                state + torch.relu(state @ w["inner"][k] + w["inner_bias"][k]) @ w["outer"][k] + w["outer_bias"][k]
                for k in range(config.experts)
            ],
            1,
        )
        gates = torch.ones(30, 1, dtype=dtype)
        if config.experts > 1:
            probabilities = (state @ w["router"] + w["router_bias"]).softmax(-1)
            least = probabilities.sort(-1, descending=True)[0][:, config.top_k - 1, None]
            gates = torch.where(probabilities >= least, probabilities, 0)
            gates = gates if config.top_k == 1 else gates / gates.sum(-1, keepdim=True)
        expected.append((gates[:, :, None] * outputs).sum(1) @ w["readout"])
    tolerance = {torch.float32: 1e-4, torch.float64: 1e-12}[dtype]
    torch.testing.assert_close(result.logits, torch.stack(expected), rtol=tolerance, atol=tolerance)
    assert (result.routing is None) == (config.experts == 1)


def test_a_token_s_answer_does_not_depend_on_the_other_tokens() -> None:
    """No capacity, no dropping: alone or in a batch."""
    config = OneLayerConfig(vertices=6, width=6, hidden=5, experts=4, top_k=2)
    model = random_model(config, scale=0.5).double()
    pairs, _ = star_graphs(config)
    present = present_of(pairs, torch.float64)
    with torch.no_grad():
        together = table_output(present[None], model.stacked(), config).logits[0]
        alone = torch.cat([model.forward_table(one[None]) for one in present])
    torch.testing.assert_close(together, alone, rtol=1e-12, atol=1e-12)
