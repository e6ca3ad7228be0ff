"""Parameters and FLOPs of a Soft MoE layer with a linear read-out, and FLOPs of a perceptron beside it."""

from __future__ import annotations

from typing import Protocol


class SoftMoeShape(Protocol):
    """What is counted; :class:`parrots.soft_moe.SoftMoeConfig` is one."""

    @property
    def tokens(self) -> int: ...
    @property
    def width(self) -> int: ...
    @property
    def experts(self) -> int: ...
    @property
    def hidden(self) -> int: ...
    @property
    def outputs(self) -> int: ...
    @property
    def slots(self) -> int: ...
    @property
    def logits(self) -> str: ...
    @property
    def bias(self) -> bool: ...


def soft_moe_parameters(shape: SoftMoeShape) -> int:
    """Numbers that training sets; every input uses all of them, so all are active."""
    d, F, S = shape.width, shape.hidden, shape.experts * shape.slots
    routing = d * S + (1 if shape.logits == "normalised" else 0)
    biases = F + d if shape.bias else 0
    return routing + shape.experts * (2 * d * F + biases) + (shape.tokens * d + 1) * shape.outputs


def soft_moe_flops(shape: SoftMoeShape, batch: int) -> int:
    """Forward FLOPs of ``batch`` inputs: logits, dispatch, experts, combine, read-out."""
    T, d, S = shape.tokens, shape.width, shape.experts * shape.slots
    return batch * 2 * (3 * T * d * S + S * 2 * d * shape.hidden + T * d * shape.outputs)


def perceptron_flops(inputs: int, hidden: int) -> int:
    """Forward FLOPs of one input of ``inputs`` numbers, one hidden layer and one output."""
    return 2 * (inputs + 1) * hidden
