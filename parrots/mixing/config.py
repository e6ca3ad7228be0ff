"""The shape of a one-layer model with cross-token routing: everything that fixes its parameters but their values."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from parrots.config import EmbeddingKind, OneLayerConfig, at_least
from theory.errors import InputError

SelfAttention = Literal["none", "full", "causal"]
RoutingKind = Literal["token-choice", "expert-choice", "soft"]
Priority = Literal["token", "choice"]
Nulls = Literal["token", "masked"]

_ALLOWED = {
    "routing": ("token-choice", "expert-choice", "soft"),
    "attention": ("none", "full", "causal"),
    "priority": ("token", "choice"),
    "nulls": ("token", "masked"),
}


@dataclass(frozen=True)
class MixingConfig:
    """A layer over the tokens ``prefix, edge slots, query``: attention of all tokens, then a routed block over tokens.

    Raises :class:`theory.errors.InputError` for a shape that does not exist.
    """

    vertices: int
    """V; the source is vertex 0, the target V - 1, the r = V - 2 others are intermediates."""
    width: int
    """m, numbers a token carries; each head outputs m / heads of them."""
    hidden: int
    """F, ReLU units of one expert."""
    routing: RoutingKind
    """``token-choice``: a token takes its ``top_k`` experts, as long as they have room.  ``expert-choice``: an expert
    takes its ``capacity`` favourite tokens.  ``soft``: a slot is a softmax mean of tokens, a token one of slots."""
    experts: int = 1
    """K."""
    attention: SelfAttention = "full"
    """``full``: every token attends to every token. ``causal``: to itself and those before it. ``none``: no attention.
    A softmax of the plain products: the usual factor ``head_width ** -0.5`` is left to the weights."""
    heads: int = 1
    """H, attention heads; divides the width."""
    top_k: int = 1
    """Token choice: experts that each token wants."""
    capacity: int | None = None
    """Tokens of one graph that an expert takes.  Token choice: None is no limit, later tokens are dropped first."""
    priority: Priority = "token"
    """Token choice: ``token`` serves a token's choices before the next token's, ``choice`` all first choices first."""
    expert_slots: int = 1
    """Soft: slots of each expert; S = K * expert_slots."""
    prefix: int = 0
    """Learned tokens before the edges, such as a beginning-of-sequence token."""
    nulls: Nulls = "token"
    """An absent edge is a ``token`` with an embedding of its own, or ``masked``: nobody attends to it or routes it."""
    embedding: EmbeddingKind = "star"
    """As in :class:`~parrots.config.OneLayerConfig`."""
    slots: int | None = None
    """The most edge slots; None stands for 2r.  A graph may be given with fewer."""

    def __post_init__(self) -> None:
        _ = self.edge_reader  # vertices, width, hidden, heads, experts, top_k, embedding and slots
        for name, allowed in _ALLOWED.items():
            if getattr(self, name) not in allowed:
                raise InputError(f"{name} {getattr(self, name)!r:.80} is unknown: give one of {', '.join(allowed)}.")
        for name, least in (("prefix", 0), ("expert_slots", 1)):
            at_least(name, getattr(self, name), least)
        if self.capacity is not None:
            at_least("capacity", self.capacity, 1)
        self._check_routing()

    def _check_routing(self) -> None:
        belongs = {"top_k": "token-choice", "priority": "token-choice", "expert_slots": "soft"}
        for name, routing in belongs.items():
            if self.routing != routing and getattr(self, name) != type(self).__dataclass_fields__[name].default:
                raise InputError(f"{name} belongs to {routing} routing, this is {self.routing}: leave it out.")
        if self.routing == "soft" and self.capacity is not None:
            raise InputError("Soft MoE takes every token, so it has no capacity: leave it out.")
        if self.routing == "expert-choice":
            if self.capacity is None:
                raise InputError("expert choice needs a capacity: give how many tokens each expert takes.")
            if self.experts < 2:
                raise InputError(
                    "a softmax over 1 expert scores every token 1, so expert choice can't choose: give 2 or more."
                )

    @property
    def edge_reader(self) -> OneLayerConfig:
        """The one-layer model of the same shape: same rows of the edge table, same checks."""
        return OneLayerConfig(
            vertices=self.vertices,
            width=self.width,
            hidden=self.hidden,
            heads=self.heads,
            experts=self.experts,
            top_k=self.top_k,
            embedding=self.embedding,
            slots=self.slots,
        )

    @property
    def intermediates(self) -> int:
        """r = V - 2."""
        return self.vertices - 2

    @property
    def edge_slots(self) -> int:
        """The most edge slots."""
        return self.edge_reader.edge_slots

    @property
    def tokens(self) -> int:
        """N at the most: prefix, edge slots and the query."""
        return self.prefix + self.edge_slots + 1

    @property
    def soft_slots(self) -> int:
        """S, slots of all experts of a Soft MoE."""
        return self.experts * self.expert_slots

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Every parameter's shape, in a fixed order."""
        m, F, K = self.width, self.hidden, self.experts
        maps = () if self.attention == "none" else ("w_query", "w_key", "w_value", "w_out")
        soft = self.routing == "soft"
        routed: dict[str, tuple[int, ...]] = (
            {"slot_vectors": (m, self.soft_slots)} if soft else {"router": (m, K), "router_bias": (K,)}
        )
        return {
            "edges": (self.edge_reader.edge_rows, m),
            **({"null": (m,)} if self.nulls == "token" else {}),
            **({"prefix": (self.prefix, m)} if self.prefix else {}),
            "query": (m,),
            **dict.fromkeys(maps, (m, m)),
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
    def from_json(cls, fields: dict[str, Any]) -> MixingConfig:
        """Raises :class:`theory.errors.InputError` when a field is unknown or missing."""
        try:
            return cls(**fields)
        except TypeError as error:
            raise InputError(
                f"not a cross-token configuration ({error!s:.80}): give the fields of MixingConfig."
            ) from error
