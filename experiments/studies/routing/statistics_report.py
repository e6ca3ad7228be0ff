"""What the routers did: load, entropy, dropped tokens, dead experts, specialisation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from experiments.report.page import Entry, Figure, Section, Table
from experiments.routing_figures import loads, specialisation
from experiments.store import Row
from experiments.studies.decoders.points import Point
from experiments.studies.routing.analysis import Summary, named, router_points, routing_of, summary
from experiments.studies.routing.arms import REFERENCE, UNBALANCED

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing


def sections(rows: Sequence[Row], panel: str, name: str) -> Iterator[Section]:
    """One panel's routers: a table, all loads, and the reference router close up.

    ``panel`` is its name in titles, ``name`` begins the names of its figures.
    """
    found = router_points(rows)
    summaries = [one for point in found if (one := summary(point)) is not None]
    if not summaries:
        return
    yield Section(
        title=f"What the routers did, {panel}",
        paragraphs=(
            "Means over layers and seeds, on test examples in batches as in training, where a router with a capacity "
            "drops choices and a noisy one draws noise. Load entropy is over log K: 1 for even loads. Dropped: choices "
            "that found no room. Unrouted: tokens that no expert took. Specialisation is the mutual information of a "
            "token's expert with its id and with its place, in bits, less the bias of the estimate, so it may fall "
            "below 0.",
        ),
        table=_table(summaries),
        figure=Figure(
            f"{name}-loads",
            "Load of every expert over its even share, one line for each router, a point for each expert.",
            lambda: _draw(summaries),
        ),
        caption="Loads of all layers and seeds: a point at 0 is a dead expert. The vertical line is an even share.",
    )
    yield from _close_up(found, panel, name)


def _table(found: Sequence[Summary]) -> Table:
    columns = ("router", "experts", "load entropy", "largest load, even = 1", "dead experts", "router entropy",
               "dropped", "unrouted", "bits about the token", "bits about its place")  # fmt: skip
    lines: list[tuple[Entry, ...]] = [
        (one.point.setup.family, one.experts, *one.means.values(), one.token_bits, one.place_bits) for one in found
    ]
    return Table(columns, tuple(lines))


def _draw(found: Sequence[Summary]) -> Drawing:
    from matplotlib.figure import Figure as Drawing

    from experiments.report.drawing import INK

    figure = Drawing(figsize=(6.4, 0.8 + 0.27 * len(found)))
    axes = figure.subplots()
    for place, one in enumerate(found):
        axes.plot(one.loads, [place] * len(one.loads), "o", markersize=3, alpha=0.5, color="C0")
    axes.axvline(1.0, color=INK, linewidth=0.8)
    axes.set(xlabel="load / even share", yticks=range(len(found)), ylim=(len(found) - 0.5, -0.5))
    axes.set_yticklabels([one.point.setup.family for one in found])
    return figure


def _close_up(found: Sequence[Point], panel: str, name: str) -> Iterator[Section]:
    """Loads with and without balancing, and which tokens go where, of one seed."""
    for router, short in ((REFERENCE, "balanced"), (UNBALANCED, "unbalanced")):
        point = named(found, router)
        if point is None or (routing := routing_of(point)) is None:
            continue
        yield Section(title=f"Loads by layer, {router}, {panel}", figure=loads(f"{name}-{short}", routing, router))
        if router == REFERENCE and "by_token" in routing["layers"][0]:
            yield Section(
                title=f"Which tokens go where, {router}, {panel}",
                figure=specialisation(f"{name}-tokens", routing, 0, "token", point.setup.task.vocabulary),
            )
