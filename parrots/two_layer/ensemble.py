"""Many two-layer models of one shape as one batched model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from parrots.experts import BlockOutput
from parrots.flat import pack, sizes, unpack
from parrots.model import Parameters
from parrots.two_layer.config import TwoLayerConfig
from parrots.two_layer.model import TwoLayerModel
from parrots.two_layer.table import two_layer_logits


@dataclass(frozen=True)
class TwoLayerEnsemble:
    """How models of one shape lie in a matrix ``flat`` ``[E, parameters]``, a row each."""

    config: TwoLayerConfig

    @property
    def sizes(self) -> dict[str, int]:
        """Numbers of each parameter."""
        return sizes(self.config.shapes())

    def pack(self, parameters: Sequence[Parameters]) -> Tensor:
        """One row a member, ``[E, parameters]``."""
        return pack(parameters, self.config.shapes())

    def unpack(self, flat: Tensor) -> dict[str, Tensor]:
        """Named parameters with leading ``E``, views of ``flat``."""
        return unpack(flat, self.config.shapes())

    def member(self, flat: Tensor, index: int) -> TwoLayerModel:
        """Member ``index`` as the ordinary model."""
        own = self.unpack(flat.detach()[index : index + 1])
        return TwoLayerModel(self.config, {name: value[0] for name, value in own.items()})

    def keep(self, indices: Sequence[int]) -> TwoLayerEnsemble:
        """The layout of some of the rows: the same, since all rows have one shape."""
        return self

    def output(self, present: Tensor, flat: Tensor) -> BlockOutput:
        """Logits of all members: ``present`` ``[E or 1, batch, 2r]`` 0/1 floats."""
        present = present.expand(len(flat), -1, -1)
        return BlockOutput(two_layer_logits(present, self.unpack(flat), self.config), None)
