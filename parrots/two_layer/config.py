"""The shape of a two-layer model, and what follows from it: parameters and FLOPs."""

from __future__ import annotations

from dataclasses import dataclass

from parrots.config import OneLayerConfig


@dataclass(frozen=True)
class TwoLayerConfig:
    """Shape of a two-layer model; each of the ``heads`` of a layer outputs ``width / heads`` numbers.

    Raises :class:`theory.errors.InputError` for a shape that does not exist.
    """

    vertices: int
    """V; the source is vertex 0, the target V - 1, the r = V - 2 others are intermediates."""
    width: int
    """m, numbers a token carries."""
    hidden: int
    """F, ReLU units of the MLP after layer 2."""
    heads: int = 1
    """H, attention heads of each layer; divides the width."""
    edges_meet: bool = True
    """Whether edges attend to each other in layer 1; if not, an edge sees itself and the query, which sees all."""

    def __post_init__(self) -> None:
        _ = self.edge_reader

    @property
    def edge_reader(self) -> OneLayerConfig:
        """The one-layer model of the same shape: same edge slots, same rows of the edge table, same checks."""
        return OneLayerConfig(self.vertices, self.width, self.hidden, self.heads)

    @property
    def intermediates(self) -> int:
        """r = V - 2."""
        return self.vertices - 2

    @property
    def tokens(self) -> int:
        """N = 2r + 1, the query included."""
        return 2 * self.intermediates + 1

    @property
    def head_width(self) -> int:
        return self.width // self.heads

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Every parameter's shape, in the order in which ensembles keep them."""
        m, F = self.width, self.hidden
        maps = {f"{kind}_{layer}": (m, m) for layer in (1, 2) for kind in ("w_query", "w_key", "w_value", "w_out")}
        return {
            "edges": (2 * self.intermediates, m),
            "query": (m,),
            **maps,
            "inner": (m, F),
            "inner_bias": (F,),
            "outer": (F, m),
            "outer_bias": (m,),
            "readout": (m,),
        }


def parameter_count(config: TwoLayerConfig) -> int:
    """Numbers in the model: (2r + 1) m of embedding, 8 m^2 of attention, 2 m F + F + m of MLP, m of read-out."""
    m, F = config.width, config.hidden
    return config.tokens * m + 8 * m * m + (2 * m * F + F + m) + m


def matmul_flops(config: TwoLayerConfig) -> int:
    """FLOPs of the matrix products of the token-by-token execution of one graph; a multiply-add counts 2.

    Layer 1 runs on all N tokens (empty slots are computed, then masked), layer 2 has the query's row only.
    """
    m, F, N = config.width, config.hidden, config.tokens
    first = 2 * (4 * N * m * m + 2 * N * N * m)
    second = 2 * (2 * m * m + 2 * N * m * m + 2 * N * m)
    return first + second + 2 * (2 * m * F + m)
