"""ReLU experts ``f_k(x) = W2_k relu(W1_k x + b1_k) + b2_k``, for rows that chose them."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from parrots.grouped import grouped_linear


def gated_sum(x: Tensor, gates: Tensor, taken: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
    """``sum over k of gates[:, k] f_k(x)`` over the experts that took the row, ``[batch, width]``.

    ``x`` ``[batch, width]``; ``gates`` and boolean ``taken`` ``[batch, K]``.  A row is computed once for each expert
    that took it, in one grouped product; a row that none took is 0.
    """
    expert, row = taken.mT.nonzero(as_tuple=True)  # sorted by expert
    hidden = grouped_linear(x.index_select(0, row), parameters["inner"], parameters["inner_bias"], expert).relu()
    outputs = grouped_linear(hidden, parameters["outer"], parameters["outer_bias"], expert)
    return torch.zeros_like(x).index_add(0, row, outputs * gates[row, expert].unsqueeze(-1))
