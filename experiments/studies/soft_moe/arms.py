"""What is compared: one expert or many, one slot or many, and a perceptron, at equal total parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Literal

import torch
from torch import Tensor

from parrots.flat import Shapes
from parrots.soft_moe import SoftMoeConfig, initial_parameters, predict
from parrots.soft_moe.config import Logits
from theory.accounting import perceptron_flops, soft_moe_flops
from theory.errors import InputError

Kind = Literal["experts", "slots", "larger", "perceptron"]
KINDS: Mapping[Kind, str] = {
    "experts": "n experts with one slot each",
    "slots": "one expert with S slots",
    "larger": "one expert with one slot, with more hidden units",
    "perceptron": "a perceptron on all tokens, without slots",
}


@dataclass(frozen=True)
class Arm:
    """One model but for its weights: a Soft MoE, or a perceptron T·d -> F -> 1."""

    kind: Kind
    tokens: int
    width: int
    experts: int
    slots: int
    """Of one expert."""
    hidden: int
    """Units of one expert, or of the perceptron."""
    logits: Logits

    @property
    def config(self) -> SoftMoeConfig:
        return SoftMoeConfig(
            tokens=self.tokens,
            width=self.width,
            experts=self.experts,
            hidden=self.hidden,
            slots=self.slots,
            logits=self.logits,
        )

    @property
    def shapes(self) -> Shapes:
        """Of every parameter, in a fixed order."""
        if self.kind == "perceptron":
            entries = self.tokens * self.width
            return {
                "inner": (entries, self.hidden),
                "inner_bias": (self.hidden,),
                "outer": (self.hidden, 1),
                "outer_bias": (1,),
            }
        return self.config.shapes()

    @property
    def parameters(self) -> int:
        """All of them."""
        return sum(map(prod, self.shapes.values()))

    @property
    def flops(self) -> int:
        """Of one input, forward."""
        if self.kind == "perceptron":
            return perceptron_flops(self.tokens * self.width, self.hidden)
        return soft_moe_flops(self.config, 1)

    @property
    def activations(self) -> int:
        """Numbers that one input makes on its way: logits and their two softmaxes, slots, hidden units, outputs."""
        if self.kind == "perceptron":
            return self.hidden + 1
        return self.config.all_slots * (3 * self.tokens + 2 * self.width + self.hidden) + self.tokens * self.width + 1

    def initial(self, seed: int) -> dict[str, Tensor]:
        """Random parameters, drawn for both kinds of model by the same rule."""
        if self.kind != "perceptron":
            return initial_parameters(self.config, seed)
        generator = torch.Generator().manual_seed(seed)
        return {
            name: torch.zeros(shape)
            if name.endswith("bias")
            else torch.randn(shape, generator=generator) * shape[0] ** -0.5
            for name, shape in self.shapes.items()
        }

    def output(self) -> Callable[[Tensor, Mapping[str, Tensor]], Tensor]:
        """``x`` ``[batch, T, d]`` and parameters -> ``[batch]``."""
        if self.kind == "perceptron":
            return _perceptron
        config = self.config
        return lambda x, parameters: predict(x, parameters, config)[:, 0]


def _perceptron(x: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
    hidden = (x.flatten(1) @ parameters["inner"] + parameters["inner_bias"]).relu()
    return (hidden @ parameters["outer"] + parameters["outer_bias"])[:, 0]


@dataclass(frozen=True)
class Budget:
    """The total that models of one shape are held to: that of one expert with one slot and ``hidden`` units."""

    tokens: int
    width: int
    hidden: int
    logits: Logits

    @property
    def parameters(self) -> int:
        return self._arm("experts", 1, 1, self.hidden).parameters

    def arm(self, kind: Kind, size: int) -> Arm:
        """The largest model within the budget; ``size``: experts, slots, or for "larger" the factor of hidden units.

        Raises:
            InputError: if a model with one hidden unit an expert exceeds the budget.
        """
        if kind == "larger":
            return self._arm(kind, 1, 1, size * self.hidden)
        experts, slots = (size, 1) if kind == "experts" else (1, size)
        one, two = (self._arm(kind, experts, slots, hidden).parameters for hidden in (1, 2))
        if one > self.parameters:
            raise InputError(
                f"{KINDS[kind]}, {size} of them, with one hidden unit each take {one} parameters, and {self.hidden} "
                f"hidden units in one expert {self.parameters}: give more hidden units or a smaller number."
            )
        return self._arm(kind, experts, slots, 1 + (self.parameters - one) // (two - one))

    def _arm(self, kind: Kind, experts: int, slots: int, hidden: int) -> Arm:
        return Arm(kind, self.tokens, self.width, experts, slots, hidden, self.logits)
