"""Many models with cross-token routing, of one shape, as one batched model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from torch import Tensor

from parrots.experts import BlockOutput
from parrots.flat import pack, sizes, unpack
from parrots.mixing.config import MixingConfig
from parrots.mixing.model import MixingModel
from parrots.mixing.stacked import stacked_output
from theory.errors import InputError

STAR_EDGES: Mapping[str, Any] = {"embedding": "star", "nulls": "masked", "prefix": 0, "slots": None}
"""What every table execution needs: star edges in fixed slots, absent ones masked, no learned tokens before them."""


@dataclass(frozen=True)
class OneShape:
    """How models of one shape lie in a matrix ``flat`` ``[E, parameters]``, a row each."""

    config: MixingConfig

    def check(self, what: str, **needed: Any) -> None:
        """Raises :class:`theory.errors.InputError` unless the configuration has the values ``needed``."""
        for name, value in needed.items():
            given = getattr(self.config, name)
            if given != value:
                raise InputError(f"{name} {given!r}: {what} have {value!r}; give that.")

    @property
    def sizes(self) -> dict[str, int]:
        """Numbers of each parameter."""
        return sizes(self.config.shapes())

    def pack(self, parameters: Sequence[Mapping[str, Tensor]]) -> Tensor:
        """One row a member, ``[E, parameters]``."""
        return pack(parameters, self.config.shapes())

    def unpack(self, flat: Tensor) -> dict[str, Tensor]:
        """Named parameters with leading ``E``, views of ``flat``."""
        return unpack(flat, self.config.shapes())

    def member(self, flat: Tensor, index: int) -> MixingModel:
        """Member ``index`` as the ordinary model."""
        return MixingModel(self.config, unpack(flat.detach()[index], self.config.shapes()))

    def keep(self, indices: Sequence[int]) -> Self:
        """The layout of some of the rows: the same, since all rows have one shape."""
        return self


@dataclass(frozen=True)
class MixingEnsemble(OneShape):
    """Models with attention and any routing.

    Raises :class:`theory.errors.InputError` for a shape that the table execution does not cover: it needs full
    attention, :data:`STAR_EDGES`, and of token choice with a capacity the priority of the earlier token.
    """

    temperature: float | None = None
    """None: a place in an expert has no gradient, as in the ordinary model; else straight-through."""

    def __post_init__(self) -> None:
        self.check("stacked models", attention="full", priority="token", **STAR_EDGES)

    def output(self, present: Tensor, flat: Tensor) -> BlockOutput:
        """Logits of all members: ``present`` ``[E or 1, batch, 2r]`` 0/1 floats."""
        return stacked_output(present.expand(len(flat), -1, -1), self.unpack(flat), self.config, self.temperature)
