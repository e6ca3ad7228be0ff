"""From rows to what the page says: a point for every router, its statistics, differences from the reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum
from typing import Any

from experiments.report.statistics import Interval, bootstrap
from experiments.store import Row
from experiments.studies.decoders.points import Point, points
from experiments.studies.routing.arms import DENSE, REFERENCE, in_order, is_causal

CORRECT, READ, BITS = "correct", "read", "bits"
STATISTICS = ("load_entropy", "largest_load", "dead", "router_entropy", "dropped", "unrouted")


@dataclass(frozen=True)
class Summary:
    """Statistics of one router: means over its layers and seeds."""

    point: Point
    experts: int
    loads: tuple[float, ...]
    """Of each expert in each layer and seed, over its even share."""
    means: dict[str, float]
    token_bits: float | None
    """Bits that the expert tells of the token's id, less the estimate's bias; of its position in ``place_bits``."""
    place_bits: float | None


def router_points(rows: Sequence[Row]) -> list[Point]:
    """One a router, with the rows of its seeds, in the order of the list of routers."""
    return in_order(points(rows))


def named(found: Sequence[Point], name: str) -> Point | None:
    """The point of the router called ``name``."""
    return next((point for point in found if point.setup.family == name), None)


def causal(found: Sequence[Point]) -> list[Point]:
    return [point for point in found if is_causal(point.setup.model)]


def sparse(found: Sequence[Point]) -> list[Point]:
    """Causal models in which a token uses a part of the experts."""
    return [point for point in causal(found) if point.counts.active < point.counts.total]


def difference(found: Sequence[Point], name: str, metric: str, base: str = REFERENCE) -> Interval | None:
    """Mean of ``name`` minus mean of ``base``, interval over the seeds of both."""
    one, other = named(found, base), named(found, name)
    if one is None or other is None or not one.values(metric) or not other.values(metric):
        return None
    return bootstrap([one.values(metric), other.values(metric)], lambda x, y: float(y.mean() - x.mean()))


def over_dense(found: Sequence[Point], metric: str) -> dict[str, Interval]:
    """What each causal router with a sparse choice has over the dense model with as many active parameters."""
    gains = {point.setup.family: difference(found, point.setup.family, metric, DENSE) for point in sparse(found)}
    return {name: gain for name, gain in gains.items() if gain is not None}


def baselines(rows: Sequence[Row], metric: str = CORRECT) -> dict[str, float]:
    """Shortcut -> mean over the rows' test examples, the best first."""
    names = dict.fromkeys(name for row in rows for name in row.metrics["baselines"])
    means = {name: _mean([row.metrics["baselines"][name][metric] for row in rows]) for name in names}
    return dict(sorted(means.items(), key=lambda item: -item[1]))


def summary(point: Point) -> Summary | None:
    """None for a dense model."""
    layers = [layer for row in point.rows for layer in row.metrics.get("routing", {}).get("layers", ())]
    if not layers:
        return None
    return Summary(
        point=point,
        experts=len(layers[0]["load"]),
        loads=tuple(len(layer["load"]) * share for layer in layers for share in layer["load"]),
        means={name: _mean([layer[name] for layer in layers]) for name in STATISTICS},
        token_bits=_information(layers, "token"),
        place_bits=_information(layers, "position"),
    )


def routing_of(point: Point) -> dict[str, Any] | None:
    """The statistics of one seed, with the tables of specialisation where its row has them."""
    with_tables = [row for row in point.rows if any("by_token" in layer for layer in _layers(row))]
    rows = with_tables or [row for row in point.rows if _layers(row)]
    return dict(rows[0].metrics["routing"]) if rows else None


def _layers(row: Row) -> list[dict[str, Any]]:
    return list(row.metrics.get("routing", {}).get("layers", ()))


def _information(layers: Sequence[dict[str, Any]], of: str) -> float | None:
    key = f"{of}_information"
    found = [layer[key] - layer[f"{key}_bias"] for layer in layers if layer[key] is not None]
    return _mean(found) if found else None


def _mean(values: Sequence[float]) -> float:
    return fsum(values) / len(values)
