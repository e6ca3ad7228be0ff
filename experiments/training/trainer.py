"""One decoder in training, in one process or sharded over several: its steps and its looks at validation examples.

Files, checkpoints and what a person sees are in :mod:`experiments.training.run`.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from experiments.tasks import PAD, Examples
from experiments.training.data import Batches
from experiments.training.health import UpdateRatio, largest_logit, router_health
from experiments.training.loss import Loss, answer_count, answer_loss, answer_nats
from experiments.training.optimiser import adamw, clipped
from experiments.training.plan import Plan
from experiments.training.schedule import schedule
from experiments.training.world import World
from parrots.decoder import Decoder, Output
from parrots.decoder.routers import Routing


@dataclass(frozen=True)
class Step:
    """What one step was like; tensors are this process's."""

    losses: list[Loss]
    """Of the parts of the batch; they add up to the step's loss."""
    gradient: Tensor
    """Length of the gradient before clipping, a scalar."""
    logits: list[Tensor]
    """Of the parts, ``[batch of a part, answer, vocabulary]``."""
    routings: tuple[Routing, ...]
    """Of this process's tokens, a layer each."""
    update: UpdateRatio | None


class Trainer:
    """A decoder from its seed, or from wherever a checkpoint is read into ``model`` and ``optimiser``."""

    def __init__(self, plan: Plan, world: World) -> None:
        self.plan, self.world = plan, world
        self.batches = Batches(plan, world)
        self.model = Decoder(plan.config, torch.Generator().manual_seed(plan.recipe.seed)).to(world.device)
        if world.size > 1:
            from experiments.training.distributed import shard

            shard(self.model, plan.recipe)
        self.optimiser = adamw(self.model, plan.recipe)
        if plan.recipe.compile:
            compile_layers(self.model)
        torch.manual_seed((plan.recipe.seed * world.size + world.rank) % 2**64)  # router noise
        self._first_broken: Tensor = torch.tensor(plan.recipe.steps, device=world.device)

    def step(self, number: int, watch: bool = False) -> Step:
        """Step ``number`` (0 is the first); ``watch`` also measures how far it moves the weights."""
        recipe = self.plan.recipe
        examples = self.batches.of(number)
        count = self.world.total(answer_count(examples.answer))
        losses, logits, routings = [], [], []
        self.optimiser.zero_grad()
        for tokens in examples.tokens.chunk(recipe.accumulate):
            part = Examples(tokens, examples.prompt)
            output = self.forward(part)
            loss = answer_loss(output, part.answer, recipe, count=count, part=1 / (recipe.accumulate * self.world.size))
            (loss.total * self.world.size).backward()  # FSDP2 takes the mean over the processes
            losses.append(Loss(*(x.detach() for x in loss)))
            logits.append(output.logits.detach())
            routings.append(_detached(output.routings))
        gradient = clipped(self.model.parameters(), recipe.clip, self.world)
        self._note(number, losses, gradient)
        update = UpdateRatio(self.model.parameters(), self.world) if watch else None
        for group in self.optimiser.param_groups:
            group["lr"] = recipe.learning_rate * schedule(number, recipe)
        self.optimiser.step()
        joined = _joined(routings)
        if any(True for _ in self.model.buffers()):
            self.model.rebalance(self.world.gather(joined))
        return Step(losses, gradient, logits, joined, update)

    def forward(self, examples: Examples) -> Output:
        """The predictions of the answers' tokens."""
        with self._precision():
            output: Output = self.model(examples.tokens[:, :-1], last=examples.answer.shape[1])
        return output

    def first_broken(self) -> int | None:
        """The first step whose loss or gradient was no finite number, if there was one; it waits for the device."""
        first = int(self._first_broken)
        return first if first < self.plan.recipe.steps else None

    def measures(self, number: int, step: Step) -> dict[str, Any]:
        """One line of metrics about step ``number``, which was watched; all processes call it together."""
        assert step.update is not None
        loss = self.world.total(torch.stack([torch.stack([*part]) for part in step.losses]).sum(0)).tolist()
        routers = self.world.gather(step.routings)
        return {
            "learning_rate": self.plan.recipe.learning_rate * schedule(number, self.plan.recipe),
            **dict(zip(("loss", "cross_entropy", "balance", "z"), loss, strict=True)),
            "gradient_norm": float(step.gradient),
            "update_ratio": step.update.value(),
            "largest_logit": largest_logit(step.logits, self.world),
            **({"routers": router_health(routers)} if routers else {}),
        }

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Cross entropy in nats a token, and the share of answers that greedy writing gets right to the letter.

        Greedy writing equals the answer exactly if each of its tokens is the likeliest one after those before, so
        one pass over the right answer tells.
        """
        self.model.eval()
        sums = torch.zeros(4, device=self.world.device, dtype=torch.float64)
        for examples in self.batches.validation():
            logits, answer = self.forward(examples).logits, examples.answer
            exact = ((logits.argmax(-1) == answer) | (answer == PAD)).all(1).sum()
            row = (answer_nats(logits, answer).sum(), (answer != PAD).sum(), exact, len(answer))
            sums += torch.stack([torch.as_tensor(x, device=sums.device, dtype=sums.dtype) for x in row])
        self.model.train()
        nats, tokens, exact_sum, examples_sum = self.world.total(sums).tolist()
        return {"validation_loss": nats / tokens, "validation_exact": exact_sum / examples_sum}

    def _precision(self) -> AbstractContextManager[object]:
        if self.plan.recipe.precision == "float32" or self.world.size > 1:  # sharded: the policy of FSDP2 does it
            return nullcontext()
        return torch.autocast(self.world.device.type, torch.bfloat16)

    def _note(self, number: int, losses: list[Loss], gradient: Tensor) -> None:
        """Remember the first step that is not finite, the same in all processes, without waiting for the device."""
        loss = self.world.total(torch.stack([part.total for part in losses]).sum())
        finite = loss.isfinite() & gradient.isfinite()
        broken = torch.where(finite, self._first_broken, number)
        self._first_broken = torch.minimum(self._first_broken, broken)


def compile_layers(model: Decoder, backend: str = "inductor") -> None:
    """Compile each layer, one after the other: layers of one shape share the work, and sharding stays outside."""
    for layer in model.layers:
        layer.compile(backend=backend)


def _detached(routings: tuple[Routing, ...]) -> tuple[Routing, ...]:
    return tuple(Routing(*(x.detach() for x in routing)) for routing in routings)


def _joined(parts: list[tuple[Routing, ...]]) -> tuple[Routing, ...]:
    """Routings of the parts of a batch as those of the batch."""
    if len(parts) == 1:
        return parts[0]
    return tuple(Routing(*map(torch.cat, zip(*layer, strict=True))) for layer in zip(*parts, strict=True))
