"""Initial weights that train well, and how fast each of them should move.

What matters most: vertex i starts with the *same* row for both of its edges, (s, i) and (i, d), so that a vertex with
both stands out as twice its row.  The rows are a random frame, as orthogonal as the width allows, and every hidden
unit starts by looking along the row of a random vertex, with a random sign and a random threshold: which units find a
vertex with both edges is left to training.  The value and output maps start as identities, the null token so that a
typical graph's state is centred at zero.  Dense blocks and experts start alike.
"""

from __future__ import annotations

import torch
from torch import Tensor

from parrots.config import OneLayerConfig
from parrots.embedding import embed, star_rows

RATE_FACTORS = {"edges": 3.0, "w_value": 0.03, "w_out": 0.03}
"""Learning rate of a parameter relative to the member's; 1 for all others.

The value and output maps move every embedding row at once, and at the full rate one layer does not learn (measured:
``docs/LOG.md``).  Each row of the embedding is seen in a part of the graphs only, and may move faster.
"""


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
    vertex = _frame(normal(r, m, scale=1.0))
    edges = _edges(config, vertex)
    alice, bob = (embed(edges, rows) for rows in star_rows(config))
    present = density * (alice + bob).sum(0)
    parameters = {
        "edges": edges,
        "null": -present / (config.edge_slots - 2 * r * density),
        "query": torch.zeros(m),
        "w_value": torch.eye(m),
        "w_out": torch.eye(m),
        "inner": _directions(vertex, (K, F), generator),
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


def _frame(random: Tensor) -> Tensor:
    """Rows of equal length ``2 sqrt(m / r)`` ``[r, m]``, orthogonal where m >= r, else rows of orthonormal columns."""
    r, m = random.shape
    basis = torch.linalg.qr(random)[0] if m <= r else torch.linalg.qr(random.mT)[0].mT
    return torch.nn.functional.normalize(basis, dim=1) * 2 * (m / r) ** 0.5


def _directions(vertex: Tensor, units: tuple[int, int], generator: torch.Generator) -> Tensor:
    """A hidden unit's weights: plus or minus the unit vector along a random row of ``vertex``, ``[K, m, F]``."""
    chosen = torch.randint(len(vertex), units, generator=generator)
    sign = 2 * torch.randint(2, (*units, 1), generator=generator) - 1
    return (sign * torch.nn.functional.normalize(vertex, dim=1)[chosen]).mT


def _edges(config: OneLayerConfig, vertex: Tensor) -> Tensor:
    """The embedding table whose edges (s, i) and (i, d) both hold row i of ``vertex`` ``[r, m]``, all others zero."""
    m, V = config.width, config.vertices
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
