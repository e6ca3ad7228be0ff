"""The pairs of :mod:`theory.soft_moe` on a model: its slot vectors and experts as numbers, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from parrots.soft_moe.layer import predict
from parrots.soft_moe.model import SoftMoe
from theory.balls import above, largest
from theory.soft_moe import Experts, SlotVectors, Witness, read_outs

MOST_PRODUCTS = 4_000_000
"""Multiplications up to which read-outs are enclosed: about a second an input."""


@dataclass(frozen=True)
class Told:
    """What a model answers on the two inputs of a witness."""

    first: tuple[float, ...]
    """``[outputs]``, in float64."""
    second: tuple[float, ...]
    differ: float
    """Largest difference of the two, as computed in float64."""
    at_most: float | None
    """A proved bound on it in exact arithmetic; None for a model too large for balls."""


def slot_vectors(model: SoftMoe) -> SlotVectors:
    """The slot vectors of ``model``, and its scale, as they are."""
    weights = model.weights()
    scale = float(weights["scale"].detach()) if model.config.logits == "normalised" else 1.0
    return SlotVectors(_array(weights["slot_vectors"]), model.config.logits, scale)


def experts(model: SoftMoe) -> Experts:
    """Experts and read-out of ``model`` as float64 arrays; biases it does not have are 0."""
    config = model.config
    weights = {name: _array(value) for name, value in model.weights().items()}
    return Experts(
        inner=weights["inner"],
        inner_bias=weights.get("inner_bias", np.zeros((config.experts, config.hidden))),
        outer=weights["outer"],
        outer_bias=weights.get("outer_bias", np.zeros((config.experts, config.width))),
        readout=weights["readout"],
        readout_bias=weights["readout_bias"],
        activation=config.activation,
    )


def told(model: SoftMoe, witness: Witness) -> Told:
    """The answers of ``model`` to both inputs of ``witness``, computed in float64 and, if it is small, enclosed."""
    pair = torch.from_numpy(np.stack((witness.first, witness.second)))
    with torch.no_grad():
        first, second = predict(pair, {name: x.double() for name, x in model.weights().items()}, model.config)
    return Told(
        tuple(first.tolist()), tuple(second.tolist()), float((first - second).abs().max()), _enclosed(model, witness)
    )


def _enclosed(model: SoftMoe, witness: Witness) -> float | None:
    slots, numbers = slot_vectors(model), experts(model)
    if numbers.products(slots.count) > MOST_PRODUCTS:
        return None
    first, second = read_outs(witness.first, witness.second, slots, numbers)
    return above(largest([abs(x - y) for x, y in zip(first, second, strict=True)]))


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().double().numpy()
