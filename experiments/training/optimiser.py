"""AdamW for one decoder, and its state as named arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn
from torch.optim import AdamW

from experiments.training.decay import is_decayed
from experiments.training.recipe import Recipe
from experiments.training.world import World

MOMENTS = ("exp_avg", "exp_avg_sq")
"""AdamW's running averages of the gradient and of its square."""
PREFIX = "optimiser."
"""Before a moment's name in a checkpoint: ``optimiser.exp_avg.layers.0...``."""


def adamw(model: nn.Module, recipe: Recipe) -> AdamW:
    """Weight decay where :func:`experiments.training.decay.is_decayed` says; fused where torch has that."""
    kept: dict[bool, list[nn.Parameter]] = {True: [], False: []}
    for name, weight in model.named_parameters():
        kept[is_decayed(name, weight)].append(weight)
    groups = [{"params": kept[True], "weight_decay": recipe.decay}, {"params": kept[False], "weight_decay": 0.0}]
    fused = next(model.parameters()).device.type in ("cpu", "cuda")
    return AdamW([group for group in groups if group["params"]], recipe.learning_rate, recipe.betas, fused=fused)


def clipped(parameters: Iterable[nn.Parameter], longest: float, world: World) -> Tensor:
    """The length of the whole gradient, a scalar, after scaling the gradient down to ``longest`` if it is longer.

    A parameter without a gradient gets zeros, so that all have taken the same number of AdamW's steps.
    """
    gradients = []
    for parameter in parameters:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        gradients.append(local(parameter.grad))
    length = norm(gradients, world)
    torch._foreach_mul_(gradients, longest / length.clamp(min=longest))
    return length


def norm(tensors: list[Tensor], world: World) -> Tensor:
    """Euclidean length of all numbers together, of which each process holds its own part."""
    lengths = torch.stack(torch._foreach_norm(tensors)).float()
    return world.total(lengths.square().sum()).sqrt()


def local(tensor: Tensor) -> Tensor:
    """The part of a sharded tensor that this process holds; an ordinary tensor itself."""
    shard: Tensor = tensor.to_local() if hasattr(tensor, "to_local") else tensor
    return shard


def moments(model: nn.Module, optimiser: AdamW) -> dict[str, Tensor]:
    """``optimiser.MOMENT.PARAMETER`` -> array, sharded as the parameter is; zeros before the first step."""
    found = {}
    for name, parameter in model.named_parameters():
        state = optimiser.state[parameter]
        for moment in MOMENTS:
            if moment not in state:
                state[moment] = torch.zeros_like(parameter, memory_format=torch.preserve_format)
            found[f"{PREFIX}{moment}.{name}"] = state[moment].detach()
    return found


def set_steps(optimiser: AdamW, step: int) -> None:
    """Tell AdamW, whose moments are in place, how many steps it has taken."""
    for state in optimiser.state.values():
        state["step"] = torch.tensor(float(step), device=local(state[MOMENTS[0]]).device)


def load_moments(model: nn.Module, optimiser: AdamW, arrays: Mapping[str, Tensor]) -> None:
    """Copy ``arrays``, named as :func:`moments` names them, into the optimiser."""
    for name, value in moments(model, optimiser).items():
        value.copy_(arrays[name])
