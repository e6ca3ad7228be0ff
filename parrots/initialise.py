"""Initial weights that train well.

What matters most: vertex i starts with the *same* row for both of its edges, (s, i) and (i, d), so that a vertex with
both stands out as twice its row.  The value and output maps start as identities, the null token so that a typical
graph's state is centred at zero.
"""

from __future__ import annotations

import torch
from torch import Tensor

from parrots.config import OneLayerConfig
from parrots.embedding import embed, star_rows


def initial_parameters(
    config: OneLayerConfig, seed: int, density: float = 1 / 3, router_scale: float = 1.0
) -> dict[str, Tensor]:
    """Random parameters, float32, the same for the same ``seed`` whatever ensemble the model trains in.

    ``density`` is the share of the 2r star edges that a typical graph holds.
    """
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int, scale: float) -> Tensor:
        return torch.randn(*shape, generator=generator) * scale

    m, F, K, r = config.width, config.hidden, config.experts, config.intermediates
    edges = _edges(config, normal)
    alice, bob = (embed(edges, rows) for rows in star_rows(config))
    present = density * (alice + bob).sum(0)
    parameters = {
        "edges": edges,
        "null": -present / (config.edge_slots - 2 * r * density),
        "query": torch.zeros(m),
        "w_value": torch.eye(m),
        "w_out": torch.eye(m),
        "inner": normal(K, m, F, scale=m**-0.5),
        "inner_bias": normal(K, F, scale=0.5),
        "outer": torch.zeros(K, F, m),
        "outer_bias": torch.zeros(K, m),
        "readout": normal(m, scale=m**-0.5),
    }
    folded = normal(K, F, scale=F**-0.5)
    # The answer reads W2 u: start W2 as the outer product that makes it `folded`.
    parameters["outer"] = folded.unsqueeze(-1) * parameters["readout"] / parameters["readout"].square().sum()
    if config.attention == "softmax":
        parameters |= {"w_query": normal(m, m, scale=m**-0.5), "w_key": normal(m, m, scale=m**-0.5)}
    if K > 1:
        parameters |= {"router": normal(m, K, scale=router_scale * m**-0.5), "router_bias": torch.zeros(K)}
    return {name: parameters[name] for name in config.shapes()}


def _edges(config: OneLayerConfig, normal) -> Tensor:  # type: ignore[no-untyped-def]
    m, r, V = config.width, config.intermediates, config.vertices
    vertex = normal(r, m, scale=2 * r**-0.5)
    if config.embedding == "star":
        return torch.cat((vertex, vertex, torch.zeros(1, m)))
    ends = torch.zeros(1, m)
    column = torch.cat((ends, vertex, ends))
    if config.embedding == "endpoints":
        return torch.cat((column, column))
    pairs = torch.zeros(V, V, m)
    pairs[0, :], pairs[:, V - 1] = column, column
    pairs[0, V - 1] = 0
    return pairs.flatten(0, 1)
