"""What is added to the loss to keep routers in shape."""

from __future__ import annotations

from torch import Tensor

from parrots.decoder.routers import Routing
from parrots.routing import balance


def load_balancing_loss(routing: Routing) -> Tensor:
    """``K * sum_k (share of choices that went to k) * (mean probability of k)``, a scalar (Fedus et al. 2022).

    1 where loads or probabilities are even, K where all go to one expert.  Choices are those before any limit of
    capacity: only their probabilities carry a gradient.  Hugging Face's ``load_balancing_loss_func`` adds up the
    shares of each of the top-k choices and so is ``top_k`` times this, for one layer (for several it multiplies
    shares and probabilities that were averaged over the layers first).
    """
    counts_K = routing.chosen_TK.to(routing.probabilities_TK.dtype).sum(0)
    return balance(counts_K / counts_K.sum().clamp(min=1), routing.probabilities_TK.mean(0))


def z_loss(routing: Routing) -> Tensor:
    """``mean_t (logsumexp_k logits_tk)^2``, a scalar: keeps logits small, so that bfloat16 resolves them.

    The router z-loss of ST-MoE (Zoph et al. 2022).
    """
    return routing.logits_TK.logsumexp(-1).square().mean()
