"""Trains many one-layer models as one batched model.

Members that share graph size, experts and attention train together; they may differ in width, hidden units, seed,
learning rate and message bits.  Members with the same seed see the same graphs in the same order.  A member trained in
an ensemble equals the same member trained alone: its initial weights, its graphs, its gradient clipping and its stop
depend on nothing but itself.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from parrots.config import OneLayerConfig
from parrots.ensemble import EnsembleLayout
from parrots.initialise import initial_parameters
from parrots.model import OneLayerModel
from parrots.routing import load_balancing_loss
from theory.instances import Pairs

Law = Callable[[np.random.Generator, int, float], Pairs]
"""Draws training graphs: ``(rng, batch, progress in [0, 1]) -> Pairs``; ``progress`` drives a curriculum."""

STREAMS = {"train": 0, "validation": 1, "test": 2}
"""Disjoint random streams of one seed."""


@dataclass(frozen=True)
class Member:
    """One model of an ensemble and how it learns."""

    config: OneLayerConfig
    seed: int
    learning_rate: float


@dataclass(frozen=True)
class Recipe:
    """How an ensemble trains: AdamW without decay, warm-up then cosine, gradients clipped member by member."""

    steps: int
    batch: int
    warmup: float = 0.05
    betas: tuple[float, float] = (0.9, 0.99)
    clip: float = 1.0
    balance: float = 0.01
    """Weight of the load-balancing loss."""
    check_every: int = 250
    """Steps between two looks at the validation graphs."""
    target: float = 0.999
    """A member whose validation accuracy reaches this at two checks in a row stops."""
    validation: int = 4096
    chunk: int = 25
    """Steps whose graphs are drawn at once."""


@dataclass
class Trained:
    """A finished member: the model, why and when it stopped, and its last validation accuracy."""

    member: Member
    model: OneLayerModel
    stopped: str
    steps: int
    validation: float
    seconds: float
    """Its share of the wall-clock time of the ensemble."""


def stream(name: str, seed: int) -> np.random.Generator:
    """The random stream ``name`` (train, validation, test) of a seed."""
    return np.random.default_rng((STREAMS[name], seed))


def to_present(pairs: Pairs, device: torch.device | str = "cpu") -> Tensor:
    """``[batch, 2r]`` 0/1 floats: Alice's edges (s, i), then Bob's (i, d)."""
    both = np.concatenate((pairs.alice_BR, pairs.bob_BR), axis=1)
    return torch.from_numpy(both).to(device).float()


def accuracy(present: Tensor, labels: Tensor, layout: EnsembleLayout, flat: Tensor, batch: int = 4096) -> Tensor:
    """Share of right answers of every member, ``[E]``: ``present`` ``[E or 1, n, 2r]``, ``labels`` ``[E or 1, n]``."""
    right = torch.zeros(len(flat), device=flat.device)
    with torch.no_grad():
        for part, truth in zip(present.split(batch, 1), labels.split(batch, 1), strict=True):
            right += ((layout.output(part, flat).logits >= 0) == truth).sum(1)
    return right / present.shape[1]


@dataclass
class _Seeds:
    """The graphs of every distinct seed, drawn once however many members share it."""

    seeds: list[int]
    law: Law
    recipe: Recipe
    device: torch.device
    generators: dict[int, np.random.Generator] = field(init=False)

    def __post_init__(self) -> None:
        self.generators = {seed: stream("train", seed) for seed in self.seeds}

    def chunk(self, first_step: int, steps: int, wanted: set[int]) -> dict[int, tuple[Tensor, Tensor]]:
        """Graphs of ``steps`` steps for each wanted seed: present ``[steps, batch, 2r]``, labels ``[steps, batch]``."""
        progress = first_step / self.recipe.steps
        drawn = {}
        for seed in sorted(wanted):
            pairs = self.law(self.generators[seed], steps * self.recipe.batch, progress)
            labels = torch.from_numpy(pairs.intersects_B).to(self.device).float()
            present = to_present(pairs, self.device)
            drawn[seed] = (present.unflatten(0, (steps, -1)), labels.unflatten(0, (steps, -1)))
        return drawn


def train(
    members: Sequence[Member],
    law: Law,
    recipe: Recipe,
    device: torch.device | str = "cpu",
    density: float = 1 / 3,
) -> Iterator[tuple[int, Trained]]:
    """Train all members together; yields ``(index, trained)`` as each one stops."""
    device = torch.device(device)
    layout = EnsembleLayout(tuple(member.config for member in members))
    flat = layout.pack([initial_parameters(m.config, m.seed, density) for m in members]).to(device)
    data = _Seeds(sorted({m.seed for m in members}), law, recipe, device)
    held_out = _validation(sorted({m.seed for m in members}), law, recipe, device)
    state = _State(list(range(len(members))), layout, flat, _Adam(flat, recipe.betas))
    spent = [0.0] * len(members)
    last = [0.0] * len(members)
    step = 0
    while state.alive and step < recipe.steps:
        began = time.perf_counter()
        steps = min(recipe.chunk, recipe.steps - step)
        graphs = data.chunk(step, steps, {members[i].seed for i in state.alive})
        rates = torch.tensor([members[i].learning_rate for i in state.alive], device=device)
        slots = [members[i].seed for i in state.alive]
        for offset in range(steps):
            present = torch.stack([graphs[seed][0][offset] for seed in slots])
            labels = torch.stack([graphs[seed][1][offset] for seed in slots])
            _step(state, present, labels, rates * schedule(step + offset, recipe), recipe)
        step += steps
        share = (time.perf_counter() - began) / len(state.alive)
        for i in state.alive:
            spent[i] += share
        if step % recipe.check_every and step < recipe.steps:
            continue
        scores = accuracy(
            torch.stack([held_out[s][0] for s in slots]),
            torch.stack([held_out[s][1] for s in slots]),
            layout=state.layout,
            flat=state.flat,
        ).tolist()
        finished = []
        for position, index in enumerate(state.alive):
            reached = min(scores[position], last[index]) >= recipe.target
            last[index] = scores[position]
            if reached or step >= recipe.steps:
                finished.append(position)
                why = (
                    f"reached {recipe.target:.2%} on validation twice in a row"
                    if reached
                    else "used its budget of steps"
                )
                model = state.layout.member(state.flat, position)
                yield index, Trained(members[index], model, why, step, scores[position], spent[index])
        state.drop(finished)


def schedule(step: int, recipe: Recipe) -> float:
    """Factor of the learning rate: linear warm-up, then half a cosine down to zero."""
    warm = max(1, round(recipe.warmup * recipe.steps))
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, recipe.steps - warm)))


def _validation(
    seeds: Sequence[int], law: Law, recipe: Recipe, device: torch.device
) -> dict[int, tuple[Tensor, Tensor]]:
    drawn = {}
    for seed in seeds:
        pairs = law(stream("validation", seed), recipe.validation, 1.0)
        drawn[seed] = (to_present(pairs, device), torch.from_numpy(pairs.intersects_B).to(device))
    return drawn


@dataclass
class _State:
    alive: list[int]
    layout: EnsembleLayout
    flat: Tensor
    adam: _Adam

    def drop(self, positions: Sequence[int]) -> None:
        """Forget finished members, so that the others train faster."""
        if not positions:
            return
        kept = [p for p in range(len(self.alive)) if p not in set(positions)]
        self.alive = [self.alive[p] for p in kept]
        if kept:
            self.layout = self.layout.keep(kept)
            self.flat = self.flat[kept].contiguous()
            self.adam.keep(kept)


class _Adam:
    """Adam on the rows of one matrix, each row with its own learning rate (torch's takes one rate a tensor)."""

    def __init__(self, flat: Tensor, betas: tuple[float, float]) -> None:
        self.mean, self.square = torch.zeros_like(flat), torch.zeros_like(flat)
        self.betas, self.count = betas, 0

    def keep(self, rows: list[int]) -> None:
        self.mean, self.square = self.mean[rows].contiguous(), self.square[rows].contiguous()

    def step(self, flat: Tensor, gradient: Tensor, rates: Tensor) -> None:
        self.count += 1
        first, second = self.betas
        self.mean.lerp_(gradient, 1 - first)
        self.square.mul_(second).addcmul_(gradient, gradient, value=1 - second)
        root = self.square.sqrt().add_(1e-8 * math.sqrt(1 - second**self.count))
        scale = -rates * math.sqrt(1 - second**self.count) / (1 - first**self.count)
        flat.add_(root.reciprocal_().mul_(self.mean).mul_(scale[:, None]))


def _step(state: _State, present: Tensor, labels: Tensor, rates: Tensor, recipe: Recipe) -> None:
    flat = state.flat.requires_grad_()
    output = state.layout.output(present, flat)
    loss = binary_cross_entropy_with_logits(output.logits, labels, reduction="sum") / labels.shape[1]
    if output.routing is not None:
        loss = loss + recipe.balance * load_balancing_loss(output.routing).sum()
    (gradient,) = torch.autograd.grad(loss, flat)
    flat.requires_grad_(False)
    norms = gradient.norm(dim=1, keepdim=True)
    gradient *= (recipe.clip / norms.clamp(min=recipe.clip)).nan_to_num(0.0)
    state.adam.step(flat, gradient, rates)
