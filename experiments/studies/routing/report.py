"""The page of the study: headline, panels, what the routers did, checks, and what its size cannot show."""

from __future__ import annotations

from collections.abc import Sequence

from experiments.report.findings import finding
from experiments.report.page import Check, Entry, Page, Ref, Section, Table
from experiments.report.statistics import Interval
from experiments.store import Row
from experiments.studies.decoders.gains import interval
from experiments.studies.decoders.points import Point
from experiments.studies.routing import panel_report, statistics_report
from experiments.studies.routing.analysis import (
    BITS,
    CORRECT,
    READ,
    baselines,
    difference,
    named,
    over_dense,
    router_points,
    summary,
)
from experiments.studies.routing.arms import (
    DENSE,
    EXPERT_CHOICE,
    EXPERTS_AHEAD,
    REFERENCE,
    SOFT_AHEAD,
    TOP_ONE,
    UNBALANCED,
    WIDE,
    is_token_wise,
)
from experiments.studies.routing.cells import MEMORY, PATHS
from experiments.studies.selection import note, of_one_grid, of_panel

LEAD = (
    "One small decoder, every router, two tasks: recall of a phone-book and paths in graphs. All models have as many "
    "parameters in total and as many active, as far as the router allows, and the same candidates for the learning "
    "rate. Routers that look at later tokens are judged by what they write token by token, like all others."
)
AHEAD = (EXPERTS_AHEAD, SOFT_AHEAD)


def page(rows: Sequence[Row]) -> Page:
    """Everything from the rows, complete or not."""
    shown = of_one_grid(rows)
    sections = (*note(rows), *_memory(of_panel(shown, MEMORY)), *_paths(of_panel(shown, PATHS)), *_traps(shown),
                *_limits(shown))  # fmt: skip
    table = headline(shown)
    return Page("Routers at equal parameters", LEAD, table, sections, checks(shown), findings(table))


def _memory(rows: Sequence[Row]) -> tuple[Section, ...]:
    if not rows:
        return ()
    task = rows[0].config["task"]
    title, words = "(a) Recall of a phone-book, by router", f"A book of {task['entries']:,} entries, closed when asked."
    return (
        panel_report.section(rows, title, words, "memory", (BITS, "bits recalled"), ("thm-3.5",)),
        *statistics_report.sections(rows, "(a) phone-book", "memory"),
    )


def _paths(rows: Sequence[Row]) -> tuple[Section, ...]:
    if not rows:
        return ()
    task, layers = rows[0].config["task"], rows[0].config["model"]["layers"]
    words = f"Task {task['name']} on graphs of {task['vertices']} vertices, {layers} layer{'s' if layers > 1 else ''}."
    if layers == 1:
        words += " One layer illustrates Theorem 3.2 and says nothing of deeper models."
    if task["name"] == "two-hop":
        words += (
            " One token is written, so routers that look ahead see no answer here; every question ends in the same "
            "token, so the hash sends all of them to the same experts."
        )
    words += (
        " Expert choice and Soft MoE judge tokens together: what one token holds reaches another beside attention, and "
        "Theorem 3.2 does not cover them."
    )
    title = "(b) Paths in graphs, by router"
    return (
        panel_report.section(rows, title, words, "paths", (CORRECT, "right answers"), ("thm-3.2", "own-cross-token")),
        *statistics_report.sections(rows, "(b) paths", "paths"),
    )


def findings(headline: Table) -> tuple[str, ...]:
    """The reference router and the wide dense model, beside the dense one with as many active parameters."""
    texts = {
        "bits recalled": "bits of the phone-book are recalled",
        "paths right": "of the paths are right",
    }
    return tuple(
        sentence
        for what, text in texts.items()
        for sentence in finding(
            headline,
            f"With experts (top-2) {{experts}} {text}, against {{dense}} by a dense model with as many active "
            "parameters and {wide} by one with as many in total.",
            experts=(f"{what}: {REFERENCE}", "measured"),
            dense=(f"{what}: {DENSE}", "measured"),
            wide=(f"{what}: {WIDE}", "measured"),
        )
    )


def headline(rows: Sequence[Row]) -> Table:
    """Dense and reference models, the best and worst router over the dense model, and the traps."""
    lines: list[tuple[Entry, ...]] = []
    for panel, metric, what, statement in (
        (MEMORY, BITS, "bits recalled", "thm-3.5"),
        (PATHS, CORRECT, "paths right", "thm-3.2"),
    ):
        found, ref = router_points(of_panel(rows, panel)), Ref(statement)
        for name in (DENSE, WIDE, REFERENCE):
            if (point := named(found, name)) is not None:
                lines.append((f"{what}: {name}", interval(point.values(metric)), ref))
        gains = sorted(over_dense(found, metric).items(), key=lambda item: -item[1].value)
        for kind, (name, gain) in zip(("most", "least"), (gains[:1] + gains[-1:]) if gains else (), strict=False):
            lines.append((f"{what}: {kind} over dense with as many active ({name})", gain, ref))
    return Table(("what", "measured", "statement"), tuple(lines))


def _traps(rows: Sequence[Row]) -> tuple[Section, ...]:
    lines = [
        (name, panel, label, difference(router_points(of_panel(rows, panel)), name, metric))
        for panel, metric, label in ((MEMORY, BITS, "bits recalled"), (PATHS, CORRECT, "paths right"))
        for name in (TOP_ONE, UNBALANCED, EXPERT_CHOICE)
    ]
    measured: tuple[tuple[Entry, ...], ...] = tuple(line for line in lines if line[-1] is not None)
    if not measured:
        return ()
    return (
        Section(
            title="Traps of routing, measured",
            paragraphs=(
                f"Each against {REFERENCE}. Top-1 uses the probability itself as its gate: a single renormalised gate "
                "is the constant 1 and leaves the router without gradient from the answers, so it is refused as bad "
                "input and there is no row for it. Without any balancing experts may die: see dead experts above.",
                *_ahead_words(rows),
            ),
            table=Table(("router", "panel", "metric", f"minus {REFERENCE}"), measured),
        ),
    )


def _ahead_words(rows: Sequence[Row]) -> tuple[str, ...]:
    texts = [
        f"{name}, {panel}: reads {point.mean(READ):.2f} of the answers right, writes {point.mean(CORRECT):.2f}"
        for panel in (MEMORY, PATHS)
        for name in AHEAD
        if (point := named(router_points(of_panel(rows, panel)), name)) is not None
    ]
    return (f"Routers that look ahead: {'; '.join(texts)}.",) if texts else ()


def checks(rows: Sequence[Row]) -> tuple[Check, ...]:
    """What the rows could have refuted."""
    found = [point for panel in (MEMORY, PATHS) for point in router_points(of_panel(rows, panel))]
    if not found:
        return ()
    counted = [point for point in found if any(v != point.counts.total for v in point.values("counted"))]
    alone = [row for point in found if is_token_wise(point.setup.model) for row in point.rows]
    differ = [row for row in alone if abs(row.metrics[READ] - _written_exactly(row)) > _rounding(row)]
    models = f"{sum(len(point.rows) for point in found)} models"
    return (
        Check("parameters counted from the tensors are those of the formula", not counted,
              f"{models}; {len(counted)} routers differ", "thm-3.5"),
        Check("what a causal router reads right token by token, it writes right", not differ,
              f"{len(alone)} models; {len(differ)} differ by more than one answer", "thm-3.5"),
        *_load_checks(found),
        *_gain_checks(router_points(of_panel(rows, MEMORY))),
    )  # fmt: skip


def _written_exactly(row: Row) -> float:
    """Share of answers written token for token; a task with several right answers grades these apart."""
    return float(row.metrics.get("exact", row.metrics[CORRECT]))


def _rounding(row: Row) -> float:
    """One answer: two likeliest tokens may change places when sums are added in another order."""
    return 1.0 / int(row.config["tests"]) + 1e-9


def _load_checks(found: Sequence[Point]) -> tuple[Check, ...]:
    even = [s for point in found if point.setup.family in (EXPERT_CHOICE, EXPERTS_AHEAD) and (s := summary(point))]
    free = [s for point in found if (s := summary(point)) and getattr(point.setup.model.router, "capacity", 1) is None]
    uneven = [s for s in even if abs(s.means["largest_load"] - 1) > 1e-6]
    dropping = [s for s in free if s.means["dropped"] > 0]
    return (
        Check("expert choice gives every expert the same load", not uneven,
              f"{len(even)} routers; {len(uneven)} do not", "thm-3.5"),
        Check("token choice without capacity drops nothing", not dropping,
              f"{len(free)} routers; {len(dropping)} do", "thm-3.5"),
    )  # fmt: skip


def _gain_checks(found: Sequence[Point]) -> tuple[Check, ...]:
    gain: Interval | None = difference(found, REFERENCE, BITS, DENSE)
    if gain is None:
        return ()
    return (
        Check(f"{REFERENCE} recalls no fewer bits than the dense model with as many active parameters", gain.high >= 0,
              f"{gain} bits more", "thm-3.5", proved=False),
    )  # fmt: skip


def _limits(rows: Sequence[Row]) -> tuple[Section, ...]:
    if not rows:
        return ()
    seeds = len({row.cell.seed for row in rows})
    widths = {row.panel: row.config["model"]["width"] for row in rows}
    steps = {row.panel: row.config["recipe"]["steps"] for row in rows}
    diverged = sum(row.stopped.startswith("diverged") for row in rows)
    best = [f"{name} {height:.2f}" for name, height in baselines(of_panel(rows, PATHS)).items()]
    return (
        Section(
            title="What this size cannot show",
            paragraphs=(
                f"One width a panel ({', '.join(map(str, widths.values()))}), {seeds} seeds, "
                f"{' and '.join(map(str, steps.values()))} steps; "
                f"{diverged} models diverged. So few steps compare how fast routers learn as much as what they can "
                "hold, and differences smaller than their intervals say nothing.",
                *([f"Shortcuts on the path task: {', '.join(best)}."] if best else []),
            ),
        ),
    )
