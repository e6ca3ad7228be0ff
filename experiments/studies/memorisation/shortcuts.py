"""What is held without a hidden layer: the more frequent label, and a linear classifier of the mean token."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np

from experiments.studies.memorisation.setup import STUDY
from experiments.studies.types import Cell, Finished, Job
from theory.memorisation import RandomSequences

SHORTCUTS = "d-shortcuts"
FITTED = "fitted"
MOST_PASSES = 1000
"""Of logistic regression over the sequences."""


@dataclass(frozen=True)
class ShortcutSetup:
    """Which sequences; the seed is the cell's, ``grid`` what all cells that one page shows have in common."""

    width: int
    tokens: int
    sequences: int
    grid: str

    @classmethod
    def of(cls, cell: Cell) -> ShortcutSetup:
        return cls(**cell.settings)


def shortcut_job(sequences: int, width: int, tokens: int, seeds: int, grid: str) -> Job:
    """One job for all seeds; it costs next to nothing."""
    setup = ShortcutSetup(width, tokens, sequences, grid)
    cells = tuple(Cell(STUDY, SHORTCUTS, asdict(setup) | {"seed": seed}) for seed in range(seeds))
    return Job(f"{SHORTCUTS}: n = {sequences}, m = {width}", cells, run_shortcuts, 0.05 * seeds)


def run_shortcuts(cells: tuple[Cell, ...]) -> Iterator[Finished]:
    """Labels that each shortcut gets wrong."""
    for cell in cells:
        began, setup = time.perf_counter(), ShortcutSetup.of(cell)
        source = RandomSequences(setup.sequences, setup.width, setup.tokens, cell.seed)
        labels = source.labels()
        means = np.concatenate([block.mean(1) for block in source.blocks()])
        wrong = {
            "the more frequent label": min(int((labels > 0).sum()), int((labels < 0).sum())),
            "linear in the mean token": _linear_wrong(means, labels),
        }
        yield Finished(cell, {"wrong": wrong}, FITTED, time.perf_counter() - began)


def _linear_wrong(means: np.ndarray, labels: np.ndarray) -> int:
    """Of logistic regression without a penalty, which is right on all labels if any linear classifier is."""
    from sklearn.linear_model import LogisticRegression

    if len(set(labels.tolist())) == 1:
        return 0
    fitted = LogisticRegression(C=np.inf, max_iter=MOST_PASSES).fit(means, labels)
    return int((fitted.predict(means) != labels).sum())
