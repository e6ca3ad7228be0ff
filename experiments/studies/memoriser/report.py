"""The page of the study: headline, panels and checks."""

from __future__ import annotations

from collections.abc import Sequence

from experiments.report.findings import finding
from experiments.report.page import Check, Entry, Page, Ref, Table
from experiments.report.statistics import mean_interval, wilson
from experiments.store import Row
from experiments.studies.memoriser import bits_report, count_report, load_report
from experiments.studies.memoriser.analysis import (
    FAILURE,
    best_measured,
    held,
    imbalance,
    paper_experts,
    points,
    sufficient_fraction_bits,
)
from experiments.studies.memoriser.cells import BITS, COUNT, LOAD, Setup
from experiments.studies.selection import note, of_one_grid, of_panel
from theory.accounting import memoriser_parameters
from theory.bounds.memorisation import largest_load, memoriser_bound
from theory.memorisation import Router

BALANCED: tuple[Router, ...] = ("interval", "dense-interval")

LEAD = (
    "Every model here is built, not trained: it holds the labels of n random sequences, and each label was checked "
    "through the weights. Parameters and bits are counted from the tensors. Experts do not lower how much must be "
    "stored; they lower how much of it one answer uses."
)


def page(rows: Sequence[Row]) -> Page:
    """Everything from the rows, complete or not."""
    shown = held(of_one_grid(rows))
    sections = (
        *note(rows),
        *count_report.sections(of_panel(shown, COUNT)),
        *load_report.sections(of_panel(shown, LOAD)),
        *bits_report.sections(of_panel(shown, BITS)),
    )
    title, table = "Memorisation: how much is stored, how much is active", headline(shown)
    return Page(title, LEAD, table, sections, checks(rows), findings(table))


def findings(headline: Table) -> tuple[str, ...]:
    """Active and total parameters at the best K."""
    return finding(
        headline,
        "Experts lower what is active, not what is stored: with a rank-one router {active} of {total} parameters are "
        "active at the best K, {best} ({law}).",
        active=("active parameters there, rank-one", "measured"),
        total=("total parameters there, rank-one", "measured"),
        best=("best K, rank-one", "measured"),
        law=("best K, rank-one", "by the theorem"),
    )


def headline(rows: Sequence[Row]) -> Table:
    """Measured counts beside what the theorems say: the best K, the imbalance, the bits."""
    lines = [*_optimum_lines(of_panel(rows, COUNT)), *_load_lines(of_panel(rows, LOAD))]
    intervals = [point for point in points(of_panel(rows, BITS)) if point.router == "interval"]
    for point in intervals[-1:]:
        enough = sufficient_fraction_bits(Setup.of(point.rows[0].cell))
        lines.append(
            (
                f"fewest fraction bits of a threshold, n = {point.sequences:,}",
                point.mean("least_fraction_bits"),
                f"{enough} suffice for {float(1 - FAILURE):.0%}",
                Ref("own-interval-memoriser"),
            )
        )
    return Table(("what", "measured", "by the theorem", "statement"), tuple(lines))  # fmt: skip


def _optimum_lines(rows: Sequence[Row]) -> list[tuple[Entry, ...]]:
    lines: list[tuple[Entry, ...]] = []
    for router, name in count_report.NAMES.items():
        best, statement = best_measured(rows, router), Ref(count_report.STATEMENTS[router])
        if best is None:
            continue
        law = f"{'√n' if router == 'interval' else '√(n/m)'} = {paper_experts(best):.1f}"
        lines.append((f"best K, {name}", best.experts, law, statement))
        limits: tuple[Entry, Entry] = (None, None)
        if router in BALANCED:
            bound = memoriser_bound(best.sequences, best.width, best.experts, router)
            limits = (f"at most {bound.active:,}", f"at most {bound.total:,}")
        lines.append((f"active parameters there, {name}", round(best.mean("active")), limits[0], statement))
        lines.append((f"total parameters there, {name}", round(best.mean("total")), limits[1], statement))
    return lines


def _load_lines(rows: Sequence[Row]) -> list[tuple[Entry, ...]]:
    widths = [point.width for point in points(rows)]
    return [
        (f"largest load over n/K, {load_report.NAMES[point.router]}, m = {point.width}",
         mean_interval(imbalance(point)),
         "1" if point.router in BALANCED else None, Ref(count_report.STATEMENTS[point.router]))
        for point in points(rows) if point.width in (min(widths), max(widths))
    ]  # fmt: skip


def checks(rows: Sequence[Row]) -> tuple[Check, ...]:
    """What the rows could have refuted."""
    rows = held(rows)
    if not rows:
        return ()
    labels = sum(row.config["sequences"] for row in rows)
    wrong = sum(row.metrics["wrong"] for row in rows)
    balanced = [row for row in rows if row.config["router"] in BALANCED]
    uneven = [row for row in balanced if not _is_even(row)]
    above = [row for row in balanced if not _within_any_labels(row)]
    miscounted = [row for row in rows if not _is_counted(row)]
    too_few = [row for row in rows if row.metrics["bits"] < row.config["sequences"]]
    draws = {Setup.of(row.cell).source for row in rows}  # models of the same sequences need about the same bits
    short = {Setup.of(row.cell).source for row in rows if _needs_more_bits(row)}
    models = f"{len(rows)} models"
    return (
        Check("every label of every model is right in float64", not wrong,
              f"{labels:,} labels of {models}; {wrong} are wrong", "own-interval-memoriser"),
        Check("total and active parameters counted from the tensors are those of the formula", not miscounted,
              f"{models}; {len(miscounted)} differ", "own-interval-memoriser"),
        Check("interval routers give every expert ⌊n/K⌋ or ⌈n/K⌉ sequences", not uneven,
              f"{len(balanced)} models; {len(uneven)} do not", "own-interval-memoriser"),
        Check("none takes more parameters than suffice for any labels", not above,
              f"{len(balanced)} models with an interval router; {len(above)} do", "thm-3.5"),
        Check("none stores fewer bits than it holds labels", not too_few, f"{models}; {len(too_few)} do", "thm-3.6"),
        Check(f"the fraction bits that suffice with probability {float(1 - FAILURE):g} do as often as that",
              wilson(len(short), len(draws)).low <= FAILURE,
              f"{len(draws)} draws of sequences; {len(short)} have a model that needs more",
              "own-interval-memoriser"),
        *_optimum_checks(of_panel(rows, COUNT)),
    )  # fmt: skip


def _optimum_checks(rows: Sequence[Row]) -> tuple[Check, ...]:
    found = []
    for router in BALANCED:
        best = best_measured(rows, router)
        if best is not None:
            law = "√n" if router == "interval" else "√(n/m)"
            ratio = best.experts / paper_experts(best)
            claim = f"{count_report.NAMES[router]}: the best measured K is within a factor of two of {law}"
            detail = f"K = {best.experts}, {ratio:.2f} times it"
            found.append(Check(claim, 0.5 <= ratio <= 2, detail, count_report.STATEMENTS[router], proved=False))
    return tuple(found)


def _needs_more_bits(row: Row) -> bool:
    return bool(row.metrics["least_fraction_bits"] > sufficient_fraction_bits(Setup.of(row.cell)))


def _is_even(row: Row) -> bool:
    n, K = row.config["sequences"], row.config["experts"]
    return bool(row.metrics["largest_load"] == largest_load(n, K) and row.metrics["smallest_load"] == n // K)


def _is_counted(row: Row) -> bool:
    config = row.config
    formula = memoriser_parameters(config["width"], row.metrics["hidden"], config["experts"], config["router"])
    return (row.metrics["total"], row.metrics["active"]) == (formula.total, formula.active)


def _within_any_labels(row: Row) -> bool:
    config = row.config
    bound = memoriser_bound(config["sequences"], config["width"], config["experts"], config["router"])
    return bool(row.metrics["total"] <= bound.total and row.metrics["active"] <= bound.active)
