"""Panels (a) and (b), trained models: accuracy by routing and width, and every seed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.report.page import Check, Entry, Figure, Ref, Section, Table
from experiments.report.statistics import wilson
from experiments.store import Row
from experiments.studies.routing_boundary.arms import ARMS
from experiments.studies.routing_boundary.limits import BITS, dense_ceiling, message_ceiling
from experiments.studies.routing_boundary.trained_analysis import Point, cells, points
from experiments.studies.routing_boundary.trained_drawing import draw_means, draw_seeds
from experiments.studies.routing_boundary.training import TARGET


def lines(rows: Sequence[Row]) -> list[tuple[Entry, ...]]:
    """Of the headline: for each arm, the share of its models that found it, sizes and widths taken together."""
    everyone = points(rows)
    sizes = ", ".join(str(r) for r in sorted({point.r for point in everyone}))
    found: list[tuple[Entry, ...]] = []
    for arm in ARMS:
        mine = [point for point in everyone if point.arm == arm]
        if mine:
            models = sum(len(point.accuracies) for point in mine)
            share = wilson(sum(point.found for point in mine), models)
            what = f"trained, {arm}: share of {models} models that reach {TARGET:.0%}, r = {sizes}"
            found.append((what, share, _limit(mine), Ref("own-coverage")))
    return found


def _limit(mine: Sequence[Point]) -> str:
    if ARMS[mine[0].arm].crosses:
        return "no bound"
    least = min(message_ceiling(point.r, point.width) for point in mine)
    return "no bound at these sizes" if least == 1 else f"accuracy at most {least:.3f} at {BITS} bits"


def sections(rows: Sequence[Row]) -> tuple[Section, ...]:
    everyone = points(rows)
    if not everyone:
        return ()
    config = cells(rows)[0].config
    steps = sorted({(row.config["r"], row.config["steps"]) for row in cells(rows)})
    budgets = ", ".join(f"{count:,} steps at r = {r}" for r, count in steps)
    return (_means_section(everyone, budgets, config), _seeds_section(everyone))


def _means_section(everyone: Sequence[Point], budgets: str, config: Mapping[str, Any]) -> Section:
    best = max((max(p.accuracies) for p in everyone if not ARMS[p.arm].crosses), default=None)
    control = "" if best is None else f" The best of all token-wise seeds has {best:.3f}."
    return Section(
        title="(a) Trained: accuracy by routing and width",
        paragraphs=(
            f"{budgets}, of {config['batch']} graphs, for every arm; {config['hidden']} hidden units an expert, one "
            "head, attention of all tokens; half of the graphs of a step begin sparse. The learning rate is the "
            f"better one of {', '.join(f'{rate:g}' for rate in _rates(everyone))} on a seed that no result uses. "
            f"Accuracy is that of the ordinary model on {config['test_graphs']:,} fresh planted graphs; the mean over "
            "seeds with its bootstrap interval, short marks are seeds.",
            f"The token-wise arms are the control, not an instance of a bound: {_bounds_say(everyone)}{control}",
        ),
        table=_table(everyone),
        figure=Figure(
            "accuracy",
            "Mean accuracy of every arm at each size and width, with bootstrap intervals, and the seeds.",
            lambda: draw_means(everyone),
        ),
        caption="Routing across tokens would be no help to training if its marks lay with the token-wise ones. A "
        "token-wise seed above a ceiling below 1 would refute that ceiling.",
        statements=("own-coverage", "own-pattern-bound", "own-planted-ceiling", "own-pattern-ceiling"),
    )


def _bounds_say(everyone: Sequence[Point]) -> str:
    ceilings = {(p.r, p.width): message_ceiling(p.r, p.width) for p in everyone}
    low = [f"r = {r}, width {width}: {ceiling:.3f}" for (r, width), ceiling in ceilings.items() if ceiling < 1]
    if low:
        return f"ceilings at {BITS} bits are {'; '.join(low)}, and 1 at the other sizes."
    return (
        f"at {BITS} bits the ceilings are 1 at all of these sizes, so that training alone keeps them from the answer."
    )


def _rates(everyone: Sequence[Point]) -> list[float]:
    return sorted({rate for point in everyone for rate in point.rates})


def _seeds_section(everyone: Sequence[Point]) -> Section:
    return Section(
        title="(b) Trained: which seeds find it",
        paragraphs=(
            _who_finds_it(everyone),
            "Soft MoE has a gradient everywhere. A place in an expert, by choice or by capacity, is a step function of "
            "the other tokens' states, and only the query's output is read: the exact gradient of what edges learn "
            "from each other is zero, so those arms are trained like token-wise ones. The arms named straight-through "
            "have the same answers and a sigmoid's gradient in that place. The solid line is the best that can be done "
            "by counting edges: a seed at it has learnt nothing of who is whose partner.",
        ),
        figure=Figure(
            "seeds",
            "Accuracy of every seed by arm, one plot for each size and width; dotted what counts as found, "
            "solid that of the best rule which sees only how many edges there are.",
            lambda: draw_seeds(everyone),
        ),
        caption="This measures training, not what exists: hand-built weights of these forms are right on every graph "
        f"with width c + 4. A seed at {TARGET:.0%} with expert choice or capacity and the exact gradient would refute "
        "the reading that it is the obstacle.",
        statements=("own-coverage", "own-cross-token"),
    )


def _who_finds_it(everyone: Sequence[Point]) -> str:
    """Which arms have a seed that found it, in words."""
    total: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for point in everyone:
        total[point.arm][0] += point.found
        total[point.arm][1] += len(point.accuracies)
    some = [f"{arm} ({found} of {seeds})" for arm, (found, seeds) in total.items() if found]
    none = [arm for arm, (found, _) in total.items() if not found]
    parts = [f"seeds that reach {TARGET:.0%} at any size and width: {'; '.join(some)}."] if some else []
    parts += [f"no seed does with {'; '.join(none)}."] if none else []
    return " ".join(part[0].upper() + part[1:] for part in parts)


def checks(rows: Sequence[Row]) -> tuple[Check, ...]:
    """Only where a ceiling is below 1 can a trained model refute it."""
    dense = [row for row in cells(rows) if row.config["arm"] == "dense"]
    limited = [(row, _ceiling(row)) for row in dense if _ceiling(row) < 1]
    if not limited:
        return ()
    above = [row for row, ceiling in limited if _surely(row) > ceiling]
    return (
        Check("no dense model exceeds the ceiling of its width and units", not above,
              f"{len(limited)} models; {len(above)} do", "own-pattern-ceiling"),
    )  # fmt: skip


def _ceiling(row: Row) -> float:
    return dense_ceiling(row.config["r"], row.config["width"], row.config["hidden"])


def _surely(row: Row) -> float:
    graphs = row.config["test_graphs"]
    return wilson(round(row.metrics["accuracy"] * graphs), graphs).low


def _table(everyone: Sequence[Point]) -> Table:
    columns = ("arm", "looks across tokens", "r", "width", "rate", "seeds", f"reach {TARGET:.0%}", "share",
               "mean accuracy", "least", "most")  # fmt: skip
    return Table(
        columns,
        tuple(
            (p.arm, ARMS[p.arm].crosses, p.r, p.width, p.rate, len(p.accuracies), p.found,
             wilson(p.found, len(p.accuracies)), p.mean, min(p.accuracies), max(p.accuracies))
            for p in everyone
        ),
    )  # fmt: skip
