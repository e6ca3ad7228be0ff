"""Two inputs of one output: the pairs of S1, S2 and S4."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from flint import arb, arb_mat

from theory.balls import precision
from theory.soft_moe.directions import BITS, Direction
from theory.soft_moe.slots import EPSILON, Array, SlotVectors

SHARE = 100
"""In the collinear pair the mean token is this many times as long as the shortest."""


@dataclass(frozen=True)
class Pair:
    """Two inputs, exactly."""

    first: arb_mat
    """``[T, d]``, enclosed to about :data:`BITS` bits."""
    second: arb_mat

    def rounded(self) -> tuple[Array, Array]:
        """Both as float64 ``[T, d]``."""
        return _floats(self.first), _floats(self.second)


def orthogonal_pair(direction: Direction, tokens: int, size: float) -> Pair:
    """``(L v, -L v, 0, ..., 0)`` and 0, with ``L = size``; for a direction that no slot sees (S1)."""
    with precision(BITS):
        return _opposite(direction, arb(size), arb(size), tokens)


def balanced_pair(direction: Direction, slots: SlotVectors, tokens: int, size: float) -> Pair:
    """``(a v, -L v, 0, ..., 0)`` and 0, with ``L = size``; for a direction that all slots see alike (S2)."""
    with precision(BITS):
        return _opposite(direction, balance(direction.level, size, slots), arb(size), tokens)


def collinear_pair(slots: SlotVectors, tokens: int, size: float) -> Pair:
    """``(L - (T - 1) l, l, ..., l) u`` and ``(L/T, ..., L/T) u``, ``L = T size`` and ``l = size / SHARE`` (S4).

    The unit vector u is the axis along which the largest logit is smallest: eps > 0 then shows least.
    """
    with precision(BITS):
        seen = np.array([[abs(float(x)) for x in row] for row in slots.effective().tolist()])
        axis = int(seen.max(0).argmin())
        shortest = arb(size) / SHARE
        uneven = [tokens * arb(size) - (tokens - 1) * shortest] + [shortest] * (tokens - 1)
        return Pair(*(_along(axis, sizes, slots.width) for sizes in (uneven, [arb(size)] * tokens)))


def balance(c: arb, size: float, slots: SlotVectors) -> arb:
    """The norm a of the first token that makes every slot 0: ``a e^{g(a)} = L e^{-g(L)}``, ``L = size``, enclosed.

    The logit of a token of norm x is ``g(x) = c x``, or ``c x / sqrt(x^2 + eps)`` if logits are normalised.
    """
    if c == 0:
        return arb(size)
    if not slots.normalised:
        return (c * size * (-c * size).exp()).lambertw() / c

    def logit(x: arb) -> arb:
        return c * x / (x * x + arb(EPSILON)).sqrt()

    goal = arb(size).log() - logit(arb(size))
    return _root(lambda y: y + logit(y.exp()) - goal, goal - c, arb(size).log()).exp()


def _root(function: Callable[[arb], arb], low: arb, high: arb) -> arb:
    """The zero of a growing function that is at most 0 at ``low`` and at least 0 at ``high``, by bisection."""
    low, high = low.lower(), high.upper()
    for _ in range(2 * BITS):
        middle = ((low + high) / 2).mid()
        value = function(middle)
        if value < 0:
            low = middle
        elif value > 0:
            high = middle
        else:
            break
    return low.union(high)


def _opposite(direction: Direction, first: arb, second: arb, tokens: int) -> Pair:
    rows = [[first * x for x in direction.vector], [-second * x for x in direction.vector]]
    width = len(direction.vector)
    rest = [[arb(0)] * width] * (tokens - 2)
    return Pair(arb_mat(rows + rest), arb_mat(tokens, width))


def _along(axis: int, sizes: Sequence[arb], width: int) -> arb_mat:
    return arb_mat([[size if column == axis else arb(0) for column in range(width)] for size in sizes])


def _floats(matrix: arb_mat) -> Array:
    return np.array([[float(x) for x in row] for row in matrix.tolist()])
