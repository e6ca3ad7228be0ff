"""From a hand-built read-out of counts to the weights of the one-layer model.

Both constructions have the same skeleton.  Uniform attention adds, for every intermediate ``i``, a non-negative number
``digit_i`` to one residual coordinate for each of the edges (s, i) and (i, d) that is there.  So that coordinate holds
``sum_i digit_i · count_i`` with ``count_i`` in {0, 1, 2}, and a ReLU layer adds a piecewise linear function of every
coordinate to the ``answer`` coordinate.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import ClassVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from parrots.config import OneLayerConfig
from parrots.model import OneLayerModel
from theory.errors import InputError

MEMORY_LIMIT = 4 * 2**30
"""Largest set of weights, in bytes, that is built; the graphs of one batch may take as much again."""
COPIES = 4
"""Token arrays that are alive at once in a forward pass: looked up, with nulls, with the query, their values."""


@dataclass(frozen=True)
class Layout:
    """A construction at one size: names, sizes and the function that the block computes.

    ``digits`` ``[r]`` and ``coordinates`` ``[r]`` say what intermediate ``i + 1`` adds to which coordinate.  With one
    entry more, the last is the digit of the edge (s, d), which adds it twice, a count of 2.  On every coordinate that
    holds a count the block computes ``sum_u weights_u relu(scale · state - breaks_u)``; all of these are added to
    coordinate ``answer`` and the logit is that sum minus 1/2.
    """

    name: str
    statement: str
    config: OneLayerConfig
    answer: int
    bits: int
    digits: NDArray[np.int64]
    coordinates: NDArray[np.int64]
    scale: float
    breaks: NDArray[np.float64]
    weights: NDArray[np.float64]

    depth: ClassVar[int] = 1
    names_ends: ClassVar[bool] = False

    @property
    def direct(self) -> bool:
        """Whether the edge (s, d) counts as a path."""
        return len(self.digits) > self.config.intermediates

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
        return self.config.hidden

    def build(self, dtype: torch.dtype = torch.float32) -> OneLayerModel:
        """The weights as the one-layer model, rounded to ``dtype``."""
        return OneLayerModel(self.config, {name: value.to(dtype) for name, value in self.parameters().items()})

    def slots_for(self, edges: int) -> int:
        """Slots that hold ``edges`` edges, at least the model's least number r + 1, with N a power of two."""
        return slots_for(max(edges, self.vertices - 1))

    def with_slots(self, model: nn.Module, slots: int) -> nn.Module:
        """The model for another number of edge slots: the same weights, the gain N = slots + 1."""
        other = cast(OneLayerModel, copy.copy(model))  # shares the parameters
        other.config = replace(other.config, slots=slots)
        return other

    def graph_bytes(self, slots: int) -> int:
        """Bytes of one graph's float32 tokens in a forward pass."""
        return COPIES * 4 * (slots + 1) * self.width

    def parameters(self) -> dict[str, Tensor]:
        """Float32 weights in the shapes that ``config`` names."""
        r, width = self.config.intermediates, self.config.width
        parameters = {name: torch.zeros(shape) for name, shape in self.config.shapes().items()}
        coordinates, digits = torch.from_numpy(self.coordinates), torch.from_numpy(self.digits).float()
        middle = torch.arange(r)
        if self.direct:  # a row for every pair
            V, of_middle = self.vertices, (coordinates[:-1], digits[:-1])
            parameters["edges"][middle + 1, of_middle[0]] = of_middle[1]
            parameters["edges"][(middle + 1) * V + V - 1, of_middle[0]] = of_middle[1]
            parameters["edges"][V - 1, coordinates[-1]] = 2 * digits[-1]
        else:
            parameters["edges"][middle, coordinates] = digits
            parameters["edges"][r + middle, coordinates] = digits
        parameters["w_value"] = torch.eye(width)
        parameters["w_out"] = torch.eye(width)
        used = np.unique(self.coordinates)
        unit_coordinates = torch.from_numpy(np.repeat(used, len(self.breaks)))
        units = torch.arange(self.config.hidden)
        parameters["inner"][0, unit_coordinates, units] = self.scale
        parameters["inner_bias"][0] = -torch.from_numpy(np.tile(self.breaks, len(used))).float()
        parameters["outer"][0, :, self.answer] = torch.from_numpy(np.tile(self.weights, len(used))).float()
        parameters["outer_bias"][0, self.answer] = -0.5
        parameters["readout"][self.answer] = 1.0
        return parameters


def sized_config(name: str, vertices: int, width: int, neurons: int, direct: bool) -> OneLayerConfig:
    """The shape of the model; N, its number of tokens, is the least power of two that holds any star graph.

    To tell the edge (s, d) from the others that no length-2 path can use, ``direct`` needs a row for every pair.

    Raises :class:`~theory.errors.InputError`, before anything is allocated, when the weights would take more than
    :data:`MEMORY_LIMIT` bytes.
    """
    config = OneLayerConfig(
        vertices=vertices,
        width=width,
        hidden=neurons,
        attention="uniform",
        embedding="pair" if direct else "star",
        slots=slots_for(2 * (vertices - 2) + direct),
    )
    needed = weight_bytes(config)
    if needed > MEMORY_LIMIT:
        raise InputError(
            f"the weights of `{name}` for {vertices} vertices (width {width}, {neurons} neurons) take "
            f"{in_gib(needed)}, the limit is {in_gib(MEMORY_LIMIT)}: give a smaller graph."
        )
    return config


def slots_for(edges: int) -> int:
    """The least number of edge slots that hold ``edges`` edges and make N = slots + 1 a power of two.

    Then dividing a sum by N and multiplying it by N again rounds nothing.
    """
    return int(2 ** max(edges, 1).bit_length() - 1)


def weight_bytes(config: OneLayerConfig) -> int:
    """Bytes of the float32 weights of a model."""
    return sum(4 * int(np.prod(shape, dtype=object)) for shape in config.shapes().values())


def in_gib(count: int) -> str:
    """``count`` bytes in words, GiB."""
    return f"{count / 2**30:,.1f} GiB"
