"""Directions in token space that slots cannot use: unseen by all of them, or seen alike by all of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from flint import arb, arb_mat, fmpq, fmpz

from theory.balls import precision
from theory.soft_moe.rational import Basis, basis, integers, level_vector, null_vector
from theory.soft_moe.slots import SlotVectors

BITS = 256
"""Precision of a direction and of what is computed from it."""
_MOST_BITS = 4096


@dataclass(frozen=True)
class Direction:
    """A unit vector ``v``, enclosed, with ``<v, theta_s> = c`` for every slot s exactly."""

    vector: tuple[arb, ...]
    """``[d]``."""
    level: arb
    """c >= 0; 0 where the vector is orthogonal to all slot vectors."""


def unseen(slots: SlotVectors) -> Direction | None:
    """A direction orthogonal to all slot vectors, or None if they span the space; decided in exact arithmetic.

    Source: this project, ``own-soft-orthogonal``.
    """
    if slots.normalised and slots.scale == 0:
        vector: list[fmpq] | None = [fmpq(1)] + [fmpq(0)] * (slots.width - 1)
    else:
        vector = null_vector(integers(slots.vectors.T)[0])
    if vector is None:
        return None
    with precision(BITS):
        unit, _ = _unit([arb(x) for x in vector])
        return Direction(unit, arb(0))


def level(slots: SlotVectors) -> Direction | None:
    """A direction with one inner product ``c > 0`` with all slot vectors, or None if none was found.

    Plain logits: None says that there is none or that :func:`unseen` finds one; decided in exact arithmetic.
    Normalised logits: the vectors are irrational.  A direction is only given where it is proved, which is where the
    distinct slot vectors are linearly independent.

    Source: this project, ``own-soft-few-slots``.
    """
    return _level_of_normalised(slots) if slots.normalised else _level_of_plain(slots)


def _level_of_plain(slots: SlotVectors) -> Direction | None:
    matrix, exponent = integers(slots.vectors.T)
    vector = level_vector(matrix, fmpz(1))
    if vector is None:
        return None
    with precision(BITS):
        unit, norm = _unit([arb(x) for x in vector])
        return Direction(unit, arb(2) ** exponent / norm)


def _level_of_normalised(slots: SlotVectors) -> Direction | None:
    if slots.scale == 0:
        return None
    distinct = np.unique(slots.vectors, axis=1)
    part = basis(integers(distinct.T)[0])
    if part.rank < distinct.shape[1]:
        return None
    rows = SlotVectors(distinct, "normalised", slots.scale)
    bits = BITS
    while bits <= _MOST_BITS:
        with precision(bits):
            found = _solved(rows.effective(), part, slots.width)
        if found is not None:
            return found
        bits *= 2
    return None


def _solved(rows: arb_mat, part: Basis, width: int) -> Direction | None:
    square = arb_mat([[rows[row, column] for column in part.columns] for row in part.rows])
    try:
        solution = square.solve(arb_mat([[1]] * part.rank))
    except ZeroDivisionError:  # not told from a singular one at this precision
        return None
    vector = [arb(0)] * width
    for index, column in enumerate(part.columns):
        vector[column] = solution[index, 0]
    unit, norm = _unit(vector)
    if not norm > 0 or any(x.rad() > norm * arb(2) ** (-BITS // 2) for x in vector):
        return None
    return Direction(unit, 1 / norm)


def _unit(vector: list[arb]) -> tuple[tuple[arb, ...], arb]:
    norm = sum((x * x for x in vector), arb(0)).sqrt()
    return tuple(x / norm for x in vector), norm
