"""Trained models on the pairs of inputs that no layer with their slot vectors tells apart."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from experiments.studies.soft_moe.targets import TARGETS
from parrots.soft_moe import SoftMoe, predict
from parrots.soft_moe.witness import slot_vectors
from theory.soft_moe import SlotVectors, Verdict, witnesses

GROWTHS = 5
"""Times that a pair is stretched towards the sphere of radius R, which it approaches from within."""


def on_witnesses(model: SoftMoe, target: str, radius: float) -> list[dict[str, Any]]:
    """What every statement that covers ``model`` says of it and of inputs of Frobenius norm at most R.

    With a pair: ``line``, half the difference of the target on it, and so the least error of any layer that gives both
    inputs one output; ``gap``, by how much the outputs of this one differ, as computed in float64; ``error``, the
    larger of its two errors.  All in R.
    """
    slots, tokens = slot_vectors(model), model.config.tokens
    found: list[dict[str, Any]] = []
    for verdict in witnesses(slots, tokens, radius / tokens):
        if verdict.covers:
            pair = _stretched(verdict, slots, tokens, radius)
            found.append({"statement": verdict.statement, **({} if pair is None else _on(pair, model, target, radius))})
    return found


def _stretched(verdict: Verdict, slots: SlotVectors, tokens: int, radius: float) -> Tensor | None:
    """The statement's pair ``[2, T, d]`` at nearly the largest size that the ball holds; None if it gives none.

    The larger input of a pair grows with the pair's size, and at most in proportion to it.
    """
    size, pair = radius / tokens, _pair(verdict)
    for _ in range(GROWTHS if pair is not None else 0):
        assert pair is not None
        size *= radius / pair.square().sum((1, 2)).sqrt().max().item()
        (grown,) = (one for one in witnesses(slots, tokens, size) if one.statement == verdict.statement)
        pair = _pair(grown)
    return pair


def _pair(verdict: Verdict) -> Tensor | None:
    witness = verdict.witness
    return None if witness is None else torch.stack([torch.from_numpy(x) for x in (witness.first, witness.second)])


def _on(pair: Tensor, model: SoftMoe, target: str, radius: float) -> dict[str, float]:
    truth = TARGETS[target].function(pair, radius)
    with torch.no_grad():
        output = predict(pair, {name: x.double() for name, x in model.weights().items()}, model.config)[:, 0]
    (line, gap), error = ((values[0] - values[1]).abs() / radius for values in (truth, output)), output - truth
    return {"line": line.item() / 2, "gap": gap.item(), "error": (error.abs().max() / radius).item()}
