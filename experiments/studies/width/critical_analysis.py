"""From accuracies over a grid of widths to critical widths, their ratio and their slope."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

from experiments.report.statistics import Interval, bootstrap, mean_interval, slope
from experiments.store import Row
from experiments.studies.width.critical import PANEL


@dataclass(frozen=True)
class Crossing:
    """Where a seed's accuracy passes the target.

    ``kind``: "found" between two widths of the grid; "at most" its smallest width, which is then ``width``; "not
    reached" at any, and ``width`` is None.
    """

    r: int
    arm: str
    seed: int
    kind: str
    width: float | None


def crossings(rows: Iterable[Row], target: float) -> list[Crossing]:
    """One for every size, arm and seed."""
    curves: dict[tuple[int, str, int], dict[int, float]] = defaultdict(dict)
    for row in rows:
        if row.panel == PANEL:
            config = row.config
            curves[config["r"], config["arm"], config["seed"]][config["width"]] = row.metrics["accuracy"]
    return [Crossing(*key, *crossing(curve, target)) for key, curve in sorted(curves.items())]


def crossing(accuracy_at: Mapping[int, float], target: float) -> tuple[str, float | None]:
    """Smallest width from which on the target is met, between grid widths by the normal quantile of the accuracy.

    The quantile is the margin over its noise, which grows about evenly with the width; the accuracy itself does not.  A
    wider model that misses the target where a narrower one met it has failed to train: the wider one decides.

    >>> crossing({4: 0.9, 8: 0.999}, 0.99)
    ('found', 6.3)
    >>> crossing({4: 0.992, 8: 0.98}, 0.99)
    ('not reached', None)
    >>> crossing({4: 0.992, 8: 0.999}, 0.99)
    ('at most', 4.0)
    """
    widths = sorted(accuracy_at)
    first = len(widths)
    while first > 0 and accuracy_at[widths[first - 1]] >= target:
        first -= 1
    if first == len(widths):
        return "not reached", None
    if first == 0:
        return "at most", float(widths[0])
    low, high = widths[first - 1], widths[first]
    at_low, at_high = _quantile(accuracy_at[low]), _quantile(accuracy_at[high])
    share = (_quantile(target) - at_low) / (at_high - at_low)
    return "found", round(low + share * (high - low), 1)


def _quantile(accuracy: float) -> float:
    """Of the normal law; an accuracy of 1 counts as one error in a million."""
    return NormalDist().inv_cdf(min(max(accuracy, 1e-6), 1 - 1e-6))


def mean_width(found: Sequence[Crossing]) -> Interval | None:
    """Mean critical width; None if a seed's is not inside the grid, or none was tried.

    A mean without the seeds that did not reach the target would be too small, one with the grid's edge for the width of
    those that reached it everywhere too large.
    """
    values = [c.width for c in found if c.kind == "found" and c.width is not None]
    if not values or len(values) < len(found):
        return None
    return mean_interval(values)


def reached(found: Sequence[Crossing]) -> str:
    """How many seeds crossed the target inside the grid, below it, or not at all."""
    kinds = Counter(c.kind if c.kind != "at most" else f"at most {c.width:g}" for c in found)
    inside = kinds.pop("found", 0)
    return ", ".join([f"{inside} of {len(found)}", *(f"{count} {kind}" for kind, count in sorted(kinds.items()))])


def ratio(all_found: Sequence[Crossing], arm: str, against: str) -> tuple[Interval | None, str]:
    """Mean of m*(arm) / m*(against) over the sizes and seeds that have both inside the grid, and how many those are.

    In words, because what is left out has a direction: an arm that does not reach the target anywhere needs more than
    the grid's width, one that reaches it everywhere at most its least.
    """
    crossing_at = {(c.r, c.arm, c.seed): c for c in all_found}
    tried = [(c, crossing_at.get((c.r, against, c.seed))) for c in all_found if c.arm == arm]
    pairs = [(c, other) for c, other in tried if other is not None]
    inside = [(c.width, other.width) for c, other in pairs if c.kind == other.kind == "found"]
    ratios = [width / other for width, other in inside if width and other]
    counted = [f"{len(ratios)} of {len(pairs)} pairs"]
    counted += _left_out("numerator", [c for c, _ in pairs]) + _left_out("denominator", [other for _, other in pairs])
    interval = mean_interval(ratios) if ratios else None
    return interval, "; ".join(counted)


def _left_out(which: str, found: Sequence[Crossing]) -> list[str]:
    kinds = Counter(c.kind for c in found)
    words = {"at most": "below the grid", "not reached": "above the grid"}
    return [f"{which} {kinds[kind]} × {place}" for kind, place in words.items() if kinds[kind]]


def slope_in_r(all_found: Sequence[Crossing], arm: str) -> Interval | None:
    """Critical width gained per intermediate, least squares over the sizes that every seed crosses inside the grid."""
    whole = {c.r for c in all_found if c.arm == arm}
    whole -= {c.r for c in all_found if c.arm == arm and c.kind != "found"}
    points = [(c.r, c.width) for c in all_found if c.arm == arm and c.r in whole and c.width is not None]
    if len({r for r, _ in points}) < 2:
        return None
    return bootstrap([[r for r, _ in points], [m for _, m in points]], slope, paired=True)


def measured_bits(rows: Iterable[Row], r: int, arm: str, target: float) -> int | None:
    """Fewest bits p of weights and values at which a model that meets the target still meets it, at p and at all more.

    The median over the models that have such a p.
    """
    found = []
    for row in rows:
        if row.panel != PANEL or row.config["r"] != r or row.config["arm"] != arm or row.metrics["accuracy"] < target:
            continue
        by_bits = {int(bits): accuracy for bits, accuracy in row.metrics["accuracy_by_bits"].items()}
        enough = None
        for bits in sorted(by_bits, reverse=True):
            if by_bits[bits] < target:
                break
            enough = bits
        if enough is not None:
            found.append(enough)
    return sorted(found)[len(found) // 2] if found else None
