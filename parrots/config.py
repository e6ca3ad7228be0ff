"""The shape of a one-layer model: everything that fixes its parameters but their values."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from theory.errors import InputError

Attention = Literal["softmax", "uniform"]
EmbeddingKind = Literal["star", "pair", "endpoints"]

FLOAT32_BITS, FLOAT64_BITS = 24, 53
"""Bits of the integers that a float holds exactly."""


@dataclass(frozen=True)
class OneLayerConfig:
    """A one-layer transformer that reads a graph's edges and answers at a query token.

    The total value width ``D`` read by the query equals ``width``: each of the ``heads`` outputs ``width / heads``
    numbers (the usual implementation; where the paper lets each head output ``m`` numbers, its ``mH`` is this ``D``).

    Raises :class:`theory.errors.InputError` for a shape that does not exist.
    """

    vertices: int
    """V; the source is vertex 0, the target V - 1, the r = V - 2 others are intermediates."""
    width: int
    """m = D, numbers a token carries."""
    hidden: int
    """F, ReLU units of one expert."""
    heads: int = 1
    """H, attention heads; divides the width."""
    experts: int = 1
    """K; 1 is the dense block."""
    top_k: int = 1
    """Experts that each token uses."""
    attention: Attention = "softmax"
    """``uniform`` averages the tokens: softmax with equal logits."""
    embedding: EmbeddingKind = "star"
    """``pair``: a row for each ordered pair. ``endpoints``: the sum of a tail row and a head row.
    ``star``: the ``pair`` table with one shared row for all pairs that no length-2 path can use."""
    slots: int | None = None
    """Edge slots; N = slots + 1 tokens with the query. None stands for 2r, a slot for each edge of a star graph."""
    message_bits: int | None = None
    """b: Alice's partial sum is squashed and rounded to b bits a coordinate (uniform attention only)."""
    value_bits: int | None = None
    """p: attention weights and values are p-bit integers on a scale that the weights fix."""

    def __post_init__(self) -> None:
        for name, least in (("vertices", 3), ("width", 1), ("hidden", 1), ("heads", 1), ("experts", 1), ("top_k", 1)):
            at_least(name, getattr(self, name), least)
        for name in ("message_bits", "value_bits"):
            if getattr(self, name) is not None:
                at_least(name, getattr(self, name), 1)
                if getattr(self, name) > FLOAT32_BITS:
                    raise InputError(
                        f"{name} {_short(getattr(self, name))} is more than float32 holds: give 1 to {FLOAT32_BITS}."
                    )
        at_least("slots", self.edge_slots, self.intermediates + 1, f"r + 1, for {self.vertices} vertices")
        if self.width % self.heads:
            raise InputError(f"{self.heads} heads do not divide width {self.width}: give a width that is a multiple.")
        if self.top_k > self.experts:
            raise InputError(f"top_k {self.top_k} exceeds the {self.experts} experts: give at most {self.experts}.")
        for name, allowed in (("attention", ("softmax", "uniform")), ("embedding", ("star", "pair", "endpoints"))):
            if getattr(self, name) not in allowed:
                raise InputError(f"{name} {_short(getattr(self, name))} is unknown: give one of {', '.join(allowed)}.")
        if self.message_bits is not None and self.attention != "uniform":
            raise InputError(
                "message_bits is defined for uniform attention: give attention uniform or no message_bits."
            )
        if self.message_bits is not None and self.value_bits is not None:
            raise InputError("message_bits and value_bits both given: give one, the message or the values are rounded.")
        most = (FLOAT64_BITS - self.tokens.bit_length()) // 2
        if self.value_bits is not None and self.value_bits > most:
            raise InputError(
                f"value_bits {self.value_bits}: sums of weight times value over {self.tokens} tokens are no exact "
                f"float64 integers; give at most {most}."
            )

    @property
    def intermediates(self) -> int:
        """r = V - 2."""
        return self.vertices - 2

    @property
    def edge_slots(self) -> int:
        return 2 * self.intermediates if self.slots is None else self.slots

    @property
    def tokens(self) -> int:
        """N, the query included."""
        return self.edge_slots + 1

    @property
    def head_width(self) -> int:
        return self.width // self.heads

    @property
    def edge_rows(self) -> int:
        """Rows of the embedding table of edges."""
        return {
            "star": 2 * self.intermediates + 1,
            "pair": self.vertices**2,
            "endpoints": 2 * self.vertices,
        }[self.embedding]

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Every parameter's shape, in the order in which checkpoints and ensembles keep them."""
        m, F, K = self.width, self.hidden, self.experts
        softmax = {"w_query": (m, m), "w_key": (m, m)} if self.attention == "softmax" else {}
        routed = {"router": (m, K), "router_bias": (K,)} if K > 1 else {}
        return {
            "edges": (self.edge_rows, m),
            "null": (m,),
            "query": (m,),
            **softmax,
            "w_value": (m, m),
            "w_out": (m, m),
            **routed,
            "inner": (K, m, F),
            "inner_bias": (K, F),
            "outer": (K, F, m),
            "outer_bias": (K, m),
            "readout": (m,),
        }

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> OneLayerConfig:
        """Raises :class:`theory.errors.InputError` when a field is unknown or missing."""
        try:
            return cls(**fields)
        except TypeError as error:
            raise InputError(
                f"not a one-layer configuration ({_short(str(error))}): give the fields of OneLayerConfig."
            ) from error


def at_least(name: str, value: object, least: int, what: str = "") -> None:
    """Raises :class:`theory.errors.InputError` unless ``value`` is a whole number of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(
            f"{name} {_short(value)} is not allowed: give a whole number of at least {least}{what and f' ({what})'}."
        )


def _short(value: object) -> str:
    """On one line, however long it is."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
