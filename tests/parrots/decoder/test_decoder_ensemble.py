"""Stacked decoders compute what each of them computes alone."""

from __future__ import annotations

import pytest
import torch

from parrots.decoder import Decoder, DecoderConfig, DecoderEnsemble
from parrots.decoder.routers import RouterSettings
from parrots.decoder.routers.token_choice import TokenChoice


def config(router: RouterSettings | None, **changes: object) -> DecoderConfig:
    return DecoderConfig(**{"vocabulary": 40, "width": 16, "layers": 2, "heads": 2, "positions": 20, "kv_heads": 1,
                            "router": router} | changes)  # fmt: skip


def members(router: RouterSettings | None, count: int = 3) -> list[Decoder]:
    return [Decoder(config(router), torch.Generator().manual_seed(seed)) for seed in range(count)]


@pytest.mark.parametrize("router", [None, TokenChoice(4, 2), TokenChoice(4, 1)], ids=str)
def test_members_equal_the_ordinary_models(router):
    alone = members(router)
    tokens = torch.randint(0, 40, (3, 8, 12), generator=torch.Generator().manual_seed(9))
    ensemble = DecoderEnsemble(alone)
    parameters = {name: value.clone().requires_grad_() for name, value in ensemble.parameters.items()}
    together = ensemble(tokens, parameters=parameters)
    together.logits.square().mean().backward()
    for index, model in enumerate(alone):
        output = model(tokens[index])
        torch.testing.assert_close(together.logits[index], output.logits, rtol=1e-4, atol=1e-5)
        for ours, theirs in zip(together.routings, output.routings, strict=True):
            assert torch.equal(ours.taken_TK[index], theirs.taken_TK)
        (output.logits.square().mean() / 3).backward()
        for name, parameter in model.named_parameters():
            torch.testing.assert_close(parameters[name].grad[index], parameter.grad, rtol=1e-3, atol=1e-6)


def test_a_member_taken_out_is_the_model_that_went_in():
    alone = members(TokenChoice(4, 2))
    tokens = torch.randint(0, 40, (4, 12))
    for index, model in enumerate(alone):
        assert torch.equal(DecoderEnsemble(alone).member(index)(tokens).logits, model(tokens).logits)


def test_members_of_different_shapes_are_refused():
    with pytest.raises(ValueError, match="different configurations"):
        DecoderEnsemble([Decoder(config(None)), Decoder(config(TokenChoice(4, 2)))])


@pytest.mark.parametrize("router", [None, TokenChoice(4, 2)], ids=str)
def test_the_last_logits_alone_are_those_of_the_whole(router):
    model = members(router, 1)[0].double()
    tokens = torch.randint(0, 40, (5, 12))
    torch.testing.assert_close(model(tokens, last=3).logits, model(tokens).logits[:, -3:], rtol=1e-12, atol=1e-12)
