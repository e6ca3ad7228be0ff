"""Causal self-attention with grouped queries and rotary positions."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from parrots.decoder.cache import LayerCache, visible
from parrots.decoder.config import DecoderConfig
from parrots.decoder.rotary import Rotation, rotate


class Attention(nn.Module):
    """``heads`` queries share ``kv_heads`` keys and values; no biases."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.heads, self.kv_heads, self.head_width = config.heads, config.key_value_heads, config.head_width
        kv_width = self.kv_heads * self.head_width
        self.query = nn.Linear(config.width, config.width, bias=False)
        self.key = nn.Linear(config.width, kv_width, bias=False)
        self.value = nn.Linear(config.width, kv_width, bias=False)
        self.output = nn.Linear(config.width, config.width, bias=False)
        self.fused = True
        """Whether torch's fused kernel runs it; an ensemble writes it out, as the kernel has no rule for members."""

    def forward(self, x: Tensor, turn: Rotation, last: int, cache: LayerCache | None = None) -> Tensor:
        """``[batch, tokens, width] -> [batch, last, width]``: what the last tokens read, of these and the cache's."""
        query = rotate(self._split(self.query(x[:, -last:]), self.heads), turn.last(last))
        key = rotate(self._split(self.key(x), self.kv_heads), turn)
        value = self._split(self.value(x), self.kv_heads)
        if cache is not None:
            key, value = cache.extend(key, value)
        read = self._read(query, key, value, None if cache is None else cache.padding)
        return self.output(read.transpose(1, 2).flatten(2))

    def _split(self, x: Tensor, heads: int) -> Tensor:
        return x.unflatten(-1, (heads, self.head_width)).transpose(1, 2)

    def _read(self, query: Tensor, key: Tensor, value: Tensor, padding: Tensor | None) -> Tensor:
        """Query head h reads key and value head ``h // (heads / kv_heads)``."""
        groups = self.heads // self.kv_heads
        if groups > 1:
            key, value = (x.repeat_interleave(groups, dim=1) for x in (key, value))
        queries, tokens = query.shape[-2], key.shape[-2]
        if self.fused and padding is None and queries in (1, tokens):  # a single query reads everything
            return scaled_dot_product_attention(query, key, value, is_causal=queries > 1)
        seen = visible(queries, tokens, padding, query.device)
        if self.fused:
            return scaled_dot_product_attention(query, key, value, attn_mask=seen)
        scores = (query @ key.mT) * self.head_width**-0.5
        return scores.masked_fill(~seen, -torch.inf).softmax(-1) @ value
