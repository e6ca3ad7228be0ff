"""The packed construction: g intermediates share one residual coordinate as the digits of a base-3 number."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from parrots.constructions.layout import Layout, sized_config
from theory.bounds.packed import packed_bits, packed_neurons, packed_width
from theory.errors import InputError

BASE = 3
"""A count is 0, 1 or 2: how many of the edges (s, i) and (i, d) are there."""

FLOAT32_INTEGERS = 2**24
"""Integers up to here are exact in float32."""


def packed(vertices: int, digits: int | None = None, direct: bool = False) -> Layout:
    """Answer length-2 path with width ``ceil(r/g) + 1``, r = V - 2 (`own-packed`); ``digits`` is g.

    *Residual coordinates.*  ``packed`` c for c < D = ceil(r/g); ``answer`` = D.  Intermediate i (from 0) adds the digit
    ``3^(i mod g)`` to ``packed`` ``floor(i/g)`` for each of its two possible edges, so that the coordinate holds the
    number ``x`` whose i-th base-3 digit is the count of intermediate i, and there is a length-2 path iff one of the
    numbers has a digit 2.  All other edges, null tokens and the query add 0, so the graph may be any digraph.

    *Block.*  A zig-zag ``f`` of ``2^g - 1`` ReLUs on every coordinate (:func:`zigzag`): 0 if ``x`` has no digit 2, at
    least 1 if it has.  The logit ``sum_c f(x_c) - 1/2`` is at least 1/2 if there is a path and -1/2 otherwise.

    *Exact range.*  With N = slots + 1 a power of two the state is the integer x, without rounding.  Every product
    ``weight · relu(x - break)`` is then an integer, and every partial sum of them, in whatever order, lies between
    minus the sum of the negative and the sum of the positive ones.  Over all D coordinates these are at most
    ``D · P(g)`` (:func:`largest_partial_sum`, below ``0.75 · 6^g``).  So float32 is exact for
    ``D · P(g) <= 2^24``: g = 9: D <= 2; 8: 13; 7: 80; 6: 490; 5: 3014.  Larger sizes are refused: with
    all positive terms added first, float32 answers wrongly at g = 9, D = 7 (tested).  It needs float32 products; TF32,
    which keeps 11 bits, is not enough.

    *Precision.*  ``bits = ceil(g log2 3) + ceil(log2 r)``: fixed-point numbers with ``ceil(g log2 3) - 1`` bits before
    and ``ceil(log2 r) + 1`` after the point hold all digits (at most ``3^(g-1)``) and all averages ``x/N`` for
    N = 2^(ceil(log2 r) + 1) tokens, without rounding; with one bit less after the point it fails, and for g = 3, 5 with
    one bit less before it (tested).  So many tokens hold every star graph but one: where r is a power of two, the graph
    with all 2r edges needs N = 4r, whose averages have one bit more after the point and one less before it.

    *The edge (s, d) as a path of its own* (``direct``): it is a digit like an intermediate's, of which it adds twice
    its value; read r + 1 for r.  It needs an embedding with a row for every pair.

    By default g is the largest that is exact in float32 and at most log2 r, which keeps the block below ``r (r/g + 1)``
    neurons.  With g = Theta(log r) the width is Theta(V / log V), which meets Theorem 3.2 up to a constant.

    Raises :class:`~theory.errors.InputError` for V < 3, ``digits`` < 1 or a size that float32 cannot hold exactly.
    """
    if vertices < 3:
        raise InputError(f"{vertices} vertices: a length-2 path needs at least 3; give a larger graph.")
    r = vertices - 2 + direct
    g = default_digits(r) if digits is None else digits
    if g < 1:
        raise InputError(f"digits {g}: a coordinate holds at least 1 digit; give 1 to {largest_digits(r)}.")
    if g > r:
        raise InputError(f"digits {g} for {vertices} vertices: there are {r} digits; give 1 to {largest_digits(r)}.")
    if g > largest_digits(r):
        raise InputError(
            f"digits {g} for {vertices} vertices: partial sums of {-(-r // g)} coordinates may exceed 2^24 and float32 "
            f"would round them; give 1 to {largest_digits(r)}."
        )
    return unchecked(vertices, g, direct)


def unchecked(vertices: int, g: int, direct: bool = False) -> Layout:
    """The construction with ``g`` digits a coordinate, whether or not float32 can hold it exactly."""
    r = vertices - 2 + direct  # digits
    config = sized_config("packed", vertices, packed_width(r, g), packed_neurons(r, g), direct)
    intermediates = np.arange(r)
    breaks, weights = zigzag(g)
    return Layout(
        name="packed",
        statement="own-packed",
        config=config,
        answer=config.width - 1,
        bits=packed_bits(r, g),
        digits=np.int64(BASE) ** (intermediates % g),
        coordinates=intermediates // g,
        scale=1.0,
        breaks=breaks,
        weights=weights,
    )


def zigzag(g: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Breaks and output weights, ``[2^g - 1]`` each, of ``f(x) = sum weights · relu(x - breaks)``.

    The integers of g base-3 digits without a digit 2 come in runs ``{z, z + 1}``, z divisible by 3, from {0, 1} on.
    The slope is 0 up to 1, then +1 and -1 in turn: for consecutive runs z < z' there is a peak at ``(z + 1 + z')/2``
    and a valley at ``z' + 1/2``.  So f is 0 at both points of each run (falling from ``z'`` to ``z' + 1/2`` and rising
    back), and at least 1 on the other integers: between two runs it rises from 0 at ``z + 1`` and falls to 0 at ``z'``,
    and beyond the last run it rises.
    """
    free = np.zeros(1, dtype=np.int64)
    for place in range(g):
        free = np.concatenate([free, free + BASE**place])
    runs = np.sort(free)[::2].astype(np.float64)
    peaks = (runs[:-1] + 1 + runs[1:]) / 2
    valleys = runs[1:] + 0.5
    breaks = np.concatenate([[1.0], np.stack([peaks, valleys], axis=1).ravel()])
    weights = np.concatenate([[1.0], np.tile([-2.0, 2.0], len(peaks))])
    return breaks, weights


def largest_partial_sum(g: int) -> int:
    """P(g): the sum of the positive terms of the zig-zag at ``x = 3^g - 1``, its largest partial sum in any order."""
    breaks, weights = zigzag(g)
    terms = weights * np.maximum(BASE**g - 1 - breaks, 0)
    return int(terms[terms > 0].sum())


def largest_digits(r: int) -> int:
    """Most digits a coordinate for r intermediates with float32 exact: ``ceil(r/g) · P(g) <= 2^24`` and g <= r."""
    exact = [g for g in range(1, min(r, 10) + 1) if -(-r // g) * largest_partial_sum(g) <= FLOAT32_INTEGERS]
    if not exact:
        raise InputError(
            f"{r + 2} vertices: `packed` is exact in float32 up to 2^24 coordinates; give a smaller graph."
        )
    return max(exact)


def digits_of_width(vertices: int, options: Mapping[str, int]) -> dict[str, int]:
    """The option ``digits`` that stands for ``options["width"]``: the fewest that give exactly this width.

    Raises :class:`~theory.errors.InputError` for V < 3, a width that no exact number of digits gives, or both options.
    """
    width, r = options["width"], vertices - 2 + options.get("direct", 0)
    if "digits" in options:
        raise InputError(f"width {width} and digits {options['digits']} both given: give one, each fixes the other.")
    if vertices < 3:
        raise InputError(f"{vertices} vertices: a length-2 path needs at least 3; give a larger graph.")
    widths = {packed_width(r, g): g for g in range(largest_digits(r), 0, -1)}
    if width not in widths:
        above = [min(other for other in widths if other > width)] if max(widths) > width else []
        below = [max(other for other in widths if other < width)] if min(widths) < width else []
        choices = " or ".join(f"{other} (digits {widths[other]})" for other in below + above)
        raise InputError(f"width {width} for {vertices} vertices: no number of digits gives it; give {choices}.")
    return {"digits": widths[width]}


def default_digits(r: int) -> int:
    """The largest g that float32 holds exactly and that is at most ``log2 r`` (at least 1)."""
    return min(largest_digits(r), max(1, r.bit_length() - 1))


def default_width(r: int) -> int:
    """Width for ``r`` intermediates with :func:`default_digits` a coordinate."""
    return packed_width(r, default_digits(r))
