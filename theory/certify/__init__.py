"""Right or wrong on every input: all ``4^r`` pairs of subsets through ``2^r + 2^r`` messages.

The certificate is about the table of the model (:class:`theory.table.OneLayerTable`) in exact arithmetic.  It is
computed in float64; an input whose logit is smaller than the bound on the rounding error is undecided there, never
right, and is then decided in exact arithmetic (:mod:`theory.certify.exact`).  "Right" is said of the fixed arrangement
of one token an edge and null tokens in the empty slots; as no weight depends on the slot, the arrangement does not
matter.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from math import inf, ldexp
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from theory.certify.certificate import Certificate, Part, whole
from theory.certify.plan import SQUARE_BITS, Plan
from theory.certify.record import Record
from theory.errors import InputError
from theory.table import OneLayerTable

__all__ = ["MAX_INTERMEDIATES", "Certificate", "certify"]

MAX_INTERMEDIATES = 16
"""r up to which all 4^r inputs are decided."""


def certify(
    table: OneLayerTable, progress: Callable[[int], None] | None = None, state: Path | None = None
) -> Certificate:
    """Decide all ``4^r`` inputs of ``table``; ``progress`` is told the number of inputs done since its last call.

    ``state`` names a file that records the squares of inputs as they are finished: the same call after an interruption
    goes on from there, to the same certificate.

    Raises :class:`theory.errors.InputError` beyond :data:`MAX_INTERMEDIATES`, for a model without a slot for each of
    the 2r edges, for weights that are no finite numbers, and for a ``state`` that records something else.
    """
    check(table)
    plan = Plan.of(table)
    parts: dict[int, Part] = {}
    with ExitStack() as stack:
        record = None if state is None else stack.enter_context(Record(state, table))
        if record is not None:
            parts.update({number: part for number, part in record.parts.items() if number < len(plan.places)})
        for part in parts.values():
            _tell(progress, part)
        todo = [number for number in range(len(plan.places)) if number not in parts]
        # One thread a square: BLAS threads of their own would fight over the cores.
        stack.enter_context(threadpool_limits(1, user_api="blas"))
        pool = stack.enter_context(ThreadPoolExecutor(_cores()))
        for number, part in zip(todo, pool.map(plan.decide, todo), strict=True):
            parts[number] = part
            if record is not None:
                record.add(number, part)
            _tell(progress, part)
    return whole(table.r, parts.values(), plan.error_bound, plan.why_undecided)


def check(table: OneLayerTable) -> None:
    """Raises :class:`theory.errors.InputError` for a table that :func:`certify` does not take."""
    r = table.r
    for name, array in table.arrays().items():
        if not np.isfinite(array).all():
            raise InputError(
                f"{name} of the model's table is not finite (a weight is NaN, infinite, or too large for float64): "
                "certify decides finite weights only; train or save the model again."
            )
    if table.edge_slots < 2 * r:
        raise InputError(
            f"the model holds {table.edge_slots} edges and the largest of the 4^{r} inputs has {2 * r}: "
            f"certify needs a model with at least {2 * r} slots."
        )
    if r > MAX_INTERMEDIATES:
        raise InputError(
            f"r = {r} means 4^{r} inputs, {_duration(_seconds(table))} here, and certify takes r up to "
            f"{MAX_INTERMEDIATES}: `parrots refute` looks for a wrong answer at any r, within a time that you set."
        )


def _seconds(table: OneLayerTable) -> float:
    """About how long all inputs take on this machine: as long as those of the first vertices, in proportion."""
    if table.r >= 256:
        return inf
    few = Plan.of(
        replace(table, edges_2rC=table.edges_2rC.reshape(2, table.r, -1)[:, :SQUARE_BITS].reshape(2 * SQUARE_BITS, -1))
    )
    began = time.perf_counter()
    part = few.decide(0)
    return ldexp((time.perf_counter() - began) / part.inputs / _cores(), 2 * table.r)


def _duration(seconds: float) -> str:
    if seconds == inf:
        return "longer than the world will last"
    units = (("years", 365 * 86400.0), ("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0))
    name, unit = next((unit for unit in units if seconds > 2 * unit[1]), ("seconds", 1.0))
    return f"about {seconds / unit:.2g} {name}"


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _tell(progress: Callable[[int], None] | None, part: Part) -> None:
    if progress is not None:
        progress(part.inputs)
