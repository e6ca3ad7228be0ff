"""What the hand-built models with cross-token routing have in common as designs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

import torch
from torch import Tensor, nn

from parrots.mixing import MixingConfig, MixingModel
from theory.bounds.softmax import Precision, precision_named
from theory.errors import InputError

MOST_SLOTS = 2**16
"""Edge slots that a model is built for unless it is told; fewer if fewer edges exist."""
FORMATS = {8: torch.bfloat16, 24: torch.float32, 53: torch.float64}
"""Bits of the significand of each number format, coarsest first."""
COPIES = 6
"""Token arrays that are alive at once in a forward pass: embedded, queries, keys, values, mixed, states."""


@dataclass(frozen=True)
class MixedDesign(ABC):
    """A construction at one size, for graphs of up to ``config.edge_slots`` edges; the weights are right for fewer."""

    config: MixingConfig

    statement: ClassVar[str]
    depth: ClassVar[int] = 1
    names_ends: ClassVar[bool] = False

    @property
    @abstractmethod
    def name(self) -> str: ...

    @abstractmethod
    def scales(self, dtype: torch.dtype = torch.float32) -> tuple[Fraction, ...]:
        """``beta`` and other factors of :meth:`unchecked`, the least powers of two that the error bounds allow.

        Raises :class:`~theory.errors.InputError` where they show it of none.
        """

    @abstractmethod
    def unchecked(self, *scales: Fraction | float, dtype: torch.dtype = torch.float32) -> MixingModel:
        """The weights for any factors, right or wrong."""

    def build(self, dtype: torch.dtype = torch.float32) -> MixingModel:
        """The model, right on every graph in ``dtype``; raises :class:`~theory.errors.InputError` as :meth:`scales`."""
        return self.unchecked(*self.scales(dtype), dtype=dtype)

    @property
    def bits(self) -> int:
        """Significand bits of a coordinate of the state that are shown to be enough: those of the coarsest format."""
        return next(bits for bits, dtype in FORMATS.items() if self._is_exact_in(dtype))

    def _is_exact_in(self, dtype: torch.dtype) -> bool:
        try:
            self.scales(dtype)
        except InputError:
            return False
        return True

    @property
    def vertices(self) -> int:
        return self.config.vertices

    @property
    def width(self) -> int:
        return self.config.width

    @property
    def heads(self) -> int:
        return self.config.heads

    @property
    def neurons(self) -> int:
        return self.config.hidden * self.config.experts

    def slots_for(self, edges: int) -> int:
        """As many slots as edges; raises :class:`~theory.errors.InputError` for more than the model is built for."""
        if edges > self.config.edge_slots:
            raise InputError(
                f"a graph of {edges} edges, `{self.name}` is built for {self.config.edge_slots}: build it with "
                f"slots={edges}."
            )
        return max(edges, 1)

    def with_slots(self, model: nn.Module, slots: int) -> nn.Module:
        """``model`` itself: its weights are right for every number of tokens up to its own."""
        return model

    def graph_bytes(self, slots: int) -> int:
        """Bytes of one graph's tokens and router logits in a float32 forward pass; attention needs no N x N matrix."""
        columns = self.config.soft_slots if self.config.routing == "soft" else self.config.experts
        return 4 * (self.config.prefix + slots + 1) * (COPIES * self.width + 3 * columns)


def precision_of(dtype: torch.dtype) -> Precision:
    """The error bounds' name for ``dtype``; raises :class:`~theory.errors.InputError` for one without."""
    return precision_named(str(dtype).removeprefix("torch."))


def model_of(config: MixingConfig, parameters: dict[str, Tensor], dtype: torch.dtype) -> MixingModel:
    """The model whose weights are ``parameters``, rounded to ``dtype``; those not named are zero."""
    zeros = {name: torch.zeros(shape, dtype=torch.float64) for name, shape in config.shapes().items()}
    return MixingModel(config, {name: parameters.get(name, zero).to(dtype) for name, zero in zeros.items()})


def sign_codes(count: int, length: int) -> Tensor:
    """The first ``count`` codes of ``length`` signs, ``[count, length]``: the binary digits of the row as -1 and 1."""
    return 2.0 * (torch.arange(count)[:, None] >> torch.arange(length) & 1).double() - 1


def most_slots(vertices: int, slots: int | None) -> int:
    """``slots``, or as many as a digraph with loops can fill, at most :data:`MOST_SLOTS` (more for large V).

    Raises :class:`~theory.errors.InputError` for fewer than 3 vertices or fewer slots than r + 1.
    """
    if vertices < 3:
        raise InputError(f"{vertices} vertices: a length-2 path needs at least 3; give a larger graph.")
    if slots is not None and slots < vertices - 1:
        raise InputError(f"{slots} slots for {vertices} vertices: give at least {vertices - 1}, or leave slots out.")
    return max(vertices, min(vertices**2, MOST_SLOTS)) if slots is None else slots
