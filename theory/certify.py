"""Right or wrong on every input: all ``4^r`` pairs of subsets through ``2^r + 2^r`` messages.

The certificate is about the table of the model (:class:`theory.table.OneLayerTable`) in exact arithmetic.  It is
computed in float64; an input whose logit is smaller than the bound on the rounding error is counted as undecided, never
as right.  "Right" is said of the fixed arrangement of one token an edge and null tokens in the empty slots; as no
weight depends on the slot, the arrangement does not matter.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from theory.errors import InputError
from theory.rounding import Rounding, rounding
from theory.table import ForeignBlock, OneLayerTable, message_position

MAX_INTERMEDIATES = 14
"""r up to which all 4^r inputs are visited."""

_INPUTS_AT_ONCE = 2**13
"""A task's arrays stay in a core's cache."""


@dataclass(frozen=True)
class Certificate:
    """What is known of all ``inputs = 4^r`` inputs."""

    r: int
    inputs: int
    wrong: int
    undecided: int
    min_margin: float
    """Least logit in the direction of the right answer, over all inputs; negative if some answer is wrong."""
    error_bound: float
    """Rounding error of a logit in this computation, at most."""
    counterexample: tuple[tuple[int, ...], tuple[int, ...]] | None
    """Alice's and Bob's sets (vertices 1..r) of the input with the least margin among the wrong ones."""

    @property
    def holds(self) -> bool:
        """Right on every input."""
        return self.wrong == 0 and self.undecided == 0


def certify(table: OneLayerTable, progress: Callable[[int], None] | None = None) -> Certificate:
    """Decide all ``4^r`` inputs of ``table``; ``progress`` is told the number of inputs done since its last call.

    Raises :class:`theory.errors.InputError` beyond :data:`MAX_INTERMEDIATES`, and for a model without a slot for each
    of the 2r edges.
    """
    r = table.r
    if r > MAX_INTERMEDIATES:
        raise InputError(
            f"r = {r} means 4^{r} inputs: certify takes r up to {MAX_INTERMEDIATES}; give a smaller model."
        )
    if table.edge_slots < 2 * r:
        raise InputError(
            f"the model holds {table.edge_slots} edges and the largest of the 4^{r} inputs has {2 * r}: "
            f"certify needs a model with at least {2 * r} slots."
        )
    errors = rounding(table)
    with np.errstate(all="ignore"):  # without a finite bound numbers may be anything
        alice_SC, bob_SC = table.halves()
        unsure_S = _unsure_messages(table, errors)
    rows = max(1, _INPUTS_AT_ONCE >> r)

    def decide(first: int) -> _Part:
        part = slice(first, first + rows)
        with np.errstate(all="ignore"):  # of this thread
            return _decide(table, errors, first, alice_SC[part], bob_SC, unsure_S[part])

    parts = []
    # One thread a task: BLAS threads of their own would fight over the cores.
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(os.cpu_count()) as pool:
        for part in pool.map(decide, range(0, 2**r, rows)):
            parts.append(part)
            if progress is not None:
                progress(part.inputs)
    return _whole(r, parts, errors.logit)


@dataclass(frozen=True)
class _Part:
    inputs: int
    wrong: int
    undecided: int
    min_margin: float
    worst: tuple[float, int, int] | None
    """Margin, Alice's and Bob's subset of the wrong input with the least margin."""


def _decide(
    table: OneLayerTable,
    errors: Rounding,
    first: int,
    alice_AC: NDArray[np.float64],
    bob_SC: NDArray[np.float64],
    unsure_A: NDArray[np.bool_],
) -> _Part:
    A, S = len(alice_AC), len(bob_SC)
    x_BM = table.states((alice_AC[:, None] + bob_SC).reshape(A * S, -1))
    subset_A = np.arange(first, first + A)
    truth_B = ((subset_A[:, None] & np.arange(S)) != 0).reshape(-1)
    unsure_B = np.repeat(unsure_A, S)
    block = table.block
    if isinstance(block, ForeignBlock) or block.router_MK is None:
        logits_B = block.logits(x_BM)
    else:
        logits_B, lead_B = block.routed(x_BM)
        # Within the rounding error of the router another expert could have been chosen.
        unsure_B |= lead_B <= 2 * errors.router
    margin_B = np.where(truth_B, logits_B, -logits_B)
    unsure_B |= ~(np.abs(logits_B) > errors.logit)
    wrong_B = (margin_B < 0) & ~unsure_B
    worst = None
    if wrong_B.any():
        at = int(np.argmin(np.where(wrong_B, margin_B, np.inf)))
        worst = (float(margin_B[at]), first + at // S, at % S)
    return _Part(A * S, int(wrong_B.sum()), int(unsure_B.sum()), float(margin_B.min()), worst)


def _unsure_messages(table: OneLayerTable, errors: Rounding) -> NDArray[np.bool_]:
    """Subsets of Alice whose quantised message could fall in another level within the rounding error, ``[2^r]``."""
    if table.message_levels is None:
        return np.zeros(2**table.r, dtype=np.bool_)
    levels = table.message_levels
    position_SM = message_position(table.unquantised_alice(), levels)
    boundary_SM = np.clip(np.rint(position_SM), 1, levels - 1)
    close_SM = np.abs(position_SM - boundary_SM) <= levels * (errors.state + 2.0**-50)
    return np.asarray(close_SM.any(1)) & (levels > 1)


def _whole(r: int, parts: list[_Part], error_bound: float) -> Certificate:
    worst = min((part.worst for part in parts if part.worst is not None), default=None)
    return Certificate(
        r=r,
        inputs=sum(part.inputs for part in parts),
        wrong=sum(part.wrong for part in parts),
        undecided=sum(part.undecided for part in parts),
        min_margin=min(part.min_margin for part in parts),
        error_bound=error_bound,
        counterexample=None if worst is None else (_vertices(worst[1], r), _vertices(worst[2], r)),
    )


def _vertices(subset: int, r: int) -> tuple[int, ...]:
    return tuple(i + 1 for i in range(r) if subset >> i & 1)
