"""Many one-layer models as one batched model.

Members share graph size, heads, experts, attention and embedding; they may differ in width, hidden units and message
bits.  Smaller members are padded with zeros.  Zero padding needs no mask: a padded unit has zero input and zero output
weights, so it computes zero, receives zero gradient and stays zero.

All parameters of all members are one matrix ``flat`` ``[E, parameters]``: optimiser and clipping are then a few
operations, whatever the number of members, and members that have finished can be dropped by indexing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from parrots.config import OneLayerConfig
from parrots.experts import BlockOutput
from parrots.flat import sizes, unpack
from parrots.model import OneLayerModel, Parameters, table_output
from theory.errors import InputError


@dataclass(frozen=True)
class EnsembleLayout:
    """How members of different width lie in one padded matrix."""

    members: tuple[OneLayerConfig, ...]

    def __post_init__(self) -> None:
        if not self.members:
            raise InputError("an ensemble of no members: give at least one configuration.")
        shared = {_shared_part(config) for config in self.members}
        if len(shared) > 1:
            raise InputError("members of an ensemble differ in more than width, hidden units and message bits.")

    @cached_property
    def config(self) -> OneLayerConfig:
        """The padded configuration."""
        head_width = max(config.head_width for config in self.members)
        return replace(
            self.members[0],
            width=head_width * self.members[0].heads,
            hidden=max(config.hidden for config in self.members),
        )

    @cached_property
    def sizes(self) -> dict[str, int]:
        return sizes(self.config.shapes())

    @cached_property
    def levels(self) -> Tensor | None:
        """``2^b`` of each member's own coordinates, ``[E, 1, width]``, or None without message quantisation.

        Padding has one level: zero is the centre of that one only.
        """
        if self.config.message_bits is None:
            return None
        levels = torch.ones(len(self.members), 1, self.config.width)
        for row, config in zip(levels, self.members, strict=True):
            row[0, self._own_width(config)] = float(2 ** (config.message_bits or 0))
        return levels

    def pack(self, parameters: Sequence[Parameters]) -> Tensor:
        """One row a member, ``[E, parameters]``."""
        shapes = self.config.shapes()
        rows = []
        for config, own in zip(self.members, parameters, strict=True):
            padded = []
            for name, shape in shapes.items():
                target = own[name].new_zeros(shape)
                target[self._place(name, config)] = own[name].detach()
                padded.append(target.reshape(-1))
            rows.append(torch.cat(padded))
        return torch.stack(rows)

    def unpack(self, flat: Tensor) -> dict[str, Tensor]:
        """Named parameters with leading ``E``, views of ``flat``."""
        return unpack(flat, self.config.shapes())

    def member(self, flat: Tensor, index: int) -> OneLayerModel:
        """Member ``index`` as the ordinary model, without padding."""
        own = self.unpack(flat.detach()[index : index + 1])
        config = self.members[index]
        return OneLayerModel(config, {name: own[name][0][self._place(name, config)] for name in config.shapes()})

    def keep(self, indices: Sequence[int]) -> EnsembleLayout:
        """The layout of some of the members, with the padding of today so that rows of ``flat`` still fit."""
        return _Kept(tuple(self.members[i] for i in indices), self.config)

    def output(self, present: Tensor, flat: Tensor) -> BlockOutput:
        """Logits of all members: ``present`` ``[E or 1, batch, 2r]`` 0/1 floats."""
        present = present.expand(len(flat), -1, -1)
        levels = None if self.levels is None else self.levels.to(flat.device)
        return table_output(present, self.unpack(flat), self.config, levels)

    def _place(self, name: str, config: OneLayerConfig) -> tuple[Tensor, ...]:
        """Where a member's own array lies in the padded one: an open mesh of indices, an axis each."""
        width = self._own_width(config)
        axes = [
            width if size == config.width and axis in _WIDTH_AXES.get(name, ()) else torch.arange(size)
            for axis, size in enumerate(config.shapes()[name])
        ]
        return torch.meshgrid(*axes, indexing="ij")

    def _own_width(self, config: OneLayerConfig) -> Tensor:
        """The coordinates of a member among the padded ones, head by head."""
        first = torch.arange(config.heads)[:, None] * self.config.head_width
        return (first + torch.arange(config.head_width)).reshape(-1)


@dataclass(frozen=True)
class _Kept(EnsembleLayout):
    padded: OneLayerConfig

    @cached_property
    def config(self) -> OneLayerConfig:
        return self.padded

    def keep(self, indices: Sequence[int]) -> EnsembleLayout:
        return _Kept(tuple(self.members[i] for i in indices), self.padded)


_WIDTH_AXES = {
    "edges": (1,),
    "null": (0,),
    "query": (0,),
    "w_query": (0, 1),
    "w_key": (0, 1),
    "w_value": (0, 1),
    "w_out": (0, 1),
    "router": (0,),
    "inner": (1,),
    "outer": (2,),
    "outer_bias": (1,),
    "readout": (0,),
}
"""Axes of each parameter that run over the width."""


def _shared_part(config: OneLayerConfig) -> OneLayerConfig:
    bits = None if config.message_bits is None else 1
    return replace(config, width=config.heads, hidden=1, message_bits=bits)
