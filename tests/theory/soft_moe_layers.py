"""Soft MoE layers for tests: random slot vectors, and a layer written out in loops at 60 digits."""

from __future__ import annotations

import mpmath
import numpy as np

from theory.soft_moe import SlotVectors

Numbers = np.ndarray


def naive(x: Numbers, slots: SlotVectors) -> tuple[list[list[mpmath.mpf]], list[list[mpmath.mpf]]]:
    """Slots ``[S][d]`` and combine weights ``[T][S]``, written out."""
    tokens = [[mpmath.mpf(float(value)) for value in row] for row in x]
    vectors = [[mpmath.mpf(float(value)) for value in column] for column in slots.vectors.T]

    def unit(vector: list[mpmath.mpf]) -> list[mpmath.mpf]:
        length = mpmath.sqrt(sum(value**2 for value in vector) + mpmath.mpf(1e-6))
        return [value / length for value in vector]

    seen = [unit(token) for token in tokens] if slots.normalised else tokens
    keys = [unit(vector) for vector in vectors] if slots.normalised else vectors
    scale = mpmath.mpf(slots.scale) if slots.normalised else 1
    powers = [[mpmath.exp(scale * sum(p * q for p, q in zip(t, k, strict=True))) for k in keys] for t in seen]
    sums = [sum(row[s] for row in powers) for s in range(len(keys))]
    means = [
        [sum(powers[t][s] * tokens[t][j] for t in range(len(tokens))) / sums[s] for j in range(len(tokens[0]))]
        for s in range(len(keys))
    ]
    return means, [[power / sum(row) for power in row] for row in powers]


def differences(first: Numbers, second: Numbers, slots: SlotVectors) -> tuple[float, float]:
    with mpmath.workdps(60):
        one, other = naive(first, slots), naive(second, slots)
        return tuple(
            float(max(abs(p - q) for left, right in zip(a, b, strict=True) for p, q in zip(left, right, strict=True)))
            for a, b in zip(one, other, strict=True)
        )


def gaussian(seed: int, width: int, count: int, logits: str = "plain", scale: float = 1.0) -> SlotVectors:
    return SlotVectors(np.random.default_rng(seed).normal(size=(width, count)), logits, scale)
