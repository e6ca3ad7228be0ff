"""Where the impossibility ends: many slots, plain logits, one expert (S3)."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import product

import numpy as np
from flint import arb

from theory.balls import ball, precision
from theory.bounds.enclosure import Enclosure
from theory.errors import InputError
from theory.soft_moe.slots import Array

_BITS = 128


@dataclass(frozen=True)
class Cover:
    """Unit vectors of which every unit vector has an inner product of at least ``kappa`` with one."""

    directions: Array
    """``[d, S]``, rounded to float64."""
    kappa: Enclosure
    """For the unrounded vectors."""


def evenly_spread(slots: int) -> Cover:
    """``S`` directions in the plane, an angle of ``2 pi / S`` apart: ``kappa = cos(pi / S)``.

    Raises:
        InputError: no slot.
    """
    if slots < 1:
        raise InputError(f"{slots} slots: give 1 or more.")
    angles = 2 * np.pi * np.arange(slots) / slots
    return Cover(np.array([np.cos(angles), np.sin(angles)]), _planar(slots))


def grid(width: int, steps: int) -> Cover:
    """Directions of the integer points whose largest absolute coordinate is ``steps`` = k: :func:`grid_slots` of them.

    ``kappa >= sqrt(1 - d / (4 k^2))``, of which the enclosure is.

    Raises:
        InputError: no width, ``4 k^2 <= d``, for which nothing is proved, or too many points to list.
    """
    if width < 1 or 4 * steps**2 <= width:
        raise InputError(f"{steps} steps in {width} dimensions: give at least 1 dimension and 4 steps^2 > width.")
    if (2 * steps + 1) ** width > 2**22:
        raise InputError(f"{(2 * steps + 1) ** width} integer points: give fewer steps or a smaller width.")
    points = np.array([x for x in product(range(-steps, steps + 1), repeat=width) if max(map(abs, x)) == steps], float)
    return Cover((points / np.linalg.norm(points, axis=1, keepdims=True)).T, _grid(width, steps))


def axes(width: int) -> Cover:
    """Both directions of every axis: ``kappa = 1 / sqrt(d)``, since some coordinate has ``|x_j| >= |x| / sqrt(d)``."""
    return Cover(np.concatenate([np.eye(width), -np.eye(width)], axis=1), _axes(width))


def grid_slots(width: int, steps: int) -> int:
    """``(2k+1)^d - (2k-1)^d`` for ``steps`` = k; parallel directions count one by one."""
    return (2 * steps + 1) ** width - (2 * steps - 1) ** width


def best_kappa(width: int, slots: int) -> Enclosure | None:
    """The largest kappa of these with at most ``slots`` directions, or None if no kappa above 0 is known."""
    if width == 2:
        return _planar(slots) if slots > 2 else None
    known = [_axes(width)] if slots >= 2 * width else []
    steps = 0
    while grid_slots(width, steps + 1) <= slots and width > 1:
        steps += 1
    if 4 * steps**2 > width:
        known.append(_grid(width, steps))
    return max(known, key=lambda kappa: kappa.low, default=None)


def _planar(slots: int) -> Enclosure:
    with precision(_BITS):
        return _enclosure((arb.pi() / slots).cos())


def _grid(width: int, steps: int) -> Enclosure:
    with precision(_BITS):
        return _enclosure((1 - ball(Fraction(width, 4 * steps**2))).sqrt())


def _axes(width: int) -> Enclosure:
    with precision(_BITS):
        return _enclosure(1 / arb(width).sqrt())


def largest_norm_error(kappa: Enclosure, tokens: int, slots: int, beta: Fraction, norm: Fraction) -> Enclosure:
    """``(1 - kappa) t + ln(T S) / beta``: by how much the layer with the expert ``|z| e_1`` is below the largest norm.

    Args:
        kappa: covering constant of the slots' directions; the bound grows as it falls.
        tokens: T.
        slots: S.
        beta: norm of every slot vector.
        norm: t, the largest norm of a token.

    Source: this project, ``own-soft-many-slots``.
    """
    with precision(_BITS):
        softness = _enclosure(arb(tokens * slots).log() / ball(beta))
    return norm * (Enclosure.exact(1) - kappa) + softness


def _enclosure(number: arb) -> Enclosure:
    low, high = number.lower().fmpq(), number.upper().fmpq()
    return Enclosure(Fraction(int(low.p), int(low.q)), Fraction(int(high.p), int(high.q)))
