"""A layer that can learn to memorise: attention over the tokens, a ReLU block or experts, a linear read-out.

The label is the sign of the logit.  All functions take a leading ensemble dimension ``E``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal

import torch
from torch import Tensor

from parrots.experts import BlockOutput, chosen_experts
from parrots.routing import route
from theory.errors import InputError

Attention = Literal["uniform", "learned"]
"""``uniform``: the mean of the tokens, which takes no parameter.  ``learned``: a softmax over the tokens' products with
a learned direction, m parameters."""


@dataclass(frozen=True)
class TrainableConfig:
    """Shape of a model that is trained to memorise.

    Raises:
        InputError: a size below 1, or an attention of another name.
    """

    width: int
    """m, numbers in a token."""
    hidden: int
    """F, ReLU units of an expert."""
    experts: int = 1
    """K; 1 is the dense block, without a router."""
    attention: Attention = "uniform"

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name != "attention" and value < 1:
                raise InputError(f"{field.name} {value} is below 1: give 1 or more.")
        if self.attention not in ("uniform", "learned"):
            raise InputError(f"attention {self.attention!r} is unknown: give uniform or learned.")

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Every parameter's shape, in the order in which ensembles keep them."""
        m, F, K = self.width, self.hidden, self.experts
        attention = {"direction": (m,)} if self.attention == "learned" else {}
        router = {"router": (m, K), "router_bias": (K,)} if K > 1 else {}
        block = {"inner": (K, m, F), "inner_bias": (K, F), "outer": (K, F), "outer_bias": (K,)}
        return {**attention, **router, **block}


def state(tokens: Tensor, parameters: Mapping[str, Tensor], config: TrainableConfig) -> Tensor:
    """What attention reads, ``[E, n, N, m] -> [E, n, m]``: a weighted mean of the tokens times sqrt(N).

    The factor gives the mean of independent tokens variance 1, whatever their number; W1 could hold it.
    """
    scale = math.sqrt(tokens.shape[-2])
    if config.attention == "uniform":
        return tokens.mean(-2) * scale
    weights = (tokens @ parameters["direction"][:, None, :, None]).softmax(-2)
    return (weights * tokens).sum(-2) * scale


def answer(x: Tensor, parameters: Mapping[str, Tensor], config: TrainableConfig) -> BlockOutput:
    """Logits ``[E, n]`` of states ``[E, n, m]``: ``gate * (<w2, relu(W1 x + b1)> + b2)`` of the chosen expert.

    The linear read-out is folded into ``w2``: of a product of two matrices no more counts.  The gate is the softmax
    probability itself, not renormalised: it gives the router its gradient, and being positive changes no label.
    """
    inner, inner_bias = parameters["inner"], parameters["inner_bias"]
    outer, outer_bias = parameters["outer"], parameters["outer_bias"]
    if config.experts == 1:
        hidden = torch.baddbmm(inner_bias, x, inner.squeeze(1)).relu_()
        return BlockOutput((hidden @ outer.mT).squeeze(-1) + outer_bias, None)
    routing = route(torch.baddbmm(parameters["router_bias"].unsqueeze(1), x, parameters["router"]), top_k=1)
    experts = chosen_experts(x, routing, inner, inner_bias, outer, outer_bias)
    return BlockOutput((routing.gates * experts).squeeze(-1), routing)


def initial_parameters(config: TrainableConfig, seed: int) -> Tensor:
    """One row of parameters, float32, the same for the same ``seed``.

    Hidden units start with variance about 1, their biases apart, and the router decided enough (twice that scale)
    to split the sequences at once; the direction starts at 0, where learned attention is uniform.
    """
    generator = torch.Generator().manual_seed(seed)
    m, F = config.width, config.hidden
    scales = {"router": 2 * m**-0.5, "inner": m**-0.5, "inner_bias": 0.5, "outer": F**-0.5}
    parts = [
        scales.get(name, 0.0) * torch.randn(math.prod(shape), generator=generator)
        for name, shape in config.shapes().items()
    ]
    return torch.cat(parts)
