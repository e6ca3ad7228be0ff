"""Initial weights of a two-layer model."""

from __future__ import annotations

import torch
from torch import Tensor

from parrots.two_layer.config import TwoLayerConfig


def initial_parameters(config: TwoLayerConfig, seed: int) -> dict[str, Tensor]:
    """Random parameters, float32, fixed by ``seed``.

    As in the one-layer model, vertex i starts with the same row for its edges (s, i) and (i, d); here each side also
    adds a vector of its own, so that attention can tell the sides apart.
    """
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int, scale: float) -> Tensor:
        return torch.randn(*shape, generator=generator) * scale

    m, F = config.width, config.hidden
    vertex = normal(config.intermediates, m, scale=1.0)
    sides = normal(2, 1, m, scale=0.5)
    special = {
        "edges": (vertex + sides).flatten(0, 1),
        "query": normal(m, scale=0.5),
        "inner_bias": normal(F, scale=0.5),
        "outer_bias": torch.zeros(m),
    }
    return {
        name: special[name] if name in special else normal(*shape, scale=shape[0] ** -0.5)
        for name, shape in config.shapes().items()
    }
