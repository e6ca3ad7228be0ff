"""Self-attention of all tokens, full or causal, added to the residual stream."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from parrots.mixing.config import MixingConfig


def attend(tokens: Tensor, present: Tensor | None, parameters: Mapping[str, Tensor], config: MixingConfig) -> Tensor:
    """States after attention, ``[batch, N, width]``: ``tokens`` plus the heads' outputs through ``w_out``.

    ``present`` ``[batch, N]`` says which tokens exist, None that all do.  Every token sees itself, absent or not,
    so that no row is empty.  Where all tokens exist, memory is linear in N.
    """
    if config.attention == "none":
        return tokens

    def heads(kind: str) -> Tensor:
        return (tokens @ parameters[kind]).unflatten(-1, (config.heads, -1)).transpose(1, 2)

    causal = config.attention == "causal"
    mask = None if present is None else visible(present, causal)[:, None]
    mixed = scaled_dot_product_attention(
        heads("w_query"),
        heads("w_key"),
        heads("w_value"),
        attn_mask=mask,
        is_causal=causal and mask is None,
        scale=1.0,
    )
    return tokens + mixed.transpose(1, 2).flatten(2) @ parameters["w_out"]


def visible(present: Tensor, causal: bool) -> Tensor:
    """Boolean ``[batch, N, N]``: may the row's token see the column's?"""
    N = present.shape[1]
    itself = torch.eye(N, dtype=torch.bool, device=present.device)
    seen = present[:, None, :] | itself
    return seen & torch.ones_like(itself).tril() if causal else seen
