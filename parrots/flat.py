"""Models of one shape as the rows of a matrix ``[E, parameters]``: what training and clipping need, row by row."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

Shapes = Mapping[str, tuple[int, ...]]
"""Every parameter's shape, in the order in which a row holds them."""


def sizes(shapes: Shapes) -> dict[str, int]:
    """Numbers that each parameter takes of a row."""
    return {name: math.prod(shape) for name, shape in shapes.items()}


def pack(parameters: Sequence[Mapping[str, Tensor]], shapes: Shapes) -> Tensor:
    """One row a model, ``[E, parameters]``."""
    return torch.stack([torch.cat([own[name].reshape(-1) for name in shapes]) for own in parameters])


def unpack(flat: Tensor, shapes: Shapes) -> dict[str, Tensor]:
    """Named parameters ``[..., *shape]`` of ``flat`` ``[..., parameters]``: views (one split, one node of autograd)."""
    parts, models = flat.split(list(sizes(shapes).values()), dim=-1), flat.shape[:-1]
    return {name: part.view((*models, *shape)) for (name, shape), part in zip(shapes.items(), parts, strict=True)}
