"""Which weights weight decay applies to."""

from __future__ import annotations

from torch import Tensor


def is_decayed(name: str, weight: Tensor) -> bool:
    """Whether ``weight``, one model's parameter called ``name``, decays: matrices do; norms, biases, embeddings don't.

    Routers don't either: a decaying router drifts to equal logits whatever the experts do.
    """
    return weight.ndim > 1 and not name.startswith("embedding.") and ".router." not in name
