"""Many models with cross-token routing, of one shape, as one batched model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from parrots.experts import BlockOutput
from parrots.flat import pack, sizes, unpack
from parrots.mixing.config import MixingConfig
from parrots.mixing.model import MixingModel
from parrots.mixing.stacked import stacked_output
from theory.errors import InputError


@dataclass(frozen=True)
class MixingEnsemble:
    """How models of one shape lie in a matrix ``flat`` ``[E, parameters]``, a row each.

    Raises :class:`theory.errors.InputError` for a shape that the table execution does not cover: it needs full
    attention of star edges in fixed slots, absent ones masked, no learned tokens before them, and of token choice with
    a capacity the priority of the earlier token.
    """

    config: MixingConfig
    temperature: float | None = None
    """None: a place in an expert has no gradient, as in the ordinary model; else straight-through."""

    def __post_init__(self) -> None:
        needed = {"embedding": "star", "attention": "full", "nulls": "masked", "prefix": 0, "slots": None,
                  "priority": "token"}  # fmt: skip
        for name, value in needed.items():
            if getattr(self.config, name) != value:
                raise InputError(f"{name} {getattr(self.config, name)!r}: stacked models have {value!r}; give that.")

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
        own = self.unpack(flat.detach()[index : index + 1])
        return MixingModel(self.config, {name: value[0] for name, value in own.items()})

    def keep(self, indices: Sequence[int]) -> MixingEnsemble:
        """The layout of some of the rows: the same, since all rows have one shape."""
        return self

    def output(self, present: Tensor, flat: Tensor) -> BlockOutput:
        """Logits of all members: ``present`` ``[E or 1, batch, 2r]`` 0/1 floats."""
        return stacked_output(present.expand(len(flat), -1, -1), self.unpack(flat), self.config, self.temperature)
