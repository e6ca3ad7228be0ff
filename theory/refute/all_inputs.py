"""All ``4^r`` inputs through ``2^r + 2^r`` halves, in float64: what the certifier does, without its proof."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from theory.errors import InputError
from theory.instances import subsets
from theory.refute.problem import Problem, margins_of
from theory.refute.result import Step, wrong_inputs

MOST_R = 12
"""16.8 million inputs, some seconds."""


def check_r(r: int) -> None:
    """Raises :class:`theory.errors.InputError` beyond :data:`MOST_R`."""
    if r > MOST_R:
        raise InputError(
            f"r = {r} has 4^{r} inputs: all-inputs visits them for r up to {MOST_R} (some seconds there); "
            "give the method local, whose steps cost the same at every r."
        )


def all_inputs(problem: Problem, rng: np.random.Generator) -> Iterator[Step]:
    """Every input once, Alice's sets in random order.  Raises :class:`theory.errors.InputError` beyond r = 12."""
    check_r(problem.r)
    sets_SR = subsets(problem.r)
    alice_SX, bob_SX = problem.alice(sets_SR), problem.bob(sets_SR)
    rows = max(1, problem.batch >> problem.r)
    order = rng.permutation(len(sets_SR))
    for first in range(0, len(order), rows):
        mine = order[first : first + rows]
        a, b = (index.reshape(-1) for index in np.meshgrid(mine, np.arange(len(sets_SR)), indexing="ij"))
        for part in range(0, len(a), problem.batch):
            a_B, b_B = a[part : part + problem.batch], b[part : part + problem.batch]
            logit_B = problem.logits(alice_SX[a_B], bob_SX[b_B])
            margin_B = margins_of(logit_B, (a_B & b_B) != 0)
            margin_B = np.where(problem.fits(sets_SR[a_B], sets_SR[b_B]), margin_B, np.inf)
            candidates = wrong_inputs(sets_SR[a_B], sets_SR[b_B], margin_B) if (margin_B < 0).any() else ()
            yield Step(len(a_B), candidates, float(np.nanmin(margin_B, initial=np.inf)))
