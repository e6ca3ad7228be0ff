"""One decoder layer: attention, then a dense or routed feed-forward layer, each behind a norm and added back."""

from __future__ import annotations

from torch import Tensor, nn

from parrots.decoder.attention import Attention
from parrots.decoder.cache import LayerCache
from parrots.decoder.config import DecoderConfig
from parrots.decoder.feed_forward import SwiGLU
from parrots.decoder.norm import RMSNorm
from parrots.decoder.rotary import Rotation
from parrots.decoder.routers import Routing


class DecoderLayer(nn.Module):
    """``x += attention(norm(x)); x += feed_forward(norm(x))``."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.attention_norm = RMSNorm(config.width, eps=config.norm_epsilon)
        self.attention = Attention(config)
        self.feed_forward_norm = RMSNorm(config.width, eps=config.norm_epsilon)
        self.routed = config.router is not None
        self.feed_forward: nn.Module = (
            SwiGLU(config.width, config.feed_forward)
            if config.router is None
            else config.router.build(config.width, config.feed_forward)
        )
        self.shared = SwiGLU(config.width, config.shared) if config.shared else None

    def forward(
        self, x: Tensor, turn: Rotation, last: int, cache: LayerCache | None = None, ids: Tensor | None = None
    ) -> tuple[Tensor, Routing | None]:
        """``[batch, tokens, width] -> [batch, last, width]`` and what the router decided about the last tokens.

        ``ids`` ``[batch, tokens]``: the tokens themselves, for a router that goes by them.
        """
        x = x[:, -last:] + self.attention(self.attention_norm(x), turn, last, cache)
        normed = self.feed_forward_norm(x)
        if not self.routed:
            return x + self.feed_forward(normed), None
        mixed, routing = self.feed_forward(normed, None if ids is None else ids[:, -last:])
        if self.shared is not None:
            mixed = mixed + self.shared(normed)
        return x + mixed, routing
