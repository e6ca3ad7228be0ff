"""Parameters and FLOPs of one attention layer: heads that share keys and values, or that unfold them from a latent.

Both kinds say the same things of themselves, which is all that the counts of a model need (:class:`Attention`).
Biases and the gains of norms are parameters but not products, so FLOPs come from numbers of products alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class Attention(Protocol):
    """What is asked of an attention layer whose tokens are ``width`` numbers wide."""

    @property
    def heads(self) -> int: ...
    @property
    def value_width(self) -> int:
        """D: the numbers that one query reads, of all heads together."""
        ...

    @property
    def norms(self) -> int:
        """Gains of the norms of queries, keys and latents."""
        ...

    @property
    def pair(self) -> int:
        """Multiplications for one query and one key: the score, and the value times its weight."""
        ...

    def parameters(self, width: int) -> int:
        """Numbers that training sets, norms excepted."""
        ...

    def query_products(self, width: int) -> int:
        """Multiplications of one token as a query: its projection, and that of what its heads read."""
        ...

    def key_products(self, width: int) -> int:
        """Multiplications that make one token's keys and values."""
        ...


@dataclass(frozen=True)
class GroupedAttention:
    """Heads of ``head_width`` numbers; several of them may share one of keys and values (Ainslie et al. 2023)."""

    heads: int
    key_value_heads: int
    head_width: int
    bias: bool = False
    """Of queries, keys and values."""
    output_bias: bool = False
    norms: int = 0
    sinks: bool = False
    """Whether each head has a learned score that stands for no token."""

    @property
    def value_width(self) -> int:
        return self.heads * self.head_width

    @property
    def pair(self) -> int:
        return 2 * self.value_width

    @property
    def _shared(self) -> int:
        return 2 * self.key_value_heads * self.head_width

    def parameters(self, width: int) -> int:
        biases = self.bias * (self.value_width + self._shared) + self.output_bias * width
        return self.query_products(width) + self.key_products(width) + biases + self.sinks * self.heads

    def query_products(self, width: int) -> int:
        return 2 * width * self.value_width

    def key_products(self, width: int) -> int:
        return width * self._shared


@dataclass(frozen=True)
class LatentAttention:
    """Multi-head latent attention (DeepSeek-AI 2024): a token's keys and values are unfolded from ``latent`` numbers.

    Counted as written: keys and values are unfolded once a token and then read as they are.  A program that keeps only
    the latents and moves the unfolding to the query's side spends more on a pair and less on memory.
    """

    heads: int
    latent: int
    unrotated: int
    """Numbers of a query or key, of one head, that carry no position."""
    rotated: int
    """Those that do; the key's are the same for all heads."""
    value: int
    """Numbers of one head's value."""
    query_latent: int | None = None
    """Queries are unfolded from so many numbers; ``None``: from the token itself."""
    bias: bool = False
    """Of the projections from and to the token."""

    @property
    def value_width(self) -> int:
        return self.heads * self.value

    @property
    def norms(self) -> int:
        return self.latent + (self.query_latent or 0)

    @property
    def pair(self) -> int:
        return self.heads * (self.unrotated + self.rotated + self.value)

    def parameters(self, width: int) -> int:
        biases = self.bias * ((self.query_latent or 0) + self.latent + self.rotated + width)
        return self.query_products(width) + self.key_products(width) + biases

    def query_products(self, width: int) -> int:
        queries = self.heads * (self.unrotated + self.rotated)
        read = self.value_width * width
        if self.query_latent is None:
            return width * queries + read
        return (width + queries) * self.query_latent + read

    def key_products(self, width: int) -> int:
        unfolded = self.latent * self.heads * (self.unrotated + self.value)
        return width * (self.latent + self.rotated) + unfolded
