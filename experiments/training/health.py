"""What a run watches: gradients, updates, logits and routers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from experiments.training.optimiser import local, norm
from experiments.training.world import World
from parrots.decoder.routers import Routing
from parrots.decoder.statistics import RoutingStatistics

_OF_ROUTERS = ("largest_load", "load_entropy", "router_entropy", "dropped", "dead")


class UpdateRatio:
    """How far one step moved the weights: length of the change over length of the weights before.

    About 1e-3 is healthy; far more is a learning rate that is too high, far less one that is too low.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], world: World) -> None:
        self.world = world
        self._now = [local(parameter.detach()) for parameter in parameters]
        self._before = [weight.clone() for weight in self._now]

    def value(self) -> float:
        """After the step."""
        length = norm(self._before, self.world)
        torch._foreach_sub_(self._before, self._now)
        return float(norm(self._before, self.world) / length.clamp(min=torch.finfo(torch.float32).tiny))


def largest_logit(logits: Sequence[Tensor], world: World) -> float:
    """Largest absolute logit of a step's parts, on all processes; growth without end warns of divergence."""
    largest = torch.stack([part.detach().abs().amax() for part in logits]).amax().float()
    return max(world.collect(float(largest)))


def router_health(routings: Sequence[Routing]) -> list[dict[str, Any]]:
    """One entry a routed layer, of the tokens of one step: loads, entropies, dropped choices, dead experts.

    :mod:`parrots.decoder.statistics` says what each number means.
    """
    statistics = RoutingStatistics()
    statistics.add(routings)
    return [{name: layer[name] for name in _OF_ROUTERS} for layer in statistics.to_json()["layers"]]
