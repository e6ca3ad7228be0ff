"""What a run needs to remember at one time, told before it starts where it cannot fit, and after it did not."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from experiments.provenance import memory_bytes
from experiments.tasks import Task
from experiments.training.plan import Plan
from experiments.training.world import World
from theory.accounting.decoder import COPIES_OF_PARAMETERS, FLOAT_BYTES, decoder_memory, decoder_parameters
from theory.errors import InputError

GIB = 2**30
TOKEN_BYTES = 8


@dataclass(frozen=True)
class Need:
    """Bytes of one process."""

    weights: int
    """Weights, gradients and AdamW's two moments, in float32."""
    activations: int
    """What the backward pass of one part of the batch keeps, in float32 and with no kernel fused: an upper end."""
    available: int
    """Memory of the device."""

    @property
    def in_words(self) -> str:
        return (
            f"{self.weights / GIB:,.2f} GiB for weights, gradients and AdamW, about {self.activations / GIB:,.2f} GiB "
            f"for activations; the device has {self.available / GIB:,.2f} GiB"
        )


def need(plan: Plan, world: World) -> Need:
    """Of one process of ``world``, which holds ``1 / size`` of the weights and of the batch."""
    sequences = max(1, plan.recipe.batch // (plan.recipe.accumulate * world.size))
    whole = FLOAT_BYTES * COPIES_OF_PARAMETERS * decoder_parameters(plan.config).total
    activations = decoder_memory(plan.config, plan.reads, sequences, plan.answer) - whole
    cuda = world.device.type == "cuda"
    available = torch.cuda.get_device_properties(world.device).total_memory if cuda else memory_bytes()
    return Need(whole // world.size, activations, available)


def check_fits(plan: Plan, world: World) -> None:
    """Raises :class:`theory.errors.InputError` for what this device cannot hold however it is computed.

    That is the weights, whatever the batch is, and of a batch its tokens, in 64 bits, and what each layer of its parts
    starts from, in 16 bits.
    """
    needed = need(plan, world)
    if needed.weights > needed.available:
        raise InputError(
            f"the model does not fit: {needed.in_words}; give a smaller model, or more processes with torchrun."
        )
    tokens = plan.reads * (plan.recipe.batch // world.size)
    if tokens * (TOKEN_BYTES + 2 * plan.config.width * plan.config.layers // plan.recipe.accumulate) > needed.available:
        raise out_of_memory(plan, world)


def check_examples_fit(task: Task, count: int) -> None:
    """Raises :class:`theory.errors.InputError` where the tokens of ``count`` examples alone exceed this machine."""
    needed, available = TOKEN_BYTES * task.length * count, memory_bytes()
    if needed > available:
        raise InputError(
            f"--examples {count} of {task.length} tokens take {needed / GIB:,.2f} GiB, this machine has "
            f"{available / GIB:,.2f} GiB: give fewer."
        )


def out_of_memory(plan: Plan, world: World) -> InputError:
    """The error for a run that broke off for want of memory."""
    return InputError(
        f"not enough memory: {need(plan, world).in_words}; start anew with a larger --accumulate (it is "
        f"{plan.recipe.accumulate}), a smaller --batch, --precision bfloat16, or more processes with torchrun."
    )


def is_out_of_memory(error: Exception) -> bool:
    """Also torch's error on the CPU, which has no type of its own."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)
