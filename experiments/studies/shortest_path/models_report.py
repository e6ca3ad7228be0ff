"""Panel (a) from the rows: accuracy over total parameters, active parameters and training FLOPs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from experiments.report.page import Entry, Figure, Section, Table
from experiments.store import Row
from experiments.studies.decoders.gains import control_gains, expert_gains, interval, width_gains
from experiments.studies.decoders.panels import draw
from experiments.studies.decoders.points import Point
from experiments.studies.decoders.sections import explained_section, gain_line
from experiments.studies.shortest_path.analysis import CORRECT, explained, path_points, shortcuts

METRICS = ("correct", "exact", "valid", "first_hop")
DRAWN_SHORTCUTS = 3


def sections(rows: Sequence[Row]) -> tuple[Section, ...]:
    if not rows:
        return ()
    found = path_points(rows)
    best = dict(islice(shortcuts(rows).items(), DRAWN_SHORTCUTS))
    return (
        Section(
            title="(a) Accuracy over total parameters, active parameters and training FLOPs",
            paragraphs=(
                f"{_task(rows)} Correct is any shortest path; points are means over seeds, bars reach from the least "
                "to the most. The dense models with more hidden units are controls: their parameters are as many as "
                "with experts, and all active. Horizontal lines are shortcuts, rules that look one step ahead at "
                "most: the best of those that were tried.",
            ),
            table=_table(found),
            figure=Figure(
                "models",
                "Share of correct paths over total parameters, active parameters and training FLOPs, one curve for "
                "dense models, one for each number of experts, one for dense models with more hidden units.",
                lambda: draw(found, CORRECT, "correct paths", baselines=best),
            ),
            caption="If accuracy follows the active parameters, the curves fall together in the middle plot and not in "
            "the left one. FLOPs are those of all training steps, which are as many for every model.",
            statements=("thm-3.2",),
        ),
        *explained_section(
            explained(found),
            explained(found, inner=True),
            "accuracy",
            "An R² that is higher for the total would refute that path finding follows the active parameters.",
            "thm-3.2",
        ),
        *_gains_section(found),
        _shortcut_section(rows),
    )


def _task(rows: Sequence[Row]) -> str:
    task = rows[0].config["task"]
    low, high = task["distances"]
    kind = "a random tree and further edges" if task["family"] == "tree" else "all graphs with as many edges"
    return (
        f"Graphs of {task['vertices']} vertices and {task['edges']} edges ({kind}), distance {low} to {high}, the "
        f"names of the vertices drawn from {task['labels']}."
    )


def _table(found: Sequence[Point]) -> Table:
    columns = ("family", "width", "total", "active", "training FLOPs", "learning rate", "models", *METRICS)
    lines: list[tuple[Entry, ...]] = []
    for point in found:
        rate = " ".join(dict.fromkeys(f"{row.metrics['learning_rate']:g}" for row in point.rows))
        size = (point.setup.model.width, point.counts.total, point.counts.active, f"{point.setup.training_flops:.2e}")
        graded = [interval(point.values(metric)) for metric in METRICS]
        lines.append((point.setup.family, *size, rate, len(point.rows), *graded))
    return Table(columns, tuple(lines))


def _gains_section(found: Sequence[Point]) -> tuple[Section, ...]:
    lines = [gain_line("experts", added) for added in expert_gains(found, CORRECT)]
    lines += [gain_line("hidden units", added) for added in control_gains(found, CORRECT)]
    lines += [gain_line("width", added) for added in width_gains(found, CORRECT)]
    if not lines:
        return ()
    columns = ("by", "from", "to", "total parameters ×", "active parameters ×", "correct, added")
    return (
        Section(
            title="What experts, hidden units and width add",
            paragraphs=(
                "The same width with experts, the same width with more hidden units for every token, and the next "
                "wider dense model. Gains are small where accuracy is near its ceiling: compare rows that start from "
                "the same model. Hidden units are active parameters that are no width: where they add less than width "
                "does, it is the width that counts, and active parameters explain accuracy as far as they follow it.",
            ),
            table=Table(columns, tuple(lines)),
            statements=("thm-3.2",),
        ),
    )


def _shortcut_section(rows: Sequence[Row]) -> Section:
    lines: list[tuple[Entry, ...]] = [
        (name, *(shortcuts(rows, metric)[name] for metric in METRICS)) for name in shortcuts(rows)
    ]
    return Section(
        title="Shortcuts on the same test graphs",
        paragraphs=("What a model must beat before it can be said to search.",),
        table=Table(("rule for the next step", *METRICS), tuple(lines)),
    )
