"""Panel (c) from the rows: bits of a threshold against the number of sequences."""

from __future__ import annotations

from collections.abc import Sequence
from math import log2
from typing import TYPE_CHECKING

from experiments.report.page import Entry, Figure, Section, Table
from experiments.store import Row
from experiments.studies.memoriser.analysis import FAILURE, points, sufficient_fraction_bits
from experiments.studies.memoriser.cells import BITS_ROUTERS, Setup
from theory.memorisation import Router

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

NAMES: dict[Router, str] = {"interval": "intervals, rank one", "random-unit": "random directions of one length"}


def sections(rows: Sequence[Row]) -> tuple[Section, ...]:
    if not rows:
        return ()
    return (
        Section(
            title="(c) Bits of a threshold, against the number of sequences",
            paragraphs=(
                "A threshold must tell apart the two nearest readings of different label in one expert. Neighbours in "
                "an interval are neighbours of all n readings, so their gaps fall as 1/n² and take 2 log2 n bits; "
                "random directions spread neighbours over experts and save about log2 K of them. Beside the fewest "
                "fraction bits that hold the labels: those that are used, which leave a quarter of the narrowest gap "
                "on both sides, and the labels that the same weights get wrong when computed in float32.",
            ),
            table=_table(rows),
            figure=Figure(
                "bits",
                "Fewest fraction bits of a threshold against the number of sequences, beside 2 log2 n and the bits "
                "that suffice with high probability.",
                lambda: _draw(rows),
            ),
            caption=f"The upper line suffices with probability {float(1 - FAILURE):g}: more than as many points above "
            "it would refute it.",
            statements=("own-interval-memoriser",),
        ),
    )


def _table(rows: Sequence[Row]) -> Table:
    columns = ("router", "n", "K", "models", "fewest fraction bits", "suffice", "threshold bits", "wrong in float32")
    lines: list[tuple[Entry, ...]] = []
    for point in points(rows):
        fewest = ", ".join(f"{bits:.0f}" for bits in point.values("least_fraction_bits"))
        used = ", ".join(f"{bits:.0f}" for bits in point.values("threshold_bits"))
        wrong = ", ".join(f"{count:,.0f}" for count in point.values("float32_wrong"))
        enough = sufficient_fraction_bits(Setup.of(point.rows[0].cell))
        lines.append(
            (NAMES[point.router], point.sequences, point.experts, len(point.rows), fewest, enough, used, wrong)
        )
    return Table(columns, tuple(lines))


def _draw(rows: Sequence[Row]) -> Drawing:
    from matplotlib.figure import Figure as Drawing

    from experiments.report.drawing import INK

    figure = Drawing()
    axes = figure.subplots()
    for colour, router in enumerate(BITS_ROUTERS):
        mine = [point for point in points(rows) if point.router == router]
        means = [point.mean("least_fraction_bits") for point in mine]
        axes.plot([point.sequences for point in mine], means, marker="", color=f"C{colour}", label=NAMES[router])
        for point in mine:
            bits = point.values("least_fraction_bits")
            axes.plot([point.sequences] * len(bits), bits, "o", markersize=4, color=f"C{colour}")
    first = {point.sequences: point for point in points(rows)}
    sizes = sorted(first)
    enough = [sufficient_fraction_bits(Setup.of(first[n].rows[0].cell)) for n in sizes]
    axes.plot(sizes, enough, "--", marker="", color=INK, label=f"suffice with probability {float(1 - FAILURE):g}")
    axes.plot(sizes, [2 * log2(n) for n in sizes], ":", marker="", color=INK, label="2 log2 n")
    axes.set(xlabel="sequences n", ylabel="fraction bits of a threshold")
    axes.set_xscale("log", base=2)
    figure.legend(loc="outside lower center", ncols=2)
    return figure
