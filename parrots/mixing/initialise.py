"""Initial weights of a model with cross-token routing."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from parrots.embedding import star_rows
from parrots.mixing.config import MixingConfig


def initial_parameters(config: MixingConfig, seed: int) -> dict[str, Tensor]:
    """Random parameters, float32, fixed by ``seed``; matrices are scaled by the root of their inputs.

    As in the one-layer model, vertex i starts with the same row for its edges (s, i) and (i, d); here each side also
    adds a vector of its own, so that attention can tell the sides apart.
    """
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int, scale: float) -> Tensor:
        return torch.randn(*shape, generator=generator) * scale

    def initial(name: str, shape: tuple[int, ...]) -> Tensor:
        if name == "edges":
            return _edges(config, normal)
        if name.endswith("bias") and name != "inner_bias":
            return torch.zeros(shape)
        if name in ("null", "prefix", "query", "inner_bias"):
            return normal(*shape, scale=0.5)
        return normal(*shape, scale=shape[0 if len(shape) < 3 else 1] ** -0.5)

    return {name: initial(name, shape) for name, shape in config.shapes().items()}


def _edges(config: MixingConfig, normal: Callable[..., Tensor]) -> Tensor:
    m, reader = config.width, config.edge_reader
    table = normal(reader.edge_rows, m, scale=0.5)
    vertex, sides = normal(config.intermediates, m, scale=1.0), normal(2, 1, m, scale=0.5)
    if config.embedding == "endpoints":
        # A tail row and a head row are added up: the shared row is where the intermediate stands.
        table[1 : config.vertices - 1] += vertex
        table[config.vertices + 1 : 2 * config.vertices - 1] += vertex
        return table
    for rows, side in zip(star_rows(reader), sides, strict=True):
        table[rows.squeeze(-1)] = vertex + side
    return table
