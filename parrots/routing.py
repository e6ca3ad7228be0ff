"""Token-choice top-k routing: each token picks the experts it likes best, and how much each of them counts."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Routing:
    """``experts`` ``[..., batch, top_k]`` integer, ``gates`` the same shape, ``probabilities`` ``[..., batch, K]``."""

    experts: Tensor
    gates: Tensor
    probabilities: Tensor


def route(logits: Tensor, top_k: int, *, renormalise: bool | None = None, bias: Tensor | None = None) -> Routing:
    """Choose experts from router ``logits`` ``[..., batch, K]``.

    ``renormalise`` makes the gates of the chosen sum to 1, as in Mixtral; otherwise they are the softmax probabilities
    themselves, as in OLMoE.  None renormalises several choices and not one: the gate of one would be the constant 1 and
    the router would get no gradient.  ``bias`` ``[K]`` is added to the probabilities to choose by, and not to the gates
    (Wang et al. 2024, there with sigmoids).
    """
    # Written out: torch's softmax is several times slower over a dimension as short as K.
    powers = (logits - logits.detach().amax(-1, keepdim=True)).exp()
    probabilities = powers / powers.sum(-1, keepdim=True)
    if bias is not None:
        experts = (probabilities.detach() + bias).topk(top_k, dim=-1).indices
        gates = probabilities.gather(-1, experts)
    elif top_k == 1:
        gates, experts = probabilities.max(-1, keepdim=True)
    else:
        gates, experts = probabilities.topk(top_k, dim=-1)
    if renormalise or (renormalise is None and top_k > 1):
        gates = gates / gates.sum(-1, keepdim=True)
    return Routing(experts, gates, probabilities)


def load_balancing_loss(routing: Routing) -> Tensor:
    """``K * sum_k (share of choices that went to k) * (mean probability of k)``, ``[...]``: 1 when balanced.

    Switch Transformer's auxiliary loss, the mean over top-k choices.
    """
    return balance(loads(routing), routing.probabilities.mean(-2))


def balance(loads: Tensor, probabilities: Tensor) -> Tensor:
    """``K * sum_k loads_k probabilities_k`` of shares and mean probabilities ``[..., K]``."""
    return loads.shape[-1] * (loads * probabilities).sum(-1)


def loads(routing: Routing) -> Tensor:
    """Share of the batch's choices that each expert received, ``[..., K]``, summing to 1."""
    K = routing.probabilities.shape[-1]
    chosen = routing.experts.flatten(-2)
    counts = torch.zeros(*chosen.shape[:-1], K, device=chosen.device, dtype=routing.gates.dtype)
    counts.scatter_add_(-1, chosen, torch.ones_like(chosen, dtype=routing.gates.dtype))
    return counts / chosen.shape[-1]
