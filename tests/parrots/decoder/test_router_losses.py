"""The routers' losses and statistics, against counting by hand, transformers, and what is known of entropies."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from parrots.decoder import Decoder, DecoderConfig
from parrots.decoder.losses import load_balancing_loss, z_loss
from parrots.decoder.routers import Routing
from parrots.decoder.routers.expert_choice import ExpertChoice
from parrots.decoder.routers.token_choice import TokenChoice
from parrots.decoder.statistics import RoutingStatistics, information, information_bias


def routing_of(logits: Tensor, top_k: int, dropped: tuple[tuple[int, int], ...] = ()) -> Routing:
    p = logits.softmax(-1)
    chosen = one_hot(p.topk(top_k).indices, p.shape[1]).sum(1).bool()
    taken = chosen.clone()
    for t, k in dropped:
        assert chosen[t, k]
        taken[t, k] = False
    return Routing(logits, p, chosen, taken)


def drawn(T: int = 50, K: int = 6, top_k: int = 2) -> Routing:
    logits = 2 * torch.randn(T, K, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return routing_of(logits, top_k)


@pytest.mark.parametrize("top_k", [1, 2, 3])
def test_the_balancing_loss_is_the_formula_and_transformers_by_top_k(top_k):
    routing = drawn(top_k=top_k)
    by_hand = 0.0
    for k in range(6):
        share = sum(bool(row[k]) for row in routing.chosen_TK) / (50 * top_k)
        by_hand += 6 * share * sum(row[k].item() for row in routing.probabilities_TK) / 50
    assert load_balancing_loss(routing).item() == pytest.approx(by_hand, rel=1e-12)
    mixtral = pytest.importorskip("transformers.models.mixtral.modeling_mixtral")
    theirs = mixtral.load_balancing_loss_func((routing.logits_TK,), num_experts=6, top_k=top_k)
    assert theirs.item() == pytest.approx(top_k * by_hand, rel=1e-5)


def test_the_balancing_loss_is_from_one_to_k_and_falls_along_its_gradient():
    even = routing_of(torch.eye(4, dtype=torch.float64), 1)
    one = routing_of(torch.tensor([[90.0, 0, 0, 0]] * 4, dtype=torch.float64), 1)
    assert load_balancing_loss(even).item() == pytest.approx(1.0, abs=1e-12)
    assert load_balancing_loss(one).item() == pytest.approx(4.0)
    logits = (drawn().logits_TK + torch.tensor([3.0, 0, 0, 0, 0, 0])).requires_grad_()
    (gradient,) = torch.autograd.grad(load_balancing_loss(routing_of(logits, 1)), logits)
    assert gradient.sum(0)[0] > 0 > gradient.sum(0)[1:].sum()


def test_the_z_loss_is_the_formula():
    routing = drawn()
    by_hand = sum(math.log(sum(math.exp(logit) for logit in row)) ** 2 for row in routing.logits_TK.tolist()) / 50
    assert z_loss(routing).item() == pytest.approx(by_hand, rel=1e-12)


def test_statistics_of_a_few_tokens_counted_by_hand():
    p = torch.tensor([[0.5, 0.3, 0.2, 0.0], [0.1, 0.6, 0.3, 0.0], [0.7, 0.2, 0.1, 0.0]], dtype=torch.float64)
    routing = routing_of(p.log(), 2, dropped=((2, 0), (2, 1)))
    statistics = RoutingStatistics()
    statistics.add([routing], torch.tensor([[7, 5, 5]]))
    (layer,) = statistics.to_json(maps=True)["layers"]
    load = [1 / 4, 2 / 4, 1 / 4, 0.0]  # token 0: experts 0, 1; token 1: experts 1, 2; token 2: none
    assert layer["load"] == pytest.approx(load)
    assert layer["largest_load"] == pytest.approx(2.0)
    assert layer["load_entropy"] == pytest.approx(-sum(x * math.log(x) for x in load if x) / math.log(4))
    entropies = [-sum(x * math.log(x) for x in row if x) for row in p.tolist()]
    assert layer["router_entropy"] == pytest.approx(sum(entropies) / 3 / math.log(4))
    assert layer["dropped"] == pytest.approx(2 / 6) and layer["unrouted"] == pytest.approx(1 / 3)
    assert layer["dead"] == 1 and layer["tokens"] == 3
    first, second = [0.5 / 0.8, 0.3 / 0.8, 0, 0], [0, 0.6 / 0.9, 0.3 / 0.9, 0]
    assert layer["importance"] == pytest.approx([(a + b) / 2 for a, b in zip(first, second, strict=True)])
    for row, expected in zip(layer["by_position"], [first, second, [0.0] * 4], strict=True):
        assert row == pytest.approx(expected)
    assert layer["by_token"][7] == pytest.approx(first) and layer["by_token"][5] == pytest.approx(second)
    assert sum(map(sum, layer["by_token"][:5])) == 0


def test_batches_add_up_and_padding_is_left_out():
    config = DecoderConfig(20, 8, 2, 2, 9, router=TokenChoice(4, 2))
    model = Decoder(config, torch.Generator().manual_seed(0)).double()
    tokens = torch.randint(1, 20, (6, 9), generator=torch.Generator().manual_seed(1))
    tokens[:, 7:] = 0
    whole, parts, cut = RoutingStatistics(), RoutingStatistics(), RoutingStatistics()
    whole.add(model(tokens).routings, tokens, tokens != 0)
    for part in tokens.split(2):
        parts.add(model(part).routings, part, part != 0)
    cut.add(model(tokens[:, :7]).routings, tokens[:, :7])
    for other in (parts, cut):
        for ours, theirs in zip(whole.to_json(True)["layers"], other.to_json(True)["layers"], strict=True):
            assert ours.keys() == theirs.keys()
            for name, value in ours.items():
                torch.testing.assert_close(torch.tensor(value), torch.tensor(theirs[name]), msg=name)


def test_a_layer_of_the_last_tokens_is_matched_with_those():
    model = Decoder(DecoderConfig(20, 8, 2, 2, 9, router=TokenChoice(4, 2)), torch.Generator().manual_seed(0))
    tokens = torch.randint(0, 20, (6, 9), generator=torch.Generator().manual_seed(1))
    statistics = RoutingStatistics()
    statistics.add(model(tokens, last=3).routings, tokens)
    first, second = statistics.to_json(maps=True)["layers"]
    assert (first["tokens"], second["tokens"]) == (54, 18)
    assert [sum(row) > 0 for row in second["by_position"]] == [False] * 6 + [True] * 3


@pytest.mark.parametrize(("what", "bits"), [("position", 2.0), ("token", 2.0), ("nothing", 0.0)])
def test_information_is_that_of_routers_that_go_by_one_thing(what, bits):
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(0, 4, (800, 4), generator=generator)
    places = torch.arange(4).expand(800, 4)
    expert = {"position": places, "token": ids, "nothing": torch.randint(0, 4, (800, 4), generator=generator)}[what]
    one = one_hot(expert.flatten(), 4).bool()
    statistics = RoutingStatistics()
    statistics.add([Routing(one.double(), one.double(), one, one)], ids)
    (layer,) = statistics.to_json()["layers"]
    for name in ("position", "token"):
        expected = bits if name == what else 0.0
        assert layer[f"{name}_information"] == pytest.approx(expected, abs=0.01)


def test_the_bias_is_what_the_plug_in_estimate_has_on_average():
    generator = torch.Generator().manual_seed(0)
    estimates, biases = [], []
    for _ in range(300):
        table = torch.zeros(5, 4, dtype=torch.float64)
        table.view(-1).index_add_(0, torch.randint(0, 20, (200,), generator=generator), torch.ones(200).double())
        estimates.append(information(table))  # rows and columns are independent: the truth is 0
        biases.append(information_bias(table, 200))
    error = torch.tensor(estimates).std().item() / 300**0.5
    assert torch.tensor(estimates).mean().item() == pytest.approx(sum(biases) / 300, abs=4 * error)


def test_expert_choice_leaves_tokens_unrouted_and_loads_even():
    model = Decoder(DecoderConfig(20, 8, 1, 2, 9, router=ExpertChoice(4, capacity=1.0)), torch.Generator())
    statistics = RoutingStatistics()
    statistics.add(model(torch.randint(0, 20, (16, 9))).routings)
    (layer,) = statistics.to_json()["layers"]
    assert layer["load"] == [0.25] * 4 and layer["load_entropy"] == pytest.approx(1.0)
    assert layer["unrouted"] > 0 and layer["dropped"] == 0 and layer["token_information"] is None
