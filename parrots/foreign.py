"""torch's own one-layer transformer as a table that bounds, protocol, certifier and refuter work on."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.special import erf
from torch import Tensor, nn

from theory.errors import InputError
from theory.foreign import ErrorBound, attention_table, state_bound
from theory.table import Array, ForeignBlock, OneLayerTable


def from_encoder_layer(
    layer: nn.TransformerEncoderLayer,
    edges: Tensor,
    null: Tensor | None,
    query: Tensor,
    readout: Tensor,
    bias: float = 0.0,
    edge_slots: int | None = None,
) -> OneLayerTable:
    """The table of ``layer`` over edge tokens, read at the query: logit ``<readout, output at the query> + bias``.

    ``edges`` ``[2r, M]`` embeds the r edges (s, i), then the r edges (i, d); ``null`` ``[M]`` fills a slot without an
    edge, or None if such slots are masked; ``query`` ``[M]`` is one more token, in any place.  No token depends on its
    slot (no position code).  Weights are taken as they are and the arithmetic from here on is float64; dropout is off.

    Raises:
        InputError: shapes that do not fit together, weights that are not finite, or an activation other than ReLU and
            GELU.
    """
    _check(layer, edges, query if null is None else null, query, readout)
    exact = deepcopy(layer).double().eval()
    tokens_TM = _array(torch.cat((edges, (query if null is None else null)[None], query[None])))
    attention = exact.self_attn
    inputs_TM = _norm(exact.norm1)(tokens_TM) if exact.norm_first else tokens_TM
    H, D = attention.num_heads, attention.embed_dim
    projections = _array(attention.in_proj_weight).reshape(3, D, D)
    biases = np.zeros((3, D)) if attention.in_proj_bias is None else _array(attention.in_proj_bias).reshape(3, D)
    keys_TD, values_TD = (inputs_TM @ projections[i].T + biases[i] for i in (1, 2))
    query_D = inputs_TM[-1] @ projections[0].T + biases[0]
    logits_TH = (keys_TD * query_D).reshape(-1, H, D // H).sum(2) / (D // H) ** 0.5
    mix_DM = _array(attention.out_proj.weight).T
    out_bias = attention.out_proj.bias
    residual_M = tokens_TM[-1] + (0.0 if out_bias is None else _array(out_bias))
    block = _AfterAttention(exact, _array(readout), bias)
    # A head's largest logit over all tokens is a constant of the model: no graph changes the scale.
    weights_TH = np.exp(logits_TH - logits_TH.max(0))
    if null is None:
        weights_TH[-2] = 0.0
    table = attention_table(values_TD, weights_TH, mix_DM, residual_M, ForeignBlock(block, error=0.0), edge_slots)
    return replace(table, block=ForeignBlock(block, block.bound(state_bound(table)).error))


def _check(layer: nn.TransformerEncoderLayer, edges: Tensor, *vectors: Tensor) -> None:
    """``vectors`` are the null token, the query and the read-out."""
    if not isinstance(layer, nn.TransformerEncoderLayer):
        raise InputError(f"a {type(layer).__name__}: give one torch.nn.TransformerEncoderLayer.")
    D = layer.self_attn.embed_dim
    if edges.ndim != 2 or len(edges) % 2 or any(x.shape != (D,) for x in (*edges[:1], *vectors)):
        shapes = ", ".join(str(tuple(x.shape)) for x in (edges, *vectors))
        raise InputError(f"edges, null, query and read-out of shapes {shapes}: give [2r, {D}] and three of [{D}].")
    if not all(bool(torch.isfinite(x).all()) for x in (*layer.parameters(), edges, *vectors)):
        raise InputError("the layer or a token holds numbers that are not finite: train it again.")


@dataclass(frozen=True)
class _Norm:
    gain_M: Array
    shift_M: Array
    eps: float

    def __call__(self, x_BM: Array) -> Array:
        centred_BM = x_BM - x_BM.mean(1, keepdims=True)
        root_B1 = np.sqrt((centred_BM**2).mean(1, keepdims=True) + self.eps)
        return np.asarray(centred_BM / root_B1 * self.gain_M + self.shift_M)

    def bound(self, x: ErrorBound) -> ErrorBound:
        return x.normalised(self.gain_M, self.shift_M, self.eps)


def _norm(norm: nn.LayerNorm) -> _Norm:
    """A layer norm; without weights its gain is 1 and its shift 0."""
    M = norm.normalized_shape[0]
    gain_M = np.ones(M) if norm.weight is None else _array(norm.weight)
    return _Norm(gain_M, np.zeros(M) if norm.bias is None else _array(norm.bias), norm.eps)


@dataclass(frozen=True)
class _Activation:
    function: Callable[[Array], Array]
    slope: float
    """The largest, in absolute value."""
    roundings: int


_RELU = _Activation(lambda x: np.maximum(x, 0.0), 1.0, 0)
# Its slope is largest, 1.1290, at x = sqrt(2); erf errs by less than 4 u.
_GELU = _Activation(lambda x: np.asarray(0.5 * x * (1 + erf(x / 2**0.5))), 1.13, 8)


def _activation(layer: nn.TransformerEncoderLayer) -> _Activation:
    if layer.activation_relu_or_gelu == 1:
        return _RELU
    if layer.activation_relu_or_gelu == 2 and getattr(layer.activation, "approximate", "none") == "none":
        return _GELU
    raise InputError(
        "the layer's activation is neither relu nor gelu (erf): give one of these, or build the table with "
        "theory.foreign.attention_table and a ForeignBlock of your own."
    )


class _AfterAttention:
    """Residual, norms and feed-forward of an encoder layer, then the read-out: states ``[batch, M]`` to logits."""

    def __init__(self, layer: nn.TransformerEncoderLayer, readout_M: Array, bias: float) -> None:
        self.norm_first = layer.norm_first
        self.norms = (_norm(layer.norm1), _norm(layer.norm2))
        self.activation = _activation(layer)
        self.inner = _linear(layer.linear1)
        self.outer = _linear(layer.linear2)
        self.readout_M, self.bias = readout_M, bias

    def __call__(self, x_BM: Array) -> Array:
        first, second = self.norms
        if self.norm_first:
            out_BM = x_BM + self._feed_forward(second(x_BM))
        else:
            y_BM = first(x_BM)
            out_BM = second(y_BM + self._feed_forward(y_BM))
        return np.asarray(out_BM @ self.readout_M + self.bias)

    def _feed_forward(self, x_BM: Array) -> Array:
        hidden_BF = self.activation.function(x_BM @ self.inner[0] + self.inner[1])
        return np.asarray(hidden_BF @ self.outer[0] + self.outer[1])

    def bound(self, x: ErrorBound) -> ErrorBound:
        """The same steps on bounds: of the logit's size and of its error."""
        first, second = self.norms
        if self.norm_first:
            out = x.plus(self._feed_forward_bound(second.bound(x)))
        else:
            y = first.bound(x)
            out = second.bound(y.plus(self._feed_forward_bound(y)))
        return out.linear(self.readout_M[:, None], self.bias)

    def _feed_forward_bound(self, x: ErrorBound) -> ErrorBound:
        hidden = x.linear(*self.inner).activated(self.activation.slope, self.activation.roundings)
        return hidden.linear(*self.outer)


def _linear(layer: nn.Linear) -> tuple[Array, Array]:
    """Matrix ``[in, out]`` and bias ``[out]``."""
    return _array(layer.weight).T, np.zeros(layer.out_features) if layer.bias is None else _array(layer.bias)


def _array(tensor: Tensor) -> Array:
    return np.array(tensor.detach().cpu().double().numpy())
