"""Every router once more, as plain loops over tokens and experts, and settings that reach each of their branches."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import silu

from parrots.decoder.routers import RoutedFeedForward, RouterSettings
from parrots.decoder.routers.expert_choice import ExpertChoice
from parrots.decoder.routers.factorised import Factorised
from parrots.decoder.routers.hash import Hash
from parrots.decoder.routers.soft import Soft
from parrots.decoder.routers.token_choice import TokenChoice
from parrots.decoder.routers.unequal import Unequal

CASES: tuple[RouterSettings, ...] = (
    TokenChoice(4, 1),
    TokenChoice(4, 2),
    TokenChoice(4, 2, renormalise=False),
    TokenChoice(4, 3, balance_rate=0.1),
    TokenChoice(4, 1, capacity=0.6),
    TokenChoice(4, 2, capacity=0.8, renormalise=False),
    ExpertChoice(4, capacity=1.5),
    ExpertChoice(4, capacity=1.5, over="sequence"),
    Soft(3, slots=2),
    Soft(3, slots=2, over="sequence"),
    Hash(4, 2, seed=5),
    Unequal(4, 2, spreads=(0.2, 0.7)),
    Unequal(4, 2, capacity=0.8),
    Factorised(4, rank=3),
)
"""No noise: a loop can't draw the same."""


def layer_of(settings: RouterSettings, width: int = 6, hidden: int = 5, seed: int = 0) -> RoutedFeedForward:
    """A float64 layer whose parameters and buffers are all random, in training mode."""
    layer = settings.build(width, hidden).double()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for values in (*layer.parameters(), *layer.buffers()):
            values.normal_(0.0, 0.6, generator=generator)
    return layer


def states(batch: int, tokens: int, width: int = 6, seed: int = 1) -> tuple[Tensor, Tensor]:
    """``x`` ``[batch, tokens, width]`` float64 and ids ``[batch, tokens]``."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(batch, tokens, width, dtype=torch.float64, generator=generator)
    return x, torch.randint(0, 30, (batch, tokens), generator=generator)


def oracle(layer: RoutedFeedForward, x: Tensor, ids: Tensor) -> Tensor:
    """What ``layer`` in training mode makes of ``x``, ``[batch, tokens, width]``."""
    settings = layer.settings
    if isinstance(settings, TokenChoice):
        return _token_choice(layer, x)
    if isinstance(settings, ExpertChoice):
        return _expert_choice(layer, x)
    if isinstance(settings, Soft):
        return _soft(layer, x)
    if isinstance(settings, Hash):
        return _hash(layer, x, ids)
    assert isinstance(settings, Factorised)
    return _factorised(layer, x)


def _expert(layer: RoutedFeedForward, k: int, x_D: Tensor) -> Tensor:
    each = [layer.experts] if hasattr(layer.experts, "gate_up") else layer.experts.classes
    matrices = [pair for experts in each for pair in zip(experts.gate_up, experts.down, strict=True)]
    gate_up, down = matrices[k]
    gate, up = (x_D @ gate_up).chunk(2)
    return (silu(gate) * up) @ down


def _token_choice(layer: RoutedFeedForward, x: Tensor) -> Tensor:
    settings, x_TD = layer.settings, x.flatten(0, 1)
    T, K, k = len(x_TD), settings.experts, settings.top_k
    room = math.inf if settings.capacity is None else min(T, max(1, math.ceil(settings.capacity * k * T / K)))
    bias = [0.0] * K if layer.bias is None else layer.bias.tolist()
    taken = [0] * K
    outputs = []
    for x_D in x_TD:
        p = (layer.router.weight @ x_D).softmax(0)
        chosen = sorted(range(K), key=lambda expert: -(p[expert].item() + bias[expert]))[:k]
        renormalised = k > 1 if settings.renormalise is None else settings.renormalise
        total = sum(p[expert] for expert in chosen) if renormalised else 1.0
        y = torch.zeros_like(x_D)
        for expert in chosen:
            if taken[expert] < room:
                taken[expert] += 1
                y = y + p[expert] / total * _expert(layer, expert, x_D)
        outputs.append(y)
    return torch.stack(outputs).view_as(x)


def _expert_choice(layer: RoutedFeedForward, x: Tensor) -> Tensor:
    settings = layer.settings
    B, N, K = *x.shape[:2], settings.experts
    sequences = [[(b, n) for n in range(N)] for b in range(B)]
    groups = sequences if settings.over == "sequence" else list(zip(*sequences, strict=True))
    p = {(b, n): (layer.router.weight @ x[b, n]).softmax(0) for b in range(B) for n in range(N)}
    y = {place: torch.zeros_like(x[0, 0]) for place in p}
    for group in groups:
        for k in range(K):
            best = sorted(group, key=lambda place: -p[place][k].item())
            for place in best[: min(len(group), math.ceil(settings.capacity * len(group) / K))]:
                y[place] = y[place] + p[place][k] * _expert(layer, k, x[place])
    return torch.stack([y[b, n] for b in range(B) for n in range(N)]).view_as(x)


def _soft(layer: RoutedFeedForward, x: Tensor) -> Tensor:
    settings, router = layer.settings, layer.router
    S = settings.experts * settings.slots
    outputs = []
    for sequence in x:
        logits = [
            [router.scale[0] * x_D @ phi / (x_D.norm() * phi.norm()) for phi in router.weight] for x_D in sequence
        ]
        for n in range(len(sequence)):
            seen = n + 1 if settings.over == "past" else len(sequence)
            y = torch.zeros_like(sequence[n])
            weights = [logits[n][s].exp() for s in range(S)]
            for s in range(S):
                powers = [logits[other][s].exp() for other in range(seen)]
                slot = sum(power * sequence[other] for other, power in enumerate(powers)) / sum(powers)
                y = y + weights[s] / sum(weights) * _expert(layer, s // settings.slots, slot)
            outputs.append(y)
    return torch.stack(outputs).view_as(x)


def hashed(token: int, settings: Hash) -> list[int]:
    """The experts of a token, in Python's integers."""

    def mixed(word: int) -> int:
        word &= 0xFFFFFFFF
        word = (word ^ word >> 16) * 0x7FEB352D & 0xFFFFFFFF
        word = (word ^ word >> 15) * 0x846CA68B & 0xFFFFFFFF
        return word ^ word >> 16

    start = mixed(token + settings.seed * 0x9E3779B9)
    return sorted(range(settings.experts), key=lambda expert: mixed(start + expert))[: settings.top_k]


def _hash(layer: RoutedFeedForward, x: Tensor, ids: Tensor) -> Tensor:
    outputs = [
        sum(_expert(layer, k, x_D) for k in hashed(token, layer.settings)) / layer.settings.top_k
        for x_D, token in zip(x.flatten(0, 1), ids.flatten().tolist(), strict=True)
    ]
    return torch.stack(outputs).view_as(x)


def _factorised(layer: RoutedFeedForward, x: Tensor) -> Tensor:
    def weight(mixed: torch.nn.Module, k: int) -> Tensor:
        """W_k ``[inputs, outputs]``, written out."""
        return sum(
            mixed.experts[r, k] * torch.outer(mixed.inputs[r], mixed.outputs[:, r]) for r in range(len(mixed.inputs))
        )

    outputs = []
    for x_D in x.flatten(0, 1):
        a = (layer.router.weight @ x_D).softmax(0)
        gate, up, down = (
            sum(a[k] * weight(mixed, k) for k in range(len(a))) for mixed in (layer.gate, layer.up, layer.down)
        )
        outputs.append((silu(x_D @ gate) * (x_D @ up)) @ down)
    return torch.stack(outputs).view_as(x)
