"""Soft MoE (Puigcerver et al. 2024) as functions of tokens and parameters, which ``torch.func.vmap`` stacks.

With logits ``l_ts`` of token t and slot s: dispatch ``D = softmax over tokens``, slots ``z_s = sum_t D_ts x_t``,
outputs ``f(z_s)`` of the slot's expert, combine ``C = softmax over slots``, and token t becomes ``sum_s C_ts f(z_s)``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import gelu, relu

from parrots.soft_moe.config import SoftMoeConfig
from theory.soft_moe.slots import EPSILON

_ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {"relu": relu, "gelu": gelu}


class Mixed(NamedTuple):
    """What a layer makes of its tokens, before the outputs are combined."""

    logits: Tensor
    """``[batch, T, S]``."""
    dispatch: Tensor
    """``[batch, T, S]``; sums to 1 over the tokens."""
    combine: Tensor
    """``[batch, T, S]``; sums to 1 over the slots."""
    slots: Tensor
    """``[batch, S, width]``, what the experts read."""
    outputs: Tensor
    """``[batch, S, width]``, what they make of it."""


def mix(x: Tensor, parameters: Mapping[str, Tensor], config: SoftMoeConfig) -> Mixed:
    """``x`` ``[batch, T, width]`` through dispatch and experts."""
    logits = slot_logits(x, parameters, config)
    dispatch = logits.softmax(1)
    slots = dispatch.mT @ x
    outputs = slot_outputs(slots, parameters, config.activation)
    return Mixed(logits, dispatch, logits.softmax(-1), slots, outputs)


def layer_output(mixed: Mixed) -> Tensor:
    """The layer's tokens ``[batch, T, width]``."""
    return mixed.combine @ mixed.outputs


def read_out(tokens: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
    """``[batch, T, width]`` -> ``[batch, outputs]``, linear in all tokens."""
    return tokens.flatten(1) @ parameters["readout"] + parameters["readout_bias"]


def predict(x: Tensor, parameters: Mapping[str, Tensor], config: SoftMoeConfig) -> Tensor:
    """``x`` ``[batch, T, width]`` -> ``[batch, outputs]``."""
    return read_out(layer_output(mix(x, parameters, config)), parameters)


def slot_logits(x: Tensor, parameters: Mapping[str, Tensor], config: SoftMoeConfig) -> Tensor:
    """``[batch, T, width]`` -> ``[batch, T, S]``."""
    vectors = parameters["slot_vectors"]
    if config.logits == "plain":
        return x @ vectors
    return parameters["scale"] * (unit(x, -1) @ unit(vectors, 0))


def unit(vectors: Tensor, dim: int) -> Tensor:
    """``vectors`` over their length along ``dim``; the zero vector stays zero."""
    return vectors * (vectors.square().sum(dim, keepdim=True) + EPSILON).rsqrt()


def slot_outputs(slots: Tensor, parameters: Mapping[str, Tensor], activation: str = "relu") -> Tensor:
    """``slots`` ``[batch, S, width]``, those of one expert side by side -> what the experts make of them, same shape.

    An expert is ``W2 activation(W1 z + b1) + b2``; ``parameters`` without ``inner_bias`` and ``outer_bias`` have none.
    """
    n = parameters["inner"].shape[0]
    by_expert = slots.unflatten(1, (n, -1)).transpose(0, 1).flatten(1, 2)  # [n, batch * slots of one expert, width]
    hidden = _ACTIVATIONS[activation](_linear(by_expert, parameters, "inner"))
    outputs = _linear(hidden, parameters, "outer")
    return outputs.unflatten(1, (slots.shape[0], -1)).transpose(0, 1).flatten(1, 2)


def _linear(rows: Tensor, parameters: Mapping[str, Tensor], name: str) -> Tensor:
    bias = parameters.get(f"{name}_bias")
    if bias is None:
        return rows @ parameters[name]
    return torch.baddbmm(bias.unsqueeze(1), rows, parameters[name])
