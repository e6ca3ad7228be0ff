"""Every router against a plain loop, stacked, in bfloat16, compiled; what it may look at; what it refuses."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from router_oracles import CASES, layer_of, oracle, states
from torch import Tensor
from torch.func import functional_call, stack_module_state, vmap

from parrots.decoder import Decoder, DecoderConfig, DecoderEnsemble
from parrots.decoder.routers import ROUTERS, RoutedFeedForward, Routing
from parrots.decoder.routers.expert_choice import ExpertChoice
from parrots.decoder.routers.soft import Soft
from parrots.decoder.routers.token_choice import TokenChoice

every_router = pytest.mark.parametrize("settings", CASES, ids=str)


def gradients(layer: RoutedFeedForward, output: Tensor) -> dict[str, Tensor]:
    layer.zero_grad()
    output.square().sum().backward()
    return {name: parameter.grad for name, parameter in layer.named_parameters()}


def test_every_router_has_a_case():
    assert {settings.name for settings in CASES} == set(ROUTERS)


@every_router
def test_outputs_and_gradients_are_those_of_a_loop_over_tokens(settings):
    layer, (x, ids) = layer_of(settings), states(3, 5)
    x.requires_grad_()
    output = layer(x, ids)[0]
    ours = gradients(layer, output) | {"x": x.grad}
    x.grad = None
    expected = oracle(layer, x, ids)
    theirs = gradients(layer, expected) | {"x": x.grad}
    torch.testing.assert_close(output, expected, rtol=1e-9, atol=1e-12)
    for name, gradient in ours.items():
        torch.testing.assert_close(gradient, theirs[name], rtol=1e-8, atol=1e-11, msg=lambda text: f"{name}: {text}")  # noqa: B023


@given(st.sampled_from(CASES), st.integers(1, 4), st.integers(1, 5), st.integers(0, 99))
def test_outputs_are_those_of_a_loop_for_any_shape(settings, batch, tokens, seed):
    layer, (x, ids) = layer_of(settings, seed=seed), states(batch, tokens, seed=seed)
    torch.testing.assert_close(layer(x, ids)[0], oracle(layer, x, ids), rtol=1e-9, atol=1e-12)


@every_router
def test_the_record_says_what_was_done(settings):
    layer, (x, ids) = layer_of(settings), states(3, 5)
    routing = layer(x, ids)[1]
    assert all(part.shape == routing.logits_TK.shape and part.shape[0] == 15 for part in routing)
    assert routing.chosen_TK.dtype == routing.taken_TK.dtype == torch.bool
    assert (routing.taken_TK <= routing.chosen_TK).all()
    torch.testing.assert_close(routing.probabilities_TK.sum(1), torch.ones(15, dtype=torch.float64))
    idle = ~routing.taken_TK.any(1)
    output = layer(x, ids)[0].flatten(0, 1)
    assert torch.equal(output.abs().sum(1) == 0, idle)


@every_router
def test_stacked_layers_compute_what_each_computes_alone(settings):
    layers = [layer_of(settings, seed=seed) for seed in range(3)]
    x = torch.stack([states(2, 4, seed=seed)[0] for seed in range(3)])
    ids = states(2, 4)[1]
    parameters, buffers = stack_module_state(layers)

    def one(parameters: dict[str, Tensor], buffers: dict[str, Tensor], x: Tensor) -> tuple[Tensor, Routing]:
        return functional_call(layers[0], (parameters, buffers), (x, ids))

    output, routing = vmap(one)(parameters, buffers, x)
    stacked = torch.autograd.grad(output.square().sum(), list(parameters.values()))
    for index, layer in enumerate(layers):
        alone, decided = layer(x[index], ids)
        torch.testing.assert_close(output[index], alone)
        assert torch.equal(routing.taken_TK[index], decided.taken_TK)
        for gradient, (name, expected) in zip(stacked, gradients(layer, alone).items(), strict=True):
            torch.testing.assert_close(gradient[index], expected, msg=lambda text: f"{name}: {text}")  # noqa: B023


@every_router
def test_decoders_with_it_are_stacked_saved_and_rebuilt(settings):
    config = DecoderConfig(30, 8, 2, 2, 12, router=settings, shared=4)
    assert DecoderConfig.from_json(config.to_json()) == config
    members = [Decoder(config, torch.Generator().manual_seed(seed)) for seed in range(2)]
    tokens = torch.randint(0, 30, (2, 3, 7), generator=torch.Generator().manual_seed(0))
    ensemble = DecoderEnsemble(members)
    together = ensemble(tokens)
    for index, member in enumerate(members):
        torch.testing.assert_close(together.logits[index], member(tokens[index]).logits, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(member(tokens[index], last=2).logits, member(tokens[index]).logits[:, -2:])
    assert torch.equal(ensemble.member(1)(tokens[1]).logits, members[1](tokens[1]).logits)


def test_a_shared_expert_is_passed_by_every_token_beside_the_routed_ones():
    config = DecoderConfig(30, 8, 1, 2, 12, router=TokenChoice(4, 2), shared=3)
    layer = Decoder(config, torch.Generator().manual_seed(0)).double().layers[0]
    parts: dict[str, Tensor] = {}
    for name in ("feed_forward_norm", "feed_forward", "shared"):
        layer.get_submodule(name).register_forward_hook(lambda _, given, gave, name=name: parts.update({name: gave}))
    model = Decoder(config).double()
    x = torch.randn(2, 5, 8, dtype=torch.float64)
    output = layer(x, model._turn(0, 5, x), 5)[0]
    gate, up = (parts["feed_forward_norm"] @ layer.shared.gate_up.weight.T).chunk(2, -1)
    shared = (torch.nn.functional.silu(gate) * up) @ layer.shared.down.weight.T
    torch.testing.assert_close(parts["shared"], shared)
    attended = x + layer.attention(layer.attention_norm(x), model._turn(0, 5, x), 5)
    torch.testing.assert_close(output, attended + parts["feed_forward"][0] + shared)


@every_router
def test_the_parameters_are_the_ones_counted(settings):
    layer = settings.build(6, 10)
    counted = settings.count(6, 10, tokens=8)
    assert sum(parameter.numel() for parameter in layer.parameters()) == counted.router + counted.experts
    assert 0 < counted.active <= counted.experts and counted.flops > 0


@every_router
def test_bfloat16_rounds_and_no_more(settings):
    layer = layer_of(settings, width=8, hidden=8).float()
    x, ids = states(2, 4, width=8)
    exact, decided = layer(x.float(), ids)
    with torch.autocast("cpu", torch.bfloat16):
        output, routing = layer(x.float(), ids)
        output.sum().backward()
    assert torch.equal(routing.taken_TK, decided.taken_TK) and routing.logits_TK.dtype == torch.float32
    torch.testing.assert_close(output.float(), exact, rtol=0.05, atol=0.03 * exact.abs().max().item())
    assert all(parameter.grad.dtype == torch.float32 for parameter in layer.parameters() if parameter.grad is not None)


@pytest.mark.parametrize("settings", [CASES[1], CASES[5], CASES[6], CASES[8]], ids=str)
def test_it_compiles(settings):
    layer, (x, ids) = layer_of(settings).float(), states(2, 4)
    compiled = torch.compile(layer, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(x.float(), ids)[0], layer(x.float(), ids)[0])


@every_router
def test_the_same_input_gives_the_same_bits(settings):
    layer, (x, ids) = layer_of(settings), states(3, 5)
    assert torch.equal(layer(x, ids)[0], layer(x, ids)[0])


def earlier_outputs_move(layer: RoutedFeedForward, draws: int = 6) -> bool:
    """Whether the outputs at the first tokens of a sequence depend on the last ones of the same sequence."""
    for seed in range(draws):
        x, ids = states(3, 6, seed=seed)
        changed, other_ids = x.clone(), ids.clone()
        changed[1, 4:], other_ids[1, 4:] = states(3, 2, seed=seed + 1000)[0][1], 29
        if not torch.equal(layer(x, ids)[0][1, :4], layer(changed, other_ids)[0][1, :4]):
            return True
    return False


@every_router
def test_a_router_is_causal_exactly_if_it_says_so(settings):
    layer = layer_of(settings)
    assert earlier_outputs_move(layer) != settings.causal
    assert earlier_outputs_move(layer.eval()) != settings.causal


def parts_differ(layer: RoutedFeedForward, draws: int = 6) -> bool:
    """Whether a token's output depends on other tokens at all."""
    for seed in range(draws):
        x, ids = states(3, 6, seed=seed)
        whole, part = layer(x, ids)[0][1:, 3:], layer(x[1:, 3:], ids[1:, 3:])[0]
        if not torch.allclose(whole, part, rtol=1e-9, atol=1e-12):
            return True
    return False


@every_router
def test_a_router_is_token_wise_exactly_if_it_says_so(settings):
    assert parts_differ(layer_of(settings)) != settings.token_wise


@pytest.mark.parametrize("settings", [s for s in CASES if s.causal], ids=str)
def test_logits_of_a_decoder_do_not_depend_on_later_tokens(settings):
    model = Decoder(DecoderConfig(30, 8, 2, 2, 12, router=settings), torch.Generator().manual_seed(3)).double()
    tokens = torch.randint(0, 30, (3, 8), generator=torch.Generator().manual_seed(4))
    other = tokens.clone()
    other[1, 5:] = (other[1, 5:] + 1) % 30
    torch.testing.assert_close(model(tokens).logits[1, :5], model(other).logits[1, :5], rtol=0, atol=1e-13)
    assert not torch.equal(model(tokens).logits[1, 5:], model(other).logits[1, 5:])


@pytest.mark.parametrize(("over", "sees"), [("past", 4), ("sequence", 6)])
def test_soft_moe_reads_the_tokens_it_says(over, sees):
    layer, (x, _) = layer_of(Soft(3, over=over)), states(1, 6)
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(layer(x)[0][0, 3].sum(), x)
    assert (gradient[0].abs().sum(-1) > 0).tolist() == [True] * sees + [False] * (6 - sees)


def test_both_forms_of_soft_moe_agree_on_the_last_token():
    past, whole = layer_of(Soft(3, slots=2)), layer_of(Soft(3, slots=2, over="sequence"))
    x, _ = states(2, 6)
    torch.testing.assert_close(past(x)[0][:, -1], whole(x)[0][:, -1])


def test_a_large_scale_of_soft_moe_does_not_overflow():
    layer, (x, _) = layer_of(Soft(3)).float(), states(2, 6)
    with torch.no_grad():
        layer.router.scale.fill_(40.0)
    assert layer(x.float())[0].isfinite().all()


@pytest.mark.parametrize("over", ["position", "sequence"])
def test_expert_choice_loads_are_even(over):
    layer, (x, _) = layer_of(ExpertChoice(4, capacity=2.0, over=over)), states(8, 8)
    assert layer(x)[1].taken_TK.sum(0).tolist() == [32] * 4


@pytest.mark.parametrize(
    "settings", [ExpertChoice(4, 1.0), TokenChoice(4, 2, capacity=0.5), TokenChoice(4, 2)], ids=str
)
def test_a_tie_goes_to_the_earlier(settings):
    layer = layer_of(settings)
    x = states(1, 1)[0].expand(8, 1, 6)
    taken = layer(x)[1].taken_TK
    favourites = torch.topk(layer.router.weight @ x[0, 0], 2).indices
    if isinstance(settings, ExpertChoice):
        assert taken.nonzero().tolist() == [[0, k] for k in range(4)] + [[1, k] for k in range(4)]
    else:
        last = 8 if settings.capacity is None else 2  # 0.5 * 2 * 8 / 4
        expected = torch.zeros(8, 4, dtype=torch.bool)
        expected[:last, favourites] = True
        assert torch.equal(taken, expected)
