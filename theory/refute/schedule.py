"""Runs the methods side by side within a time limit and puts what they find to the test."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from math import inf, isfinite
from threading import Lock

import numpy as np
from threadpoolctl import threadpool_limits

from theory.errors import InputError
from theory.refute import all_inputs, exhaustive
from theory.refute.birthday import birthday
from theory.refute.collisions import integer_contributions
from theory.refute.lattice import lattice
from theory.refute.local import local_search
from theory.refute.neighbours import neighbours
from theory.refute.problem import Problem
from theory.refute.result import Attempt, Candidate, Method, Refutation
from theory.refute.sampling import sampling
from theory.table import OneLayerTable

METHODS: dict[str, Method] = {
    "sampling": sampling,
    "all-inputs": all_inputs.all_inputs,
    "exhaustive": exhaustive.exhaustive,
    "birthday": birthday,
    "lattice": lattice,
    "neighbours": neighbours,
    "local": local_search,
}
ENDED, FOUND, TIME, SPENT, STOPPED = (
    "tried all it has",
    "found",
    "out of time",
    "out of evaluations",
    "another found it",
)

MOST_EXACT = 64
"""Inputs within the rounding error that are decided in exact arithmetic; the others are counted as undecided."""

MOST_WORKERS = 1024
"""Threads at most; more than the cores of any machine only wait for each other."""

Replay = Callable[[Candidate], bool]
"""Whether the real model is wrong on a candidate too."""
Progress = Callable[[float, str], None]
"""Told the seconds left and what is going on."""


@dataclass(frozen=True)
class Search:
    """What a search may cost and which methods it runs.

    Without ``methods`` all that apply, in order: cheap ones first, then collisions on one core while local search has
    the other, then local search on all cores to the end.  With ``evaluations`` each method stops after about so many
    logits.

    Raises :class:`theory.errors.InputError` for numbers out of range or an unknown method.
    """

    seconds: float = 60.0
    evaluations: int | None = None
    methods: tuple[str, ...] | None = None
    workers: int = field(default_factory=lambda: os.cpu_count() or 1)
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.seconds > 0:
            raise InputError(f"{self.seconds} seconds: a search needs time; give a number above 0.")
        for name in ("evaluations", "workers"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name} {value}: give 1 or more.")
        if self.workers > MOST_WORKERS:
            raise InputError(f"workers {self.workers}: give 1 to {MOST_WORKERS}, such as the number of cores.")
        if self.seed < 0:
            raise InputError(f"seed {self.seed}: give 0 or more.")
        unknown = [name for name in self.methods or () if name not in METHODS]
        if unknown or self.methods == ():
            named = f"no method called {unknown[0]!r}" if unknown else "no methods"
            raise InputError(f"{named}: give one or more of {', '.join(METHODS)}.")


def refute(
    table: OneLayerTable, search: Search = Search(), replay: Replay | None = None, progress: Progress | None = None
) -> Refutation:
    """Look for an input that ``table`` gets wrong, and on which ``replay`` confirms it.

    A candidate counts only if the table is wrong by more than the rounding error of its logit, or belongs to an exact
    collision, or is proved wrong in exact arithmetic: so what is right on every input there is never refuted.

    Raises :class:`theory.errors.InputError` for a table with numbers that are not finite, and for a named method whose
    cost this r forbids.
    """
    problem = Problem(table)
    if search.methods is not None:
        for name, check in (("all-inputs", all_inputs.check_r), ("exhaustive", exhaustive.check_r)):
            if name in search.methods:
                check(problem.r)
    run = _Run(problem, search, replay, progress)
    # Threads, each with BLAS to itself: numpy leaves the interpreter to others while it computes.
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(search.workers) as pool:
        tasks = [pool.submit(run.attempt, *part) for part in _plan(problem, search)]
        try:
            for task in tasks:
                task.result()
        finally:  # after an interrupt too, or the pool would wait for the time limit
            run.stopped = True
    return run.result()


def _plan(problem: Problem, search: Search) -> list[tuple[str, float, int]]:
    """Methods in order, the share of the time each may take, and a number for its random stream."""
    if search.methods is not None:
        share = min(1.0, search.workers / len(search.methods))
        names = [(name, share) for name in search.methods[:-1]] + [(search.methods[-1], 1.0)]
    else:
        whole = any(integer_contributions(problem, side) is not None for side in exhaustive.SIDES)
        names = [("sampling", 0.1)]
        names += [("all-inputs", 1.0)] if problem.r <= all_inputs.MOST_R else []
        names += [("local", 0.15)]
        names += [("exhaustive", 0.5)] if problem.r <= exhaustive.MOST_R else []
        names += [("lattice", 0.25), ("birthday", 0.35)] if whole else [("neighbours", 0.15), ("lattice", 0.15)]
        names += [("local", 1.0)] * search.workers
    return [(name, share, number) for number, (name, share) in enumerate(names)]


class _Run:
    """One search: what its workers share."""

    def __init__(self, problem: Problem, search: Search, replay: Replay | None, progress: Progress | None) -> None:
        self.problem, self.search, self.replay, self.progress = problem, search, replay, progress
        self.began = time.monotonic()
        self.lock = Lock()
        self.found: tuple[Candidate, str] | None = None
        self.complete = self.stopped = False
        self.attempts: dict[int, Attempt] = {}
        self.right = self.undecided = 0
        self.exact_left = MOST_EXACT
        self.seen: set[tuple[tuple[int, ...], tuple[int, ...]]] = set()

    def attempt(self, name: str, share: float, number: int) -> None:
        """Run a method until it ends, finds something, or is out of time or evaluations."""
        search, start = self.search, time.monotonic()
        deadline = min(self.began + search.seconds, start + share * search.seconds)
        steps_done, evaluations, margin, residual, candidates, ended = 0, 0, inf, inf, 0, ENDED
        steps = METHODS[name](self.problem, np.random.default_rng((search.seed, number)))
        while True:
            if self.found or self.complete or self.stopped or time.monotonic() >= deadline:
                ended = STOPPED if self.found else ENDED if self.complete else TIME
                break
            step = next(steps, None)
            if step is None:
                self.complete |= name == "all-inputs"
                break
            steps_done += 1
            evaluations += step.evaluations
            margin, residual = min(margin, step.margin), min(residual, step.residual)
            candidates += len(step.candidates)
            if any(self._accept(candidate, name) for candidate in step.candidates):
                ended = FOUND
                break
            if search.evaluations is not None and evaluations >= search.evaluations:
                ended = SPENT
                break
            self._tell(name)
        if steps_done:
            self.attempts[number] = Attempt(
                name,
                evaluations,
                time.monotonic() - start,
                margin if isfinite(margin) else None,
                residual if isfinite(residual) else None,
                candidates,
                ended,
            )

    def _accept(self, candidate: Candidate, method: str) -> bool:
        """Whether this candidate is wrong beyond doubt, in the table and in the replay; the first one is kept."""
        with self.lock:
            key = (candidate.alice, candidate.bob)
            if self.found or key in self.seen:
                return False
            self.seen.add(key)
            if not self._for_sure(candidate):
                self.undecided += 1
                return False
            if self.replay is not None and not self.replay(candidate):
                self.right += 1
                return False
            self.found = (candidate, method)
            return True

    def _for_sure(self, candidate: Candidate) -> bool:
        if candidate.collision is not None and candidate.collision.exact:
            return True
        sides = np.zeros((2, self.problem.r), dtype=np.bool_)
        for row, members in zip(sides, (candidate.alice, candidate.bob), strict=True):
            row[[i - 1 for i in members]] = True
        if self.problem.clearly_wrong(sides[0], sides[1]):
            return True
        self.exact_left -= 1
        return self.exact_left >= 0 and self.problem.exactly_wrong(sides[0], sides[1])

    def _tell(self, name: str) -> None:
        if self.progress is not None:
            self.progress(max(0.0, self.began + self.search.seconds - time.monotonic()), name)

    def result(self) -> Refutation:
        attempts: Sequence[Attempt] = [self.attempts[number] for number in sorted(self.attempts)]
        return Refutation(
            found=self.found[0] if self.found else None,
            method=self.found[1] if self.found else None,
            evaluations=sum(attempt.evaluations for attempt in attempts),
            seconds=time.monotonic() - self.began,
            attempts=tuple(attempts),
            answered_rightly=self.right,
            undecided=self.undecided,
        )
