"""Where a decoder's arrays stand in checkpoints of transformers, and how the layouts differ.

Matrices there are ``[out, in]``, as in ``torch.nn.Linear``; experts here are ``[experts, in, out]``, with gate and
up in one array.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from parrots.decoder.config import DecoderConfig


@dataclass(frozen=True)
class Place:
    """Array ``ours`` is ``join`` of the arrays ``theirs``, which are its ``split``."""

    ours: str
    theirs: tuple[str, ...]
    join: Callable[[Sequence[Tensor]], Tensor]
    split: Callable[[Tensor], Sequence[Tensor]]


def places(config: DecoderConfig, *, fused: bool = False) -> list[Place]:
    """Every array of a decoder of ``config``, dense or with token choice.

    Experts are apart on disk (``block_sparse_moe.experts.0.w1.weight``), or ``fused`` as a loaded model holds them
    (``mlp.experts.gate_up_proj``).
    """
    found = [_same("embedding.weight", "model.embed_tokens.weight"), _same("norm.weight", "model.norm.weight")]
    if not config.tied:
        found.append(_same("head.weight", "lm_head.weight"))
    for number in range(config.layers):
        ours, theirs = f"layers.{number}.", f"model.layers.{number}."
        found += [_same(ours + one, theirs + other) for one, other in _LAYER.items()]
        feed_forward = ours + "feed_forward."
        if config.router is None:
            found += _dense(feed_forward, theirs + "mlp.")
        elif fused:
            found += _fused(feed_forward, theirs + "mlp.")
        else:
            found += _apart(feed_forward, theirs + "block_sparse_moe.", config.router.experts)
    return found


_LAYER = {
    "attention_norm.weight": "input_layernorm.weight",
    "feed_forward_norm.weight": "post_attention_layernorm.weight",
    **{
        f"attention.{ours}.weight": f"self_attn.{theirs}_proj.weight"
        for ours, theirs in (("query", "q"), ("key", "k"), ("value", "v"), ("output", "o"))
    },
}


def _same(ours: str, theirs: str) -> Place:
    return Place(ours, (theirs,), lambda parts: parts[0], lambda whole: (whole,))


def _dense(ours: str, theirs: str) -> list[Place]:
    gate_up = (f"{theirs}gate_proj.weight", f"{theirs}up_proj.weight")
    return [
        Place(f"{ours}gate_up.weight", gate_up, lambda parts: torch.cat([*parts]), lambda whole: whole.chunk(2)),
        _same(f"{ours}down.weight", f"{theirs}down_proj.weight"),
    ]


def _fused(ours: str, theirs: str) -> list[Place]:
    def turned(name: str, other: str) -> Place:
        return Place(name, (other,), lambda parts: parts[0].mT, lambda whole: (whole.mT,))

    return [
        _same(f"{ours}router.weight", f"{theirs}gate.weight"),
        turned(f"{ours}experts.gate_up", f"{theirs}experts.gate_up_proj"),
        turned(f"{ours}experts.down", f"{theirs}experts.down_proj"),
    ]


def _apart(ours: str, theirs: str, experts: int) -> list[Place]:
    def names(which: str) -> list[str]:
        return [f"{theirs}experts.{expert}.{which}.weight" for expert in range(experts)]

    def join(parts: Sequence[Tensor]) -> Tensor:
        """Gates of all experts, then their ups."""
        gate, up = torch.stack([*parts]).unflatten(0, (2, experts))
        return torch.cat((gate, up), 1).mT

    def split(whole: Tensor) -> Sequence[Tensor]:
        gate, up = whole.mT.chunk(2, 1)
        return (*gate, *up)

    return [
        _same(f"{ours}router.weight", f"{theirs}gate.weight"),
        Place(f"{ours}experts.gate_up", (*names("w1"), *names("w3")), join, split),
        Place(
            f"{ours}experts.down",
            tuple(names("w2")),
            lambda parts: torch.stack([*parts]).mT,
            lambda whole: tuple(whole.mT),
        ),
    ]
