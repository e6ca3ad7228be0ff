"""Reading through a cache, and writing on, equal the plain forward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from torch import Tensor

from parrots.decoder import Decoder, DecoderConfig
from parrots.decoder.cache import Cache
from parrots.decoder.generate import Sample, generate, greedy
from parrots.decoder.routers import ROUTERS as ROUTERS_BY_NAME
from parrots.decoder.routers import RouterSettings
from parrots.decoder.routers.token_choice import TokenChoice
from theory.errors import InputError

VOCABULARY, POSITIONS = 40, 24


def decoder(router: RouterSettings | None = None, seed: int = 0, **changes: object) -> Decoder:
    shape = {"width": 16, "layers": 3, "heads": 4, "kv_heads": 2, "router": router} | changes
    config = DecoderConfig(vocabulary=VOCABULARY, positions=POSITIONS, **shape)
    return Decoder(config, torch.Generator().manual_seed(seed)).double()


def texts(rows: int, tokens: int, seed: int = 1) -> Tensor:
    return torch.randint(0, VOCABULARY, (rows, tokens), generator=torch.Generator().manual_seed(seed))


def one_by_one(model: Decoder, prompt: Tensor, new_tokens: int) -> list[int]:
    """Greedy, the whole text run again for each token."""
    text = prompt[None]
    for _ in range(new_tokens):
        text = torch.cat((text, model(text).logits[:, -1].argmax(-1, keepdim=True)), 1)
    return text[0, len(prompt) :].tolist()


ROUTERS = pytest.mark.parametrize("router", [None, TokenChoice(4, 2)], ids=str)


@ROUTERS
@pytest.mark.parametrize("parts", [(12,), (1,) * 12, (5, 1, 4, 2)], ids=str)
def test_a_text_read_in_parts_gives_the_logits_of_the_whole(router, parts):
    model, tokens = decoder(router), texts(3, 12)
    cache = Cache(3, 12)
    logits = torch.cat([model(part, cache=cache).logits for part in tokens.split(parts, 1)], 1)
    torch.testing.assert_close(logits, model(tokens).logits, rtol=1e-12, atol=1e-12)
    assert cache.length == 12


@ROUTERS
def test_padding_at_the_left_changes_nothing(router):
    model, tokens = decoder(router), texts(3, 12)
    cache = Cache(3, 12, padding=torch.tensor([0, 3, 11]))
    logits = torch.cat([model(part, cache=cache).logits for part in tokens.split((11, 1), 1)], 1)
    for row, padded in enumerate((0, 3, 11)):
        alone = model(tokens[row : row + 1, padded:]).logits[0]
        torch.testing.assert_close(logits[row, padded:], alone, rtol=1e-12, atol=1e-12)


@ROUTERS
@pytest.mark.parametrize("last", [1, 4])
def test_last_and_cache_together(router, last):
    model, tokens = decoder(router), texts(2, 10)
    cache = Cache(3, 10)
    model(tokens[:, :5], last=1, cache=cache)
    logits = model(tokens[:, 5:], last=last, cache=cache).logits
    torch.testing.assert_close(logits, model(tokens).logits[:, -last:], rtol=1e-12, atol=1e-12)


@ROUTERS
def test_prompts_of_different_lengths_are_written_on_as_each_alone(router):
    model = decoder(router)
    prompts = [texts(1, length, seed=length)[0] for length in (1, 9, 4, 15)]
    written = generate(model, prompts, 10)
    assert written.tolist() == [one_by_one(model, prompt, 10) for prompt in prompts]


def test_a_batch_of_one_length_and_float32():
    model, prompts = decoder(TokenChoice(4, 2)).float(), texts(5, 8)
    assert generate(model, prompts, 6).tolist() == [one_by_one(model, prompt, 6) for prompt in prompts]


EVERY = [kind(4) for kind in ROUTERS_BY_NAME.values()] + [TokenChoice(4, 2, capacity=0.5, noise=1.0, balance_rate=0.1)]


@pytest.mark.parametrize("router", EVERY, ids=str)
def test_every_router_writes_what_the_whole_text_gives(router):
    """In evaluation, where no token is dropped for want of room; at once, as some routers choose across a batch."""
    model, text = decoder(router).eval(), texts(3, 6)
    for name, buffer in model.named_buffers():
        if name.endswith("bias"):
            buffer.copy_(torch.linspace(-1, 1, 4))
    written = generate(model.train(), text, 5)
    assert model.training
    model.eval()
    for _ in range(5):
        text = torch.cat((text, model(text).logits[:, -1].argmax(-1, keepdim=True)), 1)
    assert torch.equal(written, text[:, 6:])


def test_limits_of_training_allow_a_cache_outside_it():
    model, tokens = decoder(TokenChoice(4, 2, capacity=0.5)), texts(2, 6)
    with pytest.raises(InputError, match="cannot be run in parts"):
        model.train()(tokens, cache=Cache(3, 6))
    model.eval()(tokens, cache=Cache(3, 6))
    prompts = [tokens[0], tokens[1, :3]]
    assert generate(model, prompts, 4).tolist() == [one_by_one(model, prompt, 4) for prompt in prompts]


def test_a_row_ends_with_the_stop_token_and_the_others_go_on():
    model = decoder()
    prompts = [texts(1, length, seed=length)[0] for length in (3, 7, 5)]
    free = generate(model, prompts, 12)
    stop = int(free[1, 4])
    written = generate(model, prompts, 12, stop=stop)
    for row, open_ended in zip(written.tolist(), free.tolist(), strict=True):
        end = open_ended.index(stop) if stop in open_ended else 12
        assert row == open_ended[:end] + [stop] * (12 - end)
    assert stop in free[1, :5].tolist()


def test_nothing_is_computed_once_every_row_has_stopped():
    model, prompts, calls = decoder(), texts(2, 3), []
    model.register_forward_hook(lambda *_: calls.append(None))
    ends = iter([torch.tensor([5, 1]), torch.tensor([2, 5])])
    assert generate(model, prompts, 9, stop=5, choose=lambda _: next(ends)).tolist() == [[5] * 9, [1, *[5] * 8]]
    assert len(calls) == 2


def test_training_mode_is_restored():
    model = decoder().train()
    generate(model, texts(1, 3), 2)
    assert model.training and model.layers[0].training


def test_samples_follow_the_softmax():
    logits = torch.tensor([[0.0, 1.0, 2.0, -1.0]]).repeat(20_000, 1)
    drawn = Sample(0.5, generator=torch.Generator().manual_seed(0))(logits)
    shares = torch.bincount(drawn, minlength=4) / len(drawn)
    torch.testing.assert_close(shares, (logits[0] / 0.5).softmax(-1), atol=0.01, rtol=0)
    of_two = Sample(0.5, 2, torch.Generator().manual_seed(0))(logits)
    shares = torch.bincount(of_two, minlength=4) / len(of_two)
    torch.testing.assert_close(shares[1:3], (logits[0, 1:3] / 0.5).softmax(-1), atol=0.01, rtol=0)
    assert set(of_two.tolist()) == {1, 2}


def test_one_candidate_is_greedy_and_a_seed_repeats():
    model, prompts = decoder(), texts(4, 5)
    assert torch.equal(generate(model, prompts, 8, choose=Sample(3.0, 1)), generate(model, prompts, 8))
    drawn = [generate(model, prompts, 8, choose=Sample(2.0, 7, torch.Generator().manual_seed(s))) for s in (1, 1, 2)]
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2])


@dataclass(frozen=True)
class Together(TokenChoice):
    """Token choice that does not say that it judges tokens apart."""

    name: ClassVar[str] = "together"

    @property
    def token_wise(self) -> bool:
        return False


def test_a_router_that_judges_tokens_together_is_run_on_the_whole_text():
    model, prompts = decoder(Together(4, 2)), texts(3, 6)
    lengths: list[int] = []
    model.register_forward_pre_hook(lambda _, inputs: lengths.append(inputs[0].shape[1]))
    written = generate(model, prompts, 4)
    assert lengths == [6, 7, 8, 9]
    assert written.tolist() == [one_by_one(model, prompt, 4) for prompt in prompts]
    assert model(prompts, last=2).routings[-1].logits_TK.shape == (18, 4)
    with pytest.raises(InputError, match="different lengths with router together"):
        generate(model, [prompts[0], prompts[1, :3]], 4)
    with pytest.raises(InputError, match="cannot be run in parts"):
        model(prompts, cache=Cache(3, 6))


@pytest.mark.parametrize(
    ("prompts", "new_tokens", "said"),
    [
        ([], 3, "0 prompts"),
        ([torch.zeros(0, dtype=torch.int64)], 3, "the shortest of 0 tokens"),
        (texts(2, 3), 0, "0 to write"),
        (texts(2, 20), 6, "write at most 5 or give shorter prompts"),
        (torch.tensor([[3, VOCABULARY]]), 2, "token 40 in a prompt: the model has 0 to 39"),
        (torch.tensor([[3, -1]]), 2, "token -1 in a prompt"),
    ],
)
def test_what_cannot_be_written_on_is_refused(prompts, new_tokens, said):
    with pytest.raises(InputError, match=said):
        generate(decoder(), prompts, new_tokens)


def test_the_last_position_is_used():
    assert generate(decoder(), texts(2, 20), 5).shape == (2, 5)


def test_what_does_not_fit_is_refused():
    model = decoder()
    with pytest.raises(InputError, match="25 tokens, and the model has 24 positions"):
        model(texts(1, POSITIONS + 1))
    for last in (0, -1, 6):
        with pytest.raises(InputError, match=f"the last {last} of 5 tokens"):
            model(texts(1, 5), last=last)
    cache = Cache(3, 6)
    model(texts(1, 5), cache=cache)
    with pytest.raises(InputError, match="holds 5, and 2 more do not fit"):
        model(texts(1, 2), cache=cache)


@pytest.mark.parametrize("setting", [{"temperature": 0.0}, {"temperature": float("nan")}, {"top_k": 0}], ids=str)
def test_what_cannot_be_drawn_from_is_refused(setting):
    with pytest.raises(InputError):
        Sample(**setting)


def test_greedy_takes_the_first_of_equals():
    assert greedy(torch.tensor([[1.0, 2.0, 2.0]])).tolist() == [1]
