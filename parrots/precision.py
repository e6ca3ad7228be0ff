"""Any model in any number format: what it computes when every number it makes is rounded to p bits.

The model runs in float64 and the result of every torch operation is rounded to the format before the next one reads it.
So the terms of one matrix product, softmax or mean are added exactly and rounded once, as an accumulator wider than the
format does; weights are rounded once, before the first operation.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

from theory.errors import InputError

FLOAT64_SIGNIFICAND = 53


class Format(Protocol):
    """What numbers become; different results of a model may have different scales, fixed in advance."""

    def weight(self, x: Tensor, name: str) -> Tensor:
        """The parameter or buffer ``name``, a float64 tensor of any shape, in the format."""
        ...

    def result(self, x: Tensor, place: int) -> Tensor:
        """The ``place``-th result of a forward pass, a float64 tensor of any shape, in the format."""
        ...


@dataclass(frozen=True)
class Significand:
    """Floating point with ``bits`` bits of significand, the leading one included, and exponents without limit.

    24 is float32 and 8 is bfloat16, but for the ends of their ranges.
    """

    bits: int

    def __post_init__(self) -> None:
        _check_bits(self.bits)

    def weight(self, x: Tensor, name: str) -> Tensor:
        return self.rounded(x)

    def result(self, x: Tensor, place: int) -> Tensor:
        return self.rounded(x)

    def rounded(self, x: Tensor) -> Tensor:
        """The nearest numbers of the format, ties to even."""
        fraction, exponent = torch.frexp(x)
        return torch.ldexp((fraction * 2.0**self.bits).round() * 2.0**-self.bits, exponent)


@dataclass(frozen=True)
class Reach:
    """The largest absolute value of every weight, by name, and of every result of a forward pass, by place."""

    weights: Mapping[str, float]
    results: tuple[float, ...]

    def __or__(self, other: Reach) -> Reach:
        """The larger of each; a result that only one of the two has counts as it is."""
        weights = {name: max(size, other.weights.get(name, 0.0)) for name, size in self.weights.items()}
        results = tuple(map(max, zip_longest(self.results, other.results, fillvalue=0.0)))
        return Reach({**other.weights, **weights}, results)


@dataclass(frozen=True)
class FixedPoint:
    """Integers of ``bits`` bits, the sign included, each weight and each result on a scale of its own.

    The scales are powers of two, fixed in advance: the finest that hold what ``reach`` says is the largest; a number
    beyond that saturates.
    """

    bits: int
    reach: Reach

    def __post_init__(self) -> None:
        _check_bits(self.bits)

    def weight(self, x: Tensor, name: str) -> Tensor:
        return in_fixed_point(x, self.bits, self.reach.weights[name])

    def result(self, x: Tensor, place: int) -> Tensor:
        return in_fixed_point(x, self.bits, self.reach.results[place])


def in_fixed_point(x: Tensor, bits: int, largest: float) -> Tensor:
    """``x`` as ``bits``-bit integers, sign included, on the finest power-of-two scale that holds ``largest``."""
    whole = math.frexp(largest)[1]  # the least with largest < 2^whole
    most, unit = 2.0 ** (bits - 1), 2.0 ** (whole + 1 - bits)
    return (x / unit).round().clamp(-most, most - 1) * unit


class InFormat(nn.Module):
    """``model`` in a number format: a float64 copy whose weights and whose every result are rounded; no gradients."""

    def __init__(self, model: nn.Module, form: Format) -> None:
        super().__init__()
        self.form, self.model = form, copy.deepcopy(model).double()
        with torch.no_grad():
            for name, tensor in _floats(self.model):
                tensor.copy_(form.weight(tensor, name))

    def forward(self, *inputs: Tensor) -> Tensor:
        """What the model gives for ``inputs``; results of other types than float64 are left as they are."""
        with torch.no_grad(), _EveryResult(self.form.result):
            return self.model(*inputs)


def reach(model: nn.Module, *inputs: Tensor) -> Reach:
    """What numbers ``model`` holds and makes of ``inputs``, in float64."""
    largest: list[float] = []

    def record(x: Tensor, place: int) -> Tensor:
        largest.append(_largest(x))
        return x

    double = copy.deepcopy(model).double()
    with torch.no_grad(), _EveryResult(record):
        double(*inputs)
    return Reach({name: _largest(tensor) for name, tensor in _floats(double)}, tuple(largest))


def _floats(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    named = (*model.named_parameters(), *model.named_buffers())
    return ((name, tensor) for name, tensor in named if tensor.is_floating_point())


def _largest(x: Tensor) -> float:
    finite = x.detach()[x.detach().isfinite()]
    return float(finite.abs().max()) if finite.numel() else 0.0


class _EveryResult(TorchDispatchMode):
    """Passes every float64 result of an operation, and its number, through a function."""

    def __init__(self, change: Callable[[Tensor, int], Tensor]) -> None:
        super().__init__()
        self.change, self.place = change, -1

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        # A view shows numbers that have been through it; changing them in place would change their owner.
        if func.is_view:
            return result
        return tree_map_only(Tensor, lambda x: self._changed(x, func), result)

    def _changed(self, x: Tensor, func: Any) -> Tensor:
        if x.dtype != torch.float64:
            return x
        self.place += 1
        changed = self.change(x, self.place)
        if func._schema.is_mutable:  # the caller holds the tensor itself
            return x.copy_(changed)
        return changed


def _check_bits(bits: int) -> None:
    if not 1 <= bits < FLOAT64_SIGNIFICAND:
        raise InputError(f"bits {bits}: formats are emulated in float64; give 1 to {FLOAT64_SIGNIFICAND - 1}.")
