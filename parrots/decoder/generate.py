"""Writing on from prompts, token by token."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from parrots.decoder.cache import Cache
from parrots.decoder.model import Decoder
from theory.errors import InputError

Choice = Callable[[Tensor], Tensor]
"""From logits ``[batch, vocabulary]`` to the tokens written ``[batch]``."""


def greedy(logits: Tensor) -> Tensor:
    """The likeliest token, the first of equals: ``[batch, vocabulary] -> [batch]``."""
    return logits.argmax(-1)


@dataclass(frozen=True)
class Sample:
    """A token drawn from ``softmax(logits / temperature)``, of the ``top_k`` likeliest if given.

    Raises :class:`theory.errors.InputError` for a temperature that is not positive or a ``top_k`` below 1.
    """

    temperature: float = 1.0
    top_k: int | None = None
    generator: torch.Generator | None = None

    def __post_init__(self) -> None:
        if not 0 < self.temperature < float("inf"):
            raise InputError(f"temperature {self.temperature}: give a positive number, or choose greedily.")
        if self.top_k is not None and self.top_k < 1:
            raise InputError(f"top_k {self.top_k} tokens to draw from: give 1 or more.")

    def __call__(self, logits: Tensor) -> Tensor:
        """``[batch, vocabulary] -> [batch]``."""
        scaled = logits.double() / self.temperature
        if self.top_k is not None and self.top_k < scaled.shape[-1]:
            best = scaled.topk(self.top_k, -1)
            drawn = torch.multinomial(best.values.softmax(-1), 1, generator=self.generator)
            return best.indices.gather(-1, drawn).squeeze(-1)
        return torch.multinomial(scaled.softmax(-1), 1, generator=self.generator).squeeze(-1)


@torch.no_grad()
def generate(
    model: Decoder,
    prompts: Tensor | Sequence[Tensor],
    new_tokens: int,
    *,
    stop: int | None = None,
    choose: Choice = greedy,
) -> Tensor:
    """What ``model`` writes after each of the ``prompts``: ``[batch, new_tokens]``, on the model's device.

    ``prompts`` ``[batch, tokens]``, or a sequence of ``[tokens]`` of any lengths: shorter ones are padded on the left,
    which changes nothing.  A row ends with the token ``stop`` and is filled up with it.

    The model reads each token once, through a cache.  A router that judges tokens together has no such cache: the
    whole text so far is then run again for each token, and padding would take part in its decisions.

    Raises:
        InputError: for an empty prompt, tokens that the model has not, more tokens than its positions, and prompts of
            different lengths with a router that judges tokens together.
    """
    tokens, padding = _padded(model, prompts, new_tokens)
    training = model.training
    model.eval()
    try:
        if model.token_wise:
            return _written(_cached(model, tokens.shape[1] + new_tokens - 1, padding), tokens, new_tokens, stop, choose)
        assert model.config.router is not None
        if padding is not None:
            raise InputError(
                f"prompts of different lengths with router {model.config.router.name}, which judges tokens together: "
                "give prompts of one length."
            )
        return _written(_repeated(model), tokens, new_tokens, stop, choose)
    finally:
        model.train(training)


Step = Callable[[Tensor], Tensor]
"""Reads further tokens ``[batch, tokens]``: logits ``[batch, vocabulary]`` after the last one."""


def _cached(model: Decoder, capacity: int, padding: Tensor | None) -> Step:
    cache = Cache(model.config.layers, capacity, padding)
    return lambda tokens: model(tokens, last=1, cache=cache).logits[:, -1]


def _repeated(model: Decoder) -> Step:
    text: list[Tensor] = []

    def step(tokens: Tensor) -> Tensor:
        text.append(tokens)
        return model(torch.cat(text, 1), last=1).logits[:, -1]

    return step


def _written(step: Step, tokens: Tensor, new_tokens: int, stop: int | None, choose: Choice) -> Tensor:
    written = tokens.new_full((len(tokens), new_tokens), 0 if stop is None else stop)
    running = torch.ones(len(tokens), dtype=torch.bool, device=tokens.device)
    for place in range(new_tokens):
        chosen = choose(step(tokens))
        if stop is not None:
            chosen = torch.where(running, chosen, stop)
            running &= chosen != stop
        written[:, place] = chosen
        if not running.any():
            break
        tokens = chosen[:, None]
    return written


def _padded(model: Decoder, prompts: Tensor | Sequence[Tensor], new_tokens: int) -> tuple[Tensor, Tensor | None]:
    """``[batch, longest]`` on the model's device, and the padding ``[batch]`` left of each row if there is any."""
    rows = [*prompts]
    lengths = [row.numel() for row in rows]
    if not rows or min(lengths) < 1 or new_tokens < 1:
        raise InputError(
            f"{len(rows)} prompts, the shortest of {min(lengths, default=0)} tokens, {new_tokens} to write: "
            "give at least one of each."
        )
    longest = max(lengths)
    if longest + new_tokens - 1 > model.config.positions:
        raise InputError(
            f"{new_tokens} tokens after a prompt of {longest}, and the model has {model.config.positions} positions: "
            f"write at most {max(0, model.config.positions + 1 - longest)} or give shorter prompts."
        )
    tokens = torch.zeros(len(rows), longest, dtype=torch.int64)
    for row, length, prompt in zip(tokens, lengths, rows, strict=True):
        row[longest - length :] = prompt
    least, most = int(tokens.min()), int(tokens.max())
    if least < 0 or most >= model.config.vocabulary:
        raise InputError(
            f"token {least if least < 0 else most} in a prompt: the model has 0 to {model.config.vocabulary - 1}."
        )
    device = model.embedding.weight.device
    if min(lengths) == longest:
        return tokens.to(device), None
    return tokens.to(device), longest - torch.tensor(lengths, device=device)
