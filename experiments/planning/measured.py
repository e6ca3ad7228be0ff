"""Bits a parameter that this project's own models were measured to recall, from a results folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from experiments.report.statistics import Interval
from experiments.store import read_rows
from experiments.studies.decoders.points import Point
from experiments.studies.phone_book.analysis import book_points, density
from experiments.studies.phone_book.cells import BITS as PANEL
from experiments.studies.phone_book.cells import STUDY
from experiments.studies.selection import of_one_grid, of_panel
from theory.errors import InputError


@dataclass(frozen=True)
class Recalled:
    """Of the model of one kind that recalls most for each parameter, of the total."""

    bits: Interval
    """A parameter; the interval is over seeds."""
    model: str
    """In words."""


def recalled(folder: Path) -> dict[bool, Recalled]:
    """From the study `phone-book` in ``folder``: of dense models (False) and of those with experts (True).

    Raises:
        InputError: without a store, or with one that holds no such models.
    """
    rows = of_panel(of_one_grid(read_rows(folder, STUDY)), PANEL)
    points = book_points(rows)
    best = {routed: _best([point for point in points if _routed(point) is routed]) for routed in (False, True)}
    found = {routed: one for routed, one in best.items() if one is not None}
    if not found:
        raise InputError(
            f"{folder} holds no models of the study {STUDY}: give --results a folder of `parrots run {STUDY}`, or "
            "leave it out."
        )
    return found


def _routed(point: Point) -> bool:
    return point.setup.model.router is not None


def _best(points: list[Point]) -> Recalled | None:
    """The one with the largest mean."""
    measured = [(bits, point) for point in points if (bits := density(point, point.counts.total)) is not None]
    if not measured:
        return None
    bits, point = max(measured, key=lambda pair: pair[0].value)
    return Recalled(bits, f"{point.setup.family}, width {point.setup.model.width}")
