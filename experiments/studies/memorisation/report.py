"""The page of the study: headline, panels, shortcuts, checks, and what its size cannot show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from experiments.engine import DIVERGED
from experiments.report.findings import finding
from experiments.report.page import Check, Entry, Page, Ref, Section, Table
from experiments.report.statistics import mean_interval
from experiments.store import Row
from experiments.studies.memorisation import capacity_report, density_report, sweep_report
from experiments.studies.memorisation.analysis import (
    FLOAT_BITS,
    TOLERANCES,
    Comparison,
    Model,
    Need,
    best_need,
    bits_held,
    comparisons,
    paper_experts,
    points,
)
from experiments.studies.memorisation.cells import ATTENTION, CAPACITY, LONGER, SWEEP
from experiments.studies.memorisation.density_report import density, most_bits
from experiments.studies.memorisation.setup import Setup
from experiments.studies.memorisation.shortcuts import SHORTCUTS, ShortcutSetup
from experiments.studies.selection import note, of_one_grid, of_panel
from theory.bounds.memorisation import best_experts, labelings_held, memoriser_bound

EXACT, NEARLY = TOLERANCES
DOUBTED = 20
"""Bits: random labels that a count holds with a probability below 2^-20 would refute the count."""

LEAD = (
    "One layer with random sequences and random labels: how many labels does training put into it, and does it matter "
    "whether its parameters are one dense block or experts of which one is active? Theorems 3.5 and 3.6 say that "
    "experts save active parameters and none in total. Every model had the same candidates for learning rate and "
    "momentum, chosen on sequences that no result uses, and the same number of steps."
)


def page(rows: Sequence[Row]) -> Page:
    """Everything from the rows, complete or not."""
    shown = of_one_grid(rows)
    capacity, sweep = of_panel(shown, CAPACITY), of_panel(shown, SWEEP)
    sections = (
        *note(rows),
        *capacity_report.sections(capacity),
        *density_report.sections(capacity, of_panel(shown, LONGER), of_panel(shown, ATTENTION)),
        *sweep_report.sections(sweep),
        *_shortcuts(of_panel(shown, SHORTCUTS)),
        *_limits(capacity),
    )
    title, table = "Memorisation: what training puts into a layer", headline(shown)
    return Page(title, LEAD, table, sections, checks(shown), findings(table))


def findings(headline: Table) -> tuple[str, ...]:
    """The first pair of a mixture and its dense models, and the best K."""
    column = "difference, ratio or law"
    held = finding(
        headline,
        "At equal totals ({who}) a dense layer holds {dense} and one with experts {experts}, a difference of {more}; "
        "at equal active parameters the experts hold {times} times as many bits.",
        who=("bits a parameter, ", "what"),
        dense=("bits a parameter, ", "dense"),
        experts=("bits a parameter, ", "with experts"),
        more=("bits a parameter, ", column),
        times=("bits, ", column),
    )
    return held + finding(
        headline,
        "Fewest active parameters are needed at K = {best}, where {law}.",
        best=("K with fewest active parameters", "with experts"),
        law=("K with fewest active parameters", column),
    )


def headline(rows: Sequence[Row]) -> Table:
    """Dense against experts at equal total and at equal active parameters; the best K beside that of the theorem."""
    lines: list[tuple[Entry, ...]] = []
    for pair in comparisons(of_panel(rows, CAPACITY)):
        lines += _pair_lines(pair)
    sweep = of_panel(rows, SWEEP)
    best = best_need(sweep, NEARLY)
    if best is not None:
        n, m = best.smallest.sequences, best.smallest.width
        law = f"√(n/m) = {paper_experts(best.smallest):.1f}"
        lines.append((f"K with fewest active parameters, n = {n}, m = {m}", None, best.experts, law, Ref("thm-3.5")))
        built = _built_active(best)
        lines.append(("active parameters there", None, mean_interval(best.active), f"built: {built}", Ref("thm-3.5")))
    return Table(("what", "dense", "with experts", "difference, ratio or law", "statement"), tuple(lines))


def _pair_lines(pair: Comparison) -> list[tuple[Entry, ...]]:
    mixed, total, active = pair.mixture, pair.same_total, pair.same_active
    who = f"{mixed.name}, {mixed.counts.total} parameters"
    return [
        (
            f"bits a parameter, {who}",
            mean_interval(density(total)),
            mean_interval(density(mixed)),
            pair.more(density),
            Ref("thm-3.6"),
        ),
        (
            f"largest n, {1 - NEARLY:.0%} right, {who}",
            mean_interval(_largest(total)),
            mean_interval(_largest(mixed)),
            pair.more(_largest),
            Ref("thm-3.6"),
        ),
        (
            f"bits, {who}, {mixed.counts.active} active, and dense with {active.counts.total}",
            mean_interval(most_bits(active)),
            mean_interval(most_bits(mixed)),
            pair.times(most_bits),
            Ref("thm-3.5"),
        ),
    ]


def _largest(model: Model) -> list[int]:
    return model.largest(NEARLY)


def checks(rows: Sequence[Row]) -> tuple[Check, ...]:
    """What the rows could have refuted: the bounds first, then what is expected of training and is no theorem."""
    trained = [row for row in rows if row.panel != SHORTCUTS]
    if not trained:
        return ()
    setups = [Setup.of(row.cell) for row in trained]
    miscounted = [row for row, setup in zip(trained, setups, strict=True) if row.metrics["total"] != setup.counts.total]
    beyond = [
        row for row, setup in zip(trained, setups, strict=True)
        if labelings_held(setup.counts.total, FLOAT_BITS, setup.sequences, row.metrics["wrong"]) * 2**DOUBTED < 1
    ]  # fmt: skip
    size = f"{len(trained)} models"
    most = max(
        bits_held(setup.sequences, row.metrics["wrong"]) / setup.counts.total
        for row, setup in zip(trained, setups, strict=True)
    )
    return (
        Check("parameters counted from the tensors are those of the formula", not miscounted,
              f"{size}; {len(miscounted)} differ", "thm-3.6"),
        Check(f"no model holds labels that parameters of {FLOAT_BITS} bits hold with probability below 2^-{DOUBTED}",
              not beyond, f"{size}; {len(beyond)} do; the most held is {most:.2f} bits a parameter", "thm-3.6"),
        *_pair_checks(comparisons(of_panel(rows, CAPACITY))),
        *_sweep_checks(of_panel(rows, SWEEP)),
    )  # fmt: skip


def _pair_checks(pairs: Sequence[Comparison]) -> tuple[Check, ...]:
    if not pairs:
        return ()
    ahead = [pair for pair in pairs if pair.more(density).low > 0]
    behind = [pair for pair in pairs if not pair.times(most_bits).low > 1]
    return (
        Check("no mixture holds more bits a parameter than the dense model of the same total, beyond the interval",
              not ahead, f"{len(pairs)} pairs; {len(ahead)} do", "thm-3.6", proved=False),
        Check("every mixture holds more bits than the dense model with as many active parameters, beyond the "
              "interval", not behind, f"{len(pairs)} pairs; {len(behind)} do not", "thm-3.5", proved=False),
    )  # fmt: skip


def _sweep_checks(rows: Sequence[Row]) -> tuple[Check, ...]:
    best = best_need(rows, NEARLY)
    if best is None:
        return ()
    tried = [Setup.of(row.cell).experts for row in rows]
    if not min(tried) < paper_experts(best.smallest) < max(tried):  # an unfinished run says nothing of the best K
        return ()
    ratio, built = best.experts / paper_experts(best.smallest), _built_active(best)
    return (
        Check("the K with which training takes fewest active parameters is within a factor of two of √(n/m)",
              0.5 <= ratio <= 2, f"K = {best.experts}, {ratio:.2f} times it", "thm-3.5", proved=False),
        Check("there, training takes no more active parameters than the built memoriser of Theorem 3.5 at its best K "
              "for any labels", best.mean_active <= built, f"{best.mean_active:.0f} against {built}", "thm-3.5",
              proved=False),
    )  # fmt: skip


def _built_active(need: Need) -> int:
    """Active parameters of the built memoriser with a full router, at its best K, for the same sequences."""
    n, m = need.smallest.sequences, need.smallest.width
    return memoriser_bound(n, m, best_experts(n, m, "dense-interval"), "dense-interval").active


def _shortcuts(rows: Sequence[Row]) -> tuple[Section, ...]:
    lines: list[tuple[Entry, ...]] = []
    setups = sorted({ShortcutSetup.of(row.cell) for row in rows}, key=lambda setup: (setup.width, setup.sequences))
    for setup in setups:
        mine = [row for row in rows if ShortcutSetup.of(row.cell) == setup]
        n = setup.sequences
        for name in mine[0].metrics["wrong"]:
            wrong = [row.metrics["wrong"][name] for row in mine]
            lines.append(
                (
                    name,
                    n,
                    setup.width,
                    mean_interval([1 - w / n for w in wrong]),
                    mean_interval([bits_held(n, w) for w in wrong]),
                )
            )
    if not lines:
        return ()
    return (
        Section(
            title="Shortcuts on the same sequences",
            paragraphs=("What is right without a hidden layer; labels are drawn apart from the sequences.",),
            table=Table(("guess", "n", "m", "labels right", "bits"), tuple(lines)),
        ),
    )


def _limits(rows: Sequence[Row]) -> tuple[Section, ...]:
    if not rows:
        return ()
    setup = Setup.of(rows[0].cell)
    diverged = sum(row.stopped == DIVERGED for row in rows)
    rates = sorted({row.metrics["learning_rate"] for row in rows})
    largest = max(point.setup.counts.total for point in points(rows))
    return (
        Section(
            title="What this size cannot show",
            paragraphs=(
                f"Models of up to {largest} parameters, {setup.together} seeds, {setup.steps:,} steps with Adam and "
                f"the logistic loss; {diverged} models diverged. Every measured n is what this training reaches, below "
                "what the weights could hold: how far below, the section on more steps hints at. Learning rates chosen "
                f"by the labels wrong after a quarter of the steps: {_listed(rates)} of "
                f"{_listed(setup.learning_rates)}.",
                "The paper's theorem hides factors of log n and the bits of a parameter; it leaves open the constants, "
                "which decide at this size. A mixture's router is trained by its gate and a balancing loss of weight "
                f"{setup.balance:g}, a setting that dense models do not have; it was chosen on other seeds, once for "
                "all mixtures.",
            ),
        ),
    )


def _listed(numbers: Iterable[float]) -> str:
    return ", ".join(f"{number:g}" for number in numbers)
