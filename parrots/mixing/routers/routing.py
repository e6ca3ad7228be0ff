"""What a router decided."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Routing:
    """Who processes whom; columns are the K experts, for Soft MoE the S slots.

    ``taken`` boolean ``[batch, N, columns]``: the token is processed there.  ``dropped`` boolean ``[batch, N]``: the
    token exists and nobody processes it.  ``probabilities`` ``[batch, N, columns]``: the router's softmax over the
    columns, for Soft MoE the dispatch softmax over the tokens.
    """

    taken: Tensor
    dropped: Tensor
    probabilities: Tensor

    @property
    def loads(self) -> Tensor:
        """Tokens that each expert or slot took, ``[batch, columns]``."""
        return self.taken.sum(1)


def routing(taken: Tensor, present: Tensor, probabilities: Tensor) -> Routing:
    """``taken`` of tokens that exist, and who of them was dropped."""
    taken = taken & present.unsqueeze(-1)
    return Routing(taken, present & ~taken.any(-1), probabilities)
