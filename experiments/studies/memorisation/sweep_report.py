"""Panel (c) from the rows: the active parameters that it takes to memorise, against the number of experts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from experiments.report.page import Entry, Figure, Section, Table
from experiments.store import Row
from experiments.studies.memorisation.analysis import (
    FLOAT_BITS,
    TOLERANCES,
    Need,
    best_need,
    needs,
    paper_experts,
)
from theory.bounds.memorisation import memorisation_min_parameters, memoriser_bound
from theory.memorisation import Router

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

EXACT, NEARLY = TOLERANCES
BUILT: dict[Router, str] = {"dense-interval": "built, Thm 3.5", "interval": "built, rank-one router"}


def sections(rows: Sequence[Row]) -> tuple[Section, ...]:
    if not rows:
        return ()
    found = needs(rows, NEARLY)
    setup = found[0].smallest
    return (
        Section(
            title="(c) Active parameters against the number of experts",
            paragraphs=(
                f"n = {setup.sequences:,} sequences of width {setup.width}. For each K the experts get more hidden "
                f"units, until {1 - NEARLY:.0%} of the labels are right; that model's active parameters are drawn. "
                "Its experts shrink as n/K and its router grows as Km, so active parameters should be fewest near "
                f"√(n/m) = {paper_experts(setup):.1f}. {_best(rows)}",
                "A seed that no size tried memorises counts with the largest tried, which it needs at least "
                "(triangles); a K with such a seed cannot be the best.",
            ),
            table=_table(rows),
            figure=Figure(
                "experts",
                "Active parameters that it takes to memorise against the number of experts, trained and built, with "
                "the square root of n/m and the bound of Theorem 3.6 for dense models.",
                lambda: _draw(found),
            ),
            caption="The fewest active parameters far from √(n/m), at one end say, would refute that K = √(n/m) is the "
            "choice for trained models too; a dense model below the lower line, Theorem 3.6.",
            statements=("thm-3.5", "thm-3.6", "own-interval-memoriser"),
        ),
    )


def _best(rows: Sequence[Row]) -> str:
    texts = []
    for tolerance, words in ((NEARLY, f"{1 - NEARLY:.0%} right"), (EXACT, "all right")):
        best = best_need(rows, tolerance)
        texts.append(
            f"{words}: no K memorises on every seed"
            if best is None
            else f"{words}: K = {best.experts} with {best.mean_active:.0f} active"
        )
    return f"Fewest measured, {'; '.join(texts)}."


def _table(rows: Sequence[Row]) -> Table:
    columns = ("K", "seeds", f"active, {1 - NEARLY:.0%} right", "of each seed", "total of each seed", "not memorised",
               "active, all right", "not memorised, all right", "built, Thm 3.5", "built, rank one")  # fmt: skip
    lines: list[tuple[Entry, ...]] = []
    for need, exact in zip(needs(rows, NEARLY), needs(rows, EXACT), strict=True):
        n, m = need.smallest.sequences, need.smallest.width
        built = [memoriser_bound(n, m, need.experts, router).active for router in BUILT]
        each = (", ".join(map(str, need.active)), ", ".join(f"{total:,}" for total in need.total))
        start = (need.experts, len(need.setups), round(need.mean_active), *each, need.failed)
        lines.append((*start, round(exact.mean_active), exact.failed, *built))
    return Table(columns, tuple(lines))


def _draw(found: Sequence[Need]) -> Drawing:
    from matplotlib.figure import Figure as Drawing

    from experiments.report.drawing import INK

    figure = Drawing()
    axes = figure.subplots()
    setup = found[0].smallest
    n, m = setup.sequences, setup.width
    counts = [need.experts for need in found]
    axes.plot(counts, [need.mean_active for need in found], marker="", color="C0", label="trained, geometric mean")
    for need in found:
        held = [s.counts.active for s in need.setups if s is not None]
        axes.plot([need.experts] * len(held), held, "o", markersize=4, color="C0", linestyle="")
        if need.failed:  # at least so many
            axes.plot(need.experts, need.largest.counts.active, "^", markersize=8, fillstyle="none", color="C0",
                      linestyle="")  # fmt: skip
    for colour, (router, name) in enumerate(BUILT.items(), 1):
        axes.plot(counts, [memoriser_bound(n, m, K, router).active for K in counts], marker="", color=f"C{colour}",
                  label=f"{name}, any labels")  # fmt: skip
    axes.axvline(paper_experts(setup), color=INK, linestyle=":", label="√(n/m)")
    axes.axhline(memorisation_min_parameters(n, FLOAT_BITS), color=INK, linestyle="--",
                 label=f"Thm 3.6, dense, {FLOAT_BITS} bits")  # fmt: skip
    axes.set(xlabel="experts K", ylabel="active parameters", yscale="log")
    axes.set_xscale("log", base=2)
    axes.set_xticks(counts, list(map(str, counts)))
    axes.xaxis.minorticks_off()
    figure.legend(loc="outside lower center", ncols=2)
    return figure
