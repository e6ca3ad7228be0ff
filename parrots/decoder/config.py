"""The shape of a decoder model."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from parrots.config import at_least
from parrots.decoder.routers import RouterSettings, router_from_json
from theory.errors import InputError


@dataclass(frozen=True)
class DecoderConfig:
    """A decoder of ``layers`` pre-norm layers; raises :class:`theory.errors.InputError` for what cannot be built.

    With ``router`` None the feed-forward layers are dense; otherwise each is a mixture, and ``shared`` hidden units
    more are passed by every token beside the routed experts.
    """

    vocabulary: int
    """Token ids are 0, …, vocabulary - 1."""
    width: int
    """D, numbers in the residual stream of a token."""
    layers: int
    heads: int
    positions: int
    """Longest sequence, in tokens."""
    kv_heads: int | None = None
    """Heads of keys and values (grouped-query attention); None: as many as heads."""
    hidden: int | None = None
    """F, hidden units of the dense layer or of one expert; None: the width, as in the paper's experiments."""
    router: RouterSettings | None = None
    shared: int = 0
    tied: bool = False
    """Whether the head is the embedding itself."""
    rope_base: float = 10_000.0
    norm_epsilon: float = 1e-5

    def __post_init__(self) -> None:
        for name in ("vocabulary", "width", "layers", "heads", "positions"):
            at_least(name, getattr(self, name), 1)
        at_least("shared", self.shared, 0)
        for name in ("kv_heads", "hidden"):
            if getattr(self, name) is not None:
                at_least(name, getattr(self, name), 1)
        if self.width % self.heads or self.head_width % 2:
            raise InputError(
                f"width {self.width} with {self.heads} heads: rotary positions need a whole, even number of "
                f"coordinates in each head; give a width that is a multiple of {2 * self.heads}."
            )
        if self.heads % self.key_value_heads:
            raise InputError(
                f"kv_heads {self.kv_heads} does not divide {self.heads} heads: give a divisor of the number of heads."
            )
        if not self.rope_base > 0 or not self.norm_epsilon > 0:
            raise InputError(
                f"rope_base {self.rope_base}, norm_epsilon {self.norm_epsilon}: give positive numbers for both."
            )
        if self.shared and self.router is None:
            raise InputError(f"shared {self.shared} without a router: a dense layer takes hidden instead.")

    @property
    def head_width(self) -> int:
        return self.width // self.heads

    @property
    def key_value_heads(self) -> int:
        return self.heads if self.kv_heads is None else self.kv_heads

    @property
    def feed_forward(self) -> int:
        """F, hidden units of the dense layer or of one expert."""
        return self.width if self.hidden is None else self.hidden

    def to_json(self) -> dict[str, Any]:
        """JSON types only; the router is its fields and its name."""
        plain = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return plain | {"router": None if self.router is None else self.router.to_json()}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Self:
        """Inverse of :meth:`to_json`; raises :class:`theory.errors.InputError` for what is no such configuration."""
        unknown = sorted(plain.keys() - {field.name for field in dataclasses.fields(cls)})
        if unknown:
            raise InputError(f"unknown fields of a decoder's configuration: {str(unknown)[:200]}.")
        router = plain.get("router")
        try:
            return cls(**{**plain, "router": None if router is None else router_from_json(router)})
        except (TypeError, AttributeError) as error:  # a field is missing, or of another type
            raise InputError(f"no readable configuration of a decoder ({str(error)[:200]}): train it again.") from error
