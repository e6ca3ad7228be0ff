"""Keys and values of the tokens read so far, so that a decoder reads each token once."""

from __future__ import annotations

import torch
from torch import Tensor

from theory.errors import InputError


class LayerCache:
    """What one layer remembers: keys and values ``[batch, kv_heads, capacity, head width]``, filled from the left."""

    def __init__(self, capacity: int, padding: Tensor | None) -> None:
        self.capacity, self.padding = capacity, padding
        self.length = 0
        self._keys: Tensor | None = None
        self._values: Tensor | None = None

    def extend(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Append ``[batch, kv_heads, tokens, head width]``; all keys and values so far, as views."""
        if self._keys is None or self._values is None:  # made here, in the type and on the device of what comes
            shape = (*key.shape[:2], self.capacity, key.shape[-1])
            self._keys, self._values = key.new_empty(shape), value.new_empty(shape)
        start, self.length = self.length, self.length + key.shape[2]
        self._keys[:, :, start : self.length] = key
        self._values[:, :, start : self.length] = value
        return self._keys[:, :, : self.length], self._values[:, :, : self.length]


class Cache:
    """Room for ``capacity`` tokens in each of a decoder's ``layers``, for inference.

    ``padding`` ``[batch]``: how many of each row's first tokens are padding, which no token reads.  Rotary positions
    count them; attention reads differences of positions only, so a padded row gives what it gives without padding.
    """

    def __init__(self, layers: int, capacity: int, padding: Tensor | None = None) -> None:
        self.capacity = capacity
        self.layers = [LayerCache(capacity, padding) for _ in range(layers)]

    @property
    def length(self) -> int:
        """Tokens read so far, padding included."""
        return self.layers[-1].length

    def check_room(self, tokens: int) -> None:
        """Raises :class:`theory.errors.InputError` where ``tokens`` more do not fit."""
        if self.length + tokens > self.capacity:
            raise InputError(
                f"a cache for {self.capacity} tokens holds {self.length}, and {tokens} more do not fit: "
                "make it larger or give fewer tokens."
            )


def visible(queries: int, keys: int, padding: Tensor | None, device: torch.device) -> Tensor:
    """Which of ``keys`` tokens the last ``queries`` read: ``[queries, keys]``, or ``[batch, 1, queries, keys]``.

    A token reads itself and what stands before it, no padding; padding reads itself, so that it reads something.
    """
    places = torch.arange(keys, device=device)
    reader = places[keys - queries :, None]
    if padding is None:
        return places <= reader
    real = (places >= padding[:, None])[:, None]
    return ((places <= reader) & (real | (places == reader))).unsqueeze(1)
