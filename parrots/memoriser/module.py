"""The memoriser's weights: tokens -> uniform attention -> router -> one expert -> label."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from parrots.grouped import grouped_linear
from parrots.routing import Routing, route
from theory import accounting
from theory.memorisation import ZigZags


class Reader(nn.Module):
    """Uniform attention read in one direction: state x = mean of the tokens ``[batch, m]``, reading t = <u, x>."""

    def __init__(self, direction: NDArray[np.float64]) -> None:
        super().__init__()
        self.direction = _weight(direction)

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """``[batch, N, m]`` -> x ``[batch, m]``, t ``[batch]``."""
        x = tokens.mean(-2)
        return x, x @ self.direction

    def with_size(self, tokens: Tensor) -> Tensor:
        """t, and the same sum of absolute values, to which t's rounding error is in proportion: ``[2, batch]``."""
        return torch.stack([self(tokens)[1], tokens.abs().mean(-2) @ self.direction.abs()])


class LineRouter(nn.Module):
    """Rank one: logits ``slope_k t + bias_k``."""

    def __init__(self, slopes: NDArray[np.float64], biases: NDArray[np.float64]) -> None:
        super().__init__()
        self.slopes, self.biases = _weight(slopes), _weight(biases)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """``[batch, K]``."""
        return torch.addcmul(self.biases, t.unsqueeze(-1), self.slopes)


class DirectionRouter(nn.Module):
    """A row of R^m for each expert: logits ``<row_k, x> + bias_k``; without ``biases`` there is none."""

    def __init__(self, rows: NDArray[np.float64], biases: NDArray[np.float64] | None = None) -> None:
        super().__init__()
        self.rows = _weight(rows)
        self.biases = None if biases is None else _weight(biases)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """``[batch, K]``."""
        return nn.functional.linear(x, self.rows, self.biases)


RouterModule = LineRouter | DirectionRouter


class Memoriser(nn.Module):
    """One layer, one head, K experts of F units, top-1; the label is the sign of the logit.

    An expert is ``W2 relu(W1 t + b1) + b2`` of the reading t alone.  The gate of the chosen expert is its softmax
    probability: positive, so that it changes no label.  Without a router there is one expert.
    """

    def __init__(self, reader: Reader, router: RouterModule | None, experts: ZigZags) -> None:
        super().__init__()
        self.reader, self.router = reader, router
        used = experts.weights != 0
        self.inner = _weight(used.astype(np.float64)[:, None, :])
        self.inner_bias = _weight(-experts.thresholds)
        self.outer = _weight(experts.weights[:, :, None])
        self.outer_bias = _weight(experts.biases[:, None])

    @property
    def experts(self) -> int:
        """K."""
        return self.outer_bias.shape[0]

    @property
    def hidden(self) -> int:
        """F."""
        return self.inner.shape[-1]

    def forward(self, tokens: Tensor) -> Tensor:
        """``[batch, N, m]`` -> logits ``[batch]``."""
        return self.answer(tokens)[0]

    def answer(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Logits and chosen experts, ``[batch]`` each."""
        x, t = self.reader(tokens)
        routing = choose(self.router, x, t)
        chosen = routing.experts.squeeze(-1)
        return routing.gates.squeeze(-1) * self._outputs(t, chosen), chosen

    def _outputs(self, t: Tensor, chosen: Tensor) -> Tensor:
        """Each reading through its expert, ``[batch]``."""
        if not self.hidden:  # no expert has a label change: constants, for which the grouped product has no kernel
            return self.outer_bias[chosen, 0]
        ordered, order = chosen.sort(stable=True)
        hidden = grouped_linear(t[order].unsqueeze(-1), self.inner, self.inner_bias, ordered).relu_()
        outputs = torch.empty_like(t)
        outputs[order] = grouped_linear(hidden, self.outer, self.outer_bias, ordered).squeeze(-1)
        return outputs

    def stored(self) -> accounting.Stored:
        """Parameters and bits, counted from the tensors."""
        shared = {name: _array(value) for name, value in self.named_parameters() if "." in name}
        units = {name: _array(getattr(self, name)).reshape(self.experts, -1) for name in _UNITS}
        return accounting.stored(shared, {"outer_bias": _array(self.outer_bias)}, units, units["outer"] != 0)


_UNITS = ("inner", "inner_bias", "outer")
"""Tensors with a number for each hidden unit."""


def choose(router: RouterModule | None, x: Tensor, t: Tensor) -> Routing:
    """The expert of each sequence; without a router the only one."""
    return route(t.new_zeros(len(t), 1) if router is None else router(x, t), top_k=1)


def _weight(array: NDArray[np.float64]) -> nn.Parameter:
    return nn.Parameter(torch.from_numpy(np.ascontiguousarray(array)), requires_grad=False)


def _array(tensor: Tensor) -> NDArray[np.float64]:
    return tensor.detach().double().cpu().numpy()
