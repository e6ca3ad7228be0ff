"""A Soft MoE layer in ball arithmetic: how far two inputs can be told apart, whatever is rounded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import frexp

import numpy as np
from flint import arb, arb_mat

from theory.balls import above, largest, matrix, precision
from theory.soft_moe.directions import BITS
from theory.soft_moe.slots import Array, SlotVectors


@dataclass(frozen=True)
class Mixed:
    """What the experts read, and how what they give is mixed; equal tokens are kept once."""

    slots: arb_mat
    """``[S, d]``."""
    combine: list[list[arb]]
    """``[different tokens, S]``."""
    which: tuple[int, ...]
    """``[T]``, the row of each token in ``combine``."""


@dataclass(frozen=True)
class Experts:
    """Two-layer perceptrons ``outer activation(inner z + inner_bias) + outer_bias`` and a linear read-out."""

    inner: Array
    """``[n, d, F]``."""
    inner_bias: Array
    """``[n, F]``."""
    outer: Array
    """``[n, F, d]``."""
    outer_bias: Array
    """``[n, d]``."""
    readout: Array
    """``[T * d, outputs]``."""
    readout_bias: Array
    """``[outputs]``."""
    activation: str
    """``relu`` or ``gelu``."""

    def products(self, slots: int) -> int:
        """Multiplications that the output of one input takes."""
        return 2 * slots * int(self.inner[0].size) + int(self.readout.size)


def mixed(x: Array, slots: SlotVectors) -> Mixed:
    """Slots and combine weights of an input ``[T, d]``."""
    different, which, times = np.unique(x, axis=0, return_inverse=True, return_counts=True)
    tokens = matrix(different)
    logits = slots.tokens(tokens) * slots.effective().transpose()
    dispatch = arb_mat([_softmax(column, times.tolist()) for column in logits.transpose().tolist()])
    combine = [_softmax(row, [1] * slots.count) for row in logits.tolist()]
    return Mixed(dispatch * tokens, combine, tuple(which.ravel().tolist()))


def outputs(x: Array, slots: SlotVectors, experts: Experts) -> list[arb]:
    """What the read-out gives, ``[outputs]``."""
    found = mixed(x, slots)
    rows, n = found.slots.tolist(), len(experts.inner)
    each = len(rows) // n
    made = [row for expert in range(n) for row in _expert(rows[expert * each : (expert + 1) * each], expert, experts)]
    tokens = (arb_mat(found.combine) * arb_mat(made)).tolist()
    read = (arb_mat([[value for token in found.which for value in tokens[token]]]) * matrix(experts.readout)).entries()
    return [value + arb(float(bias)) for value, bias in zip(read, experts.readout_bias, strict=True)]


def apart(first: Array, second: Array, slots: SlotVectors) -> tuple[float, float]:
    """Bounds on how far slots (any coordinate) and combine weights of two inputs ``[T, d]`` differ."""
    with precision(_bits(slots, first, second)):
        one, other = mixed(first, slots), mixed(second, slots)
        pairs = sorted(set(zip(one.which, other.which, strict=True)))
        combine = [_distance(one.combine[i], other.combine[j]) for i, j in pairs]
        return _distance(one.slots.entries(), other.slots.entries()), max(combine)


def read_outs(first: Array, second: Array, slots: SlotVectors, experts: Experts) -> tuple[list[arb], list[arb]]:
    """The read-outs of two inputs, enclosed."""
    with precision(_bits(slots, first, second)):
        return outputs(first, slots, experts), outputs(second, slots, experts)


def _bits(slots: SlotVectors, *inputs: Array) -> int:
    """An exponential of a large logit takes as many bits more as the logit has before the point."""
    logit = abs(slots.scale) if slots.normalised else float(abs(slots.vectors).max())
    sizes = (logit, *(float(abs(x).max()) for x in inputs))
    return BITS + 4 * sum(max(0, frexp(size)[1]) for size in sizes)


def _distance(one: list[arb], other: list[arb]) -> float:
    return above(largest([abs(x - y) for x, y in zip(one, other, strict=True)]))


def _softmax(logits: list[arb], times: list[int]) -> list[arb]:
    """Weights of logits of which the i-th occurs ``times[i]`` times; all of them sum to 1, the same ones together."""
    top = largest(logits).mid()
    powers = [(x - top).exp() for x in logits]
    total = sum((count * power for count, power in zip(times, powers, strict=True)), arb(0))
    return [count * power / total for count, power in zip(times, powers, strict=True)]


def _expert(slots: list[list[arb]], expert: int, experts: Experts) -> list[list[arb]]:
    hidden = _plus(arb_mat(slots) * matrix(experts.inner[expert]), experts.inner_bias[expert])
    active = arb_mat([[_ACTIVATIONS[experts.activation](x) for x in row] for row in hidden])
    return _plus(active * matrix(experts.outer[expert]), experts.outer_bias[expert])


def _plus(rows: arb_mat, bias: Array) -> list[list[arb]]:
    return [[x + arb(float(b)) for x, b in zip(row, bias, strict=True)] for row in rows.tolist()]


def _relu(x: arb) -> arb:
    return x.max(arb(0))


def _gelu(x: arb) -> arb:
    return x * (1 + (x / arb(2).sqrt()).erf()) / 2


_ACTIVATIONS: Mapping[str, Callable[[arb], arb]] = {"relu": _relu, "gelu": _gelu}
