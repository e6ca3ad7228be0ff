"""Parameters, bits and FLOPs of the memoriser."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theory.accounting.one_layer import Parameters
from theory.memorisation.routers import Router


def memoriser_parameters(width: int, hidden: int, experts: int, router: Router) -> Parameters:
    """Numbers that a memoriser stores: the reading's direction, the router, and three for each hidden unit.

    An expert reads one number, so it is ``3F + 1``: W1, b1, W2 of F units and b2.  Router: ``2K`` for rank one,
    ``K(m + 1)`` for the same as a full matrix, ``Km`` for random directions, which have no bias; 0 for one expert.
    Averaging the tokens takes no parameter.
    """
    per_expert = {"interval": 2, "dense-interval": width + 1, "random": width, "random-unit": width}[router]
    return Parameters(
        embedding=0,
        attention=width,
        router=per_expert * experts if experts > 1 else 0,
        expert=3 * hidden + 1,
        readout=0,
        experts=experts,
        top_k=1,
    )


def trainable_memoriser_parameters(width: int, hidden: int, experts: int, learned_attention: bool) -> Parameters:
    """Numbers of the memoriser that is trained, whose experts read all of the state.

    An expert is ``F(m + 2) + 1``: W1, b1, and a second matrix with the read-out folded into it, w2 and b2.  Router:
    ``K(m + 1)``; 0 for one expert.  Learned attention has a direction, ``m``; uniform attention has nothing.
    """
    return Parameters(
        embedding=0,
        attention=width if learned_attention else 0,
        router=(width + 1) * experts if experts > 1 else 0,
        expert=hidden * (width + 2) + 1,
        readout=0,
        experts=experts,
        top_k=1,
    )


def trainable_memoriser_flops(width: int, tokens: int, hidden: int, experts: int, learned_attention: bool) -> int:
    """Forward FLOPs of one sequence: attention (the mean is additions), router, one expert."""
    attention = (4 if learned_attention else 1) * tokens * width
    router = 2 * width * experts if experts > 1 else 0
    return attention + router + 2 * hidden * (width + 1)


def memoriser_flops(width: int, tokens: int, hidden: int, experts: int, router: Router, sequences: int) -> int:
    """Forward FLOPs of ``sequences`` sequences: the mean of the tokens (additions), reading, router, one expert."""
    read_by_router = 1 if router == "interval" else width
    router_flops = 2 * read_by_router * experts if experts > 1 else 0
    return sequences * (tokens * width + 2 * width + router_flops + 4 * hidden)


@dataclass(frozen=True)
class Stored:
    """Numbers and bits counted from a mixture's arrays."""

    total: int
    """All entries of all arrays, padding included."""
    active: int
    """Those of the shared arrays and of one expert."""
    used: int
    """``total`` without the units that are padding."""
    used_active: int
    """``active`` without padding, for the expert with the most units."""
    bits: int
    """Sum over the arrays of entries times :func:`fixed_point_bits`."""
    active_bits: int
    widest: int
    """Most bits of one number."""


Arrays = Mapping[str, NDArray[np.float64]]


def stored(shared: Arrays, experts: Arrays, units: Arrays, used: NDArray[np.bool_]) -> Stored:
    """Count arrays of a top-1 mixture: a token uses all of the ``shared`` ones and one row of the others.

    ``experts`` ``[K, ...]``; ``units`` ``[K, F]``, one number for each hidden unit; ``used`` ``[K, F]``: which units
    are no padding.
    """
    K = len(used)
    rows = {**experts, **units}
    common, one = sum(a.size for a in shared.values()), sum(a.size // K for a in rows.values())
    common_bits = sum(a.size * fixed_point_bits(a) for a in shared.values())
    one_bits = sum(a.size // K * fixed_point_bits(a) for a in rows.values())
    padding = len(units) * (~used).sum(axis=1)
    return Stored(
        total=common + K * one,
        active=common + one,
        used=common + K * one - int(padding.sum()),
        used_active=common + one - int(padding.min()),
        bits=common_bits + K * one_bits,
        active_bits=common_bits + one_bits,
        widest=max(map(fixed_point_bits, (*shared.values(), *rows.values()))),
    )


def fixed_point_bits(array: NDArray[np.float64]) -> int:
    """The fewest bits p such that all entries are a common power of two times integers in ``[-2^(p-1), 2^(p-1))``.

    Two's complement, read off the floats themselves; 0 if all entries are 0.
    """
    values = array[array != 0]
    if not len(values):
        return 0
    fractions, exponents = np.frexp(values)
    mantissas = np.abs(np.ldexp(fractions, 53)).astype(np.int64)
    lowest = np.log2(mantissas & -mantissas).astype(np.int64)  # trailing zeros, exact for powers of two
    grid = int((exponents - 53 + lowest).min())
    # -2^(p-1) still fits where 2^(p-1) does not.
    return int((exponents - grid - (fractions == -0.5)).max()) + 1
