"""The proof by cases, carried out on the weights of a model: right on every input, or which cases fail.

By :mod:`~parrots.constructions.structure` the logit is a constant plus one function of each coordinate, and each
coordinate depends on the counts of its own g intermediates alone.  So ``3^g`` values a coordinate are all there are.  A
coordinate says "path" in a case with a count of 2; the input's answer is yes iff one of its coordinates does.  All
numbers are multiples of a power of two, so the cases are evaluated in integers.  What float32 may add is bounded in
:mod:`~parrots.constructions.floats`, and is 0 where all its operations are exact.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from torch import nn

from parrots.constructions.floats import EXACT_INTEGERS, Units, logit_error
from parrots.constructions.structure import Coordinate, read
from theory.bounds.softmax import is_power_of_two

FINEST = 20
"""Weights must be multiples of 2^-20, so that cases fit 64-bit integers."""


@dataclass(frozen=True)
class Proof:
    """The result: a model is right on every input iff ``wrong`` is 0 (given ``broken``, nothing was evaluated).

    ``cases`` counts the values of coordinates that were evaluated, ``wrong`` those that some input completes to a wrong
    answer (or to one that rounding could make wrong), ``error`` bounds the float32 error of the logit over all inputs.
    """

    cases: int
    wrong: int
    error: Fraction
    broken: tuple[str, ...]


@dataclass(frozen=True)
class _Cases:
    """All values of one coordinate, ``[3^g]``: ``value`` of f in units of 4^-shift, and whether it means a ``path``.

    ``positive`` and ``negative``: the largest sums of the terms of either sign; ``grain``: the power of two that all
    terms are multiples of; ``exact``: whether float32 holds the state and all preactivations.
    """

    value: NDArray[np.int64]
    path: NDArray[np.bool_]
    units: Units
    exact: bool
    positive: Fraction
    negative: Fraction
    grain: Fraction

    @property
    def highest_without(self) -> int:
        return int(self.value[~self.path].max())

    @property
    def lowest(self) -> int:
        return int(self.value.min())


def prove(model: nn.Module) -> Proof:
    """Exhaust every coordinate of ``model``, at its own number of tokens N (every power of two is alike)."""
    structure = read(model)
    if structure.broken:
        return Proof(0, len(structure.broken), Fraction(0), structure.broken)
    shift = _shift(structure.coordinates, structure.constant)
    if shift is None:
        return Proof(0, 1, Fraction(0), (f"weights are multiples of 2^-{FINEST} and of moderate size",))
    parts = [_evaluate(coordinate, shift) for coordinate in structure.coordinates]
    error = _float_error(parts, structure.tokens)
    # In units of 4^-shift, rounded away from the decision.
    constant, slack = _in_units(Fraction(structure.constant), shift), math.ceil(error * 4**shift)
    highest = sum(part.highest_without for part in parts)
    lowest = sum(part.lowest for part in parts)
    wrong = 0
    for part in parts:
        could_say_yes = constant + part.value + (highest - part.highest_without) + slack >= 0
        could_say_no = constant + part.value + (lowest - part.lowest) - slack < 0
        wrong += int(np.where(part.path, could_say_no, could_say_yes).sum())
    return Proof(sum(len(part.value) for part in parts), wrong, error, ())


def counts_of(digits: int) -> NDArray[np.int64]:
    """All counts of ``digits`` intermediates, ``[3^digits, digits]``."""
    return np.arange(3**digits)[:, None] // 3 ** np.arange(digits) % 3


def _evaluate(coordinate: Coordinate, shift: int) -> _Cases:
    """``relu`` in units of 2^-shift, its product with a weight in units of 4^-shift."""
    counts = counts_of(len(coordinate.digits))
    state = counts @ coordinate.digits
    scales, biases, weights = (
        np.round(np.ldexp(part, shift)).astype(np.int64)
        for part in (coordinate.scales, coordinate.biases, coordinate.weights)
    )
    hidden = np.maximum(state[:, None] * scales + biases, 0)
    terms = hidden * weights
    positive = terms.clip(min=0).sum(axis=1).max(initial=0)
    negative = -terms.clip(max=0).sum(axis=1).min(initial=0)
    pre_largest = int(np.abs(scales).max(initial=0)) * int(state.max(initial=0)) + int(np.abs(biases).max(initial=0))
    pre_grain = _grain([scales, biases])
    return _Cases(
        value=terms.sum(axis=1),
        path=(counts == 2).any(axis=1),
        units=Units(
            count=len(weights),
            largest=int(state.max(initial=0)),
            weighted_scale=Fraction(int(np.abs(weights * scales).sum()), 4**shift),
            weighted_bias=Fraction(int(np.abs(weights * biases).sum()), 4**shift),
            weighted_value=Fraction(int(np.abs(terms).sum(axis=1).max(initial=0)), 4**shift),
        ),
        exact=int(state.max(initial=0)) <= EXACT_INTEGERS and pre_largest <= EXACT_INTEGERS * pre_grain,
        positive=Fraction(int(positive), 4**shift),
        negative=Fraction(int(negative), 4**shift),
        grain=Fraction(_grain([terms]), 4**shift),
    )


def _float_error(parts: Sequence[_Cases], tokens: int) -> Fraction:
    """0 where every float32 operation is exact in any order, else the general bound."""
    grain = min((part.grain for part in parts), default=Fraction(1))
    reach = max(sum(part.positive for part in parts), sum(part.negative for part in parts))
    exact = is_power_of_two(tokens) and all(part.exact for part in parts) and reach <= EXACT_INTEGERS * grain
    return Fraction(0) if exact else logit_error(tokens, [part.units for part in parts])


def _shift(coordinates: Sequence[Coordinate], constant: float) -> int | None:
    """The least s such that all weights are multiples of 2^-s, or None if that is too fine or the numbers too large."""
    numbers = [np.array([constant])]
    for part in coordinates:
        numbers += [part.scales, part.biases, part.weights]
    every = np.concatenate(numbers)
    shift = next((s for s in range(FINEST + 1) if bool((np.ldexp(every, s) % 1 == 0).all())), None)
    if shift is None:
        return None
    for part in coordinates:
        state = 2 * int(part.digits.sum())
        reach = float(np.sum(np.abs(part.weights) * (np.abs(part.scales) * state + np.abs(part.biases))))
        if not reach * 4.0**shift < 2**60 / max(1, len(coordinates)):
            return None
    return shift


def _in_units(number: Fraction, shift: int) -> int:
    return int(number * 4**shift)  # a whole number: the weights are multiples of 2^-shift


def _grain(numbers: Sequence[NDArray[np.int64]]) -> int:
    """The largest power of two that divides all of the numbers."""
    bits = 0
    for part in numbers:
        bits |= int(np.bitwise_or.reduce(np.abs(part), axis=None, initial=0))
    return bits & -bits if bits else 1
