"""Convex functions of an input, and how far any read-out is from them that gives two inputs one value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flint import arb, arb_mat

from theory.balls import below, largest, precision
from theory.soft_moe.directions import BITS
from theory.soft_moe.pairs import Pair


@dataclass(frozen=True)
class LeastError:
    """What a target asks of a pair, and the error that no single value for both avoids."""

    target: str
    first: float
    """Its value at the first input."""
    second: float
    absolute: float
    """Half the difference, rounded down: on one of the two inputs any value common to both is this far off."""
    relative: float
    """(rho - 1) / (rho + 1) for the ratio rho of the larger value to the smaller, rounded down; 1 where that is 0."""


def squared_norm(x: arb_mat) -> arb:
    """Squared Frobenius norm of ``[T, d]``."""
    return sum((entry * entry for entry in x.entries()), arb(0))


def frobenius_norm(x: arb_mat) -> arb:
    return squared_norm(x).sqrt()


def largest_token_norm(x: arb_mat) -> arb:
    return largest([sum((entry * entry for entry in row), arb(0)) for row in x.tolist()]).sqrt()


TARGETS: Mapping[str, Callable[[arb_mat], arb]] = {
    "Frobenius norm": frobenius_norm,
    "largest token norm": largest_token_norm,
    "squared Frobenius norm": squared_norm,
}


def least_errors(pair: Pair) -> tuple[LeastError, ...]:
    """For every target, on the exact pair."""
    with precision(BITS):
        return tuple(_least(name, function(pair.first), function(pair.second)) for name, function in TARGETS.items())


def _least(name: str, first: arb, second: arb) -> LeastError:
    difference = abs(first - second)
    # (rho - 1) / (rho + 1) in terms of the two values, none of which is negative.
    relative = 1.0 if second == 0 else below(difference / (first + second))
    return LeastError(name, float(first), float(second), below(difference / 2), relative)
