"""From rows to what the page says: models, what explains their accuracy, shortcuts."""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum

from experiments.store import Row
from experiments.studies.decoders import gains
from experiments.studies.decoders.explain import Explained
from experiments.studies.decoders.points import Point
from experiments.studies.shortest_path.cells import PathSetup

CORRECT = "correct"


def path_points(rows: Sequence[Row]) -> list[Point]:
    """One a model, with the rows of its seeds, dense models first."""
    return gains.model_points(rows, PathSetup)


def explained(found: Sequence[Point], inner: bool = False) -> Explained | None:
    """How well total and active parameters explain accuracy; None where too few models tell them apart."""
    return gains.explained(found, CORRECT, "linear", inner)


def shortcuts(rows: Sequence[Row], metric: str = CORRECT, larger: int | None = None) -> dict[str, float]:
    """Name -> mean over the rows' test graphs (those with ``larger`` vertices), the best first."""
    if larger is None:
        found = [row.metrics["baselines"] for row in rows]
    else:
        sizes = [row.metrics["larger"].get(str(larger)) for row in rows]
        found = [size["baselines"] for size in sizes if size is not None]
    names = {name for of_row in found for name in of_row}
    means = {name: _mean([of_row[name][metric] for of_row in found if name in of_row]) for name in names}
    return dict(sorted(means.items(), key=lambda item: (-item[1], item[0])))


def on_larger(point: Point, vertices: int, metric: str = CORRECT) -> list[float]:
    """The metric of every seed on graphs of ``vertices`` vertices."""
    sizes = [row.metrics["larger"].get(str(vertices)) for row in point.rows]
    return [size[metric] for size in sizes if size is not None]


def _mean(values: Sequence[float]) -> float:
    return fsum(values) / len(values)
