"""Any model in any number format: what it computes when every number it makes is rounded to p bits.

The model runs in float64 and the result of every torch operation is rounded to the format before the next one reads it.
So the terms of one matrix product, softmax or mean are added exactly and rounded once, as an accumulator wider than the
format does; weights are rounded once, before the first operation.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

from theory.errors import InputError

FLOAT64_SIGNIFICAND = 53


class Format(Protocol):
    """A set of numbers, and the nearest of them to every number."""

    def rounded(self, x: Tensor) -> Tensor:
        """``x``, a float64 tensor of any shape, in the format."""
        ...


@dataclass(frozen=True)
class Significand:
    """Floating point with ``bits`` bits of significand, the leading one included, and exponents without limit.

    24 is float32 and 8 is bfloat16, but for the ends of their ranges.
    """

    bits: int

    def __post_init__(self) -> None:
        _check_bits(self.bits)

    def rounded(self, x: Tensor) -> Tensor:
        fraction, exponent = torch.frexp(x)
        return torch.ldexp((fraction * 2.0**self.bits).round() * 2.0**-self.bits, exponent)


@dataclass(frozen=True)
class FixedPoint:
    """Integers of ``bits`` bits, the sign included, in units of ``2^-fraction``; larger numbers saturate."""

    bits: int
    fraction: int

    def __post_init__(self) -> None:
        _check_bits(self.bits)

    def rounded(self, x: Tensor) -> Tensor:
        largest = 2.0 ** (self.bits - 1)
        return (x * 2.0**self.fraction).round().clamp(-largest, largest - 1) * 2.0**-self.fraction

    @classmethod
    def reaching(cls, largest: float, bits: int) -> FixedPoint:
        """The finest scale on which ``bits`` bits reach ``largest``."""
        whole = math.floor(math.log2(largest)) + 1 if largest > 0 else 0
        return cls(bits, bits - 1 - whole)


class InFormat(nn.Module):
    """``model`` in a number format: a float64 copy whose weights and whose every result are rounded; no gradients."""

    def __init__(self, model: nn.Module, form: Format) -> None:
        super().__init__()
        self.form, self.model = form, copy.deepcopy(model).double()
        with torch.no_grad():
            for tensor in (*self.model.parameters(), *self.model.buffers()):
                if tensor.is_floating_point():
                    tensor.copy_(form.rounded(tensor))

    def forward(self, *inputs: Tensor) -> Tensor:
        """What the model gives for ``inputs``; results of other types than float64 are left as they are."""
        with torch.no_grad(), _EveryResult(self.form.rounded):
            return self.model(*inputs)


@contextmanager
def recording_largest() -> Iterator[list[float]]:
    """Within it the one entry of the list given is the largest absolute value of any finite result so far."""
    largest = [0.0]

    def record(x: Tensor) -> Tensor:
        finite = x[x.isfinite()]
        if finite.numel():
            largest[0] = max(largest[0], float(finite.abs().max()))
        return x

    with torch.no_grad(), _EveryResult(record):
        yield largest


class _EveryResult(TorchDispatchMode):
    """Passes every float64 result of an operation through a function."""

    def __init__(self, change: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.change = change

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        # A view shows numbers that have been through it; changing them in place would change their owner.
        if func.is_view:
            return result
        return tree_map_only(Tensor, lambda x: self._changed(x, func), result)

    def _changed(self, x: Tensor, func: Any) -> Tensor:
        if x.dtype != torch.float64:
            return x
        changed = self.change(x)
        if func._schema.is_mutable:  # the caller holds the tensor itself
            return x.copy_(changed)
        return changed


def _check_bits(bits: int) -> None:
    if not 1 <= bits < FLOAT64_SIGNIFICAND:
        raise InputError(f"bits {bits}: formats are emulated in float64; give 1 to {FLOAT64_SIGNIFICAND - 1}.")
