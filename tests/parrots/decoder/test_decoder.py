"""The parts of a decoder against their definitions; tests/parrots/interop compares the whole with transformers."""

from __future__ import annotations

import cmath

import pytest
import torch
from torch import Tensor

from parrots.decoder import Decoder, DecoderConfig
from parrots.decoder.cache import Cache, visible
from parrots.decoder.rotary import rotate, rotation
from parrots.decoder.routers import RouterSettings
from parrots.decoder.routers.token_choice import TokenChoice

ROUTERS = pytest.mark.parametrize("router", [None, TokenChoice(4, 2)], ids=str)


def decoder(router: RouterSettings | None = None, **changes: object) -> Decoder:
    shape = {"vocabulary": 40, "width": 16, "layers": 2, "heads": 4, "kv_heads": 2, "positions": 20} | changes
    return Decoder(DecoderConfig(router=router, **shape), torch.Generator().manual_seed(0))


def texts() -> Tensor:
    return torch.randint(0, 40, (3, 12), generator=torch.Generator().manual_seed(1))


def test_rotation_is_multiplication_of_pairs_by_a_phase():
    x = torch.randn(2, 3, 5, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    turned = rotate(x, rotation(torch.arange(7.0, 12.0, dtype=torch.float64), 8, 100.0))
    for place in range(5):
        for i in range(4):
            phase = cmath.exp(1j * (7 + place) * 100.0 ** (-2 * i / 8))
            expected = torch.complex(x[:, :, place, i], x[:, :, place, i + 4]) * phase
            found = torch.complex(turned[:, :, place, i], turned[:, :, place, i + 4])
            torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_attention_of_rotated_vectors_reads_differences_of_positions():
    query, key = torch.randn(2, 1, 1, 1, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def score(at: int, of: int) -> float:
        turns = (rotation(torch.tensor([place], dtype=torch.float64), 8, 100.0) for place in (at, of))
        return float((rotate(query, next(turns)) * rotate(key, next(turns))).sum())

    assert score(9, 4) == pytest.approx(score(105, 100), rel=1e-12)
    assert score(9, 4) != pytest.approx(score(9, 5), rel=1e-3)


def test_grouped_queries_are_all_heads_with_repeated_keys_and_values():
    grouped, plain = decoder().double(), decoder(kv_heads=None).double()
    state = grouped.state_dict()
    for name, value in state.items():
        if name.endswith(("key.weight", "value.weight")):
            state[name] = value.unflatten(0, (2, 4)).repeat_interleave(2, dim=0).flatten(0, 1)
    plain.load_state_dict(state)
    torch.testing.assert_close(grouped(texts()).logits, plain(texts()).logits, rtol=1e-12, atol=1e-12)


@ROUTERS
def test_no_token_reads_a_later_one(router):
    model, tokens = decoder(router).double(), texts()
    changed = tokens.clone()
    changed[:, 7] = (changed[:, 7] + 1) % 40
    before, after = model(tokens).logits, model(changed).logits
    torch.testing.assert_close(before[:, :7], after[:, :7], rtol=1e-12, atol=1e-12)
    assert ((before - after)[:, 7:].abs().amax(-1) > 1e-6).all()


def test_what_is_visible():
    assert visible(2, 4, None, torch.device("cpu")).tolist() == [[True, True, True, False], [True] * 4]
    padded = visible(3, 3, torch.tensor([0, 2]), torch.device("cpu"))
    assert padded[0, 0].tolist() == torch.ones(3, 3).tril().bool().tolist()
    assert padded[1, 0].tolist() == torch.eye(3).bool().tolist()


def test_a_tied_head_is_the_embedding():
    model = decoder(tied=True)
    assert "head.weight" not in dict(model.named_parameters())
    untied = decoder()
    untied.load_state_dict(model.state_dict() | {"head.weight": model.embedding.weight})
    assert torch.equal(model(texts()).logits, untied(texts()).logits)


@ROUTERS
def test_autocast_rounds_and_leaves_weights_and_gradients_float32(router):
    model, tokens = decoder(router), texts()
    exact = model(tokens).logits
    with torch.autocast("cpu", torch.bfloat16):
        rounded = model(tokens).logits
        cache = Cache(2, 12)
        parts = torch.cat([model(part, cache=cache).logits for part in tokens.split((5, 7), 1)], 1)
    assert rounded.dtype == torch.bfloat16
    torch.testing.assert_close(rounded.float(), exact, rtol=0.1, atol=0.15)
    torch.testing.assert_close(parts, rounded, rtol=0.1, atol=0.15)
    rounded.float().square().mean().backward()
    assert all(weight.grad.dtype == torch.float32 and weight.grad.isfinite().all() for weight in model.parameters())


@ROUTERS
def test_the_whole_model_compiles_to_one_graph(router):
    """Captured and differentiated ahead of time; machine code would take a minute more."""
    model, tokens = decoder(router, layers=1), texts()
    expected = model(tokens, last=4).logits
    expected.square().mean().backward()
    gradients = [weight.grad.clone() for weight in model.parameters()]
    model.zero_grad()
    found = torch.compile(model, backend="aot_eager", fullgraph=True)(tokens, last=4).logits
    found.square().mean().backward()
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    for weight, gradient in zip(model.parameters(), gradients, strict=True):
        torch.testing.assert_close(weight.grad, gradient, rtol=1e-3, atol=1e-5)
