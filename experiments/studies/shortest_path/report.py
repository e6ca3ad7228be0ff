"""The page of the study: headline, panels, checks, and what its size cannot show."""

from __future__ import annotations

from collections.abc import Sequence

from experiments.report.page import Check, Entry, Page, Ref, Section, Table
from experiments.store import Row
from experiments.studies.decoders.gains import Gain, control_gains, expert_gains, interval, width_gains
from experiments.studies.decoders.points import Point
from experiments.studies.decoders.sections import claim_checks, explained_finding, explained_lines
from experiments.studies.selection import note, of_one_grid, of_panel
from experiments.studies.shortest_path import depth_report, larger_report, models_report
from experiments.studies.shortest_path.analysis import CORRECT, explained, path_points, shortcuts
from experiments.studies.shortest_path.cells import DEPTH, MODELS

LEAD = (
    "Decoders, dense and with experts, read a graph as a list of edges and write a shortest path between two of its "
    "vertices. The paper finds that accuracy follows the active parameters and that experts help little. Every model "
    "had the same candidates for its learning rate and the same number of steps; test graphs occur in no training."
)


def page(rows: Sequence[Row]) -> Page:
    """Everything from the rows, complete or not."""
    shown = of_one_grid(rows)
    models = of_panel(shown, MODELS)
    sections = (
        *note(rows),
        *models_report.sections(models),
        *larger_report.sections(models),
        *depth_report.sections(of_panel(shown, DEPTH)),
        *_limits(models),
    )
    title, table = "Shortest paths: total or active parameters", headline(shown)
    return Page(title, LEAD, table, sections, checks(shown), explained_finding(table, "accuracy"))


def headline(rows: Sequence[Row]) -> Table:
    """The claim as numbers: what each count explains, what experts add, what width adds."""
    found = path_points(of_panel(rows, MODELS))
    lines = explained_lines(explained(found), explained(found, inner=True), "accuracy", "", "thm-3.2")
    gains = (*expert_gains(found, CORRECT), *control_gains(found, CORRECT), *width_gains(found, CORRECT))
    lines += [(_words(added), added.added, Ref("thm-3.2")) for added in gains]
    for name, height in list(shortcuts(of_panel(rows, MODELS)).items())[:1] if found else ():
        lines.append((f"best shortcut ({name})", height, None))
    lines += [_one_layer_line(point) for point in path_points(of_panel(rows, DEPTH)) if point.setup.model.layers == 1]
    return Table(("what", "measured", "statement"), tuple(lines))


def _words(added: Gain) -> str:
    before, after = added.before, added.after
    if after.setup.model.width == before.setup.model.width:
        return f"added by {after.setup.family}, at width {after.setup.model.width}"
    return f"added by width {before.setup.model.width} → {after.setup.model.width}, dense"


def _one_layer_line(point: Point) -> tuple[Entry, ...]:
    name = f"one layer, length-2 path, {point.setup.family}, width {point.setup.model.width}"
    return (name, interval(point.values("correct")), Ref("thm-3.2"))


def checks(rows: Sequence[Row]) -> tuple[Check, ...]:
    """What the rows could have refuted: first the bookkeeping, then the paper's claim."""
    models = of_panel(rows, MODELS)
    if not models:
        return ()
    unordered = [row for row in models if not _is_ordered(row)]
    counted = [point for point in path_points(models) if any(v != point.counts.total for v in point.values("counted"))]
    size = f"{len(models)} models"
    return (
        Check("parameters counted from the tensors are those of the formula", not counted,
              f"{size}; {len(counted)} sizes differ", "thm-3.2"),
        Check("exact ≤ correct ≤ valid, and correct ≤ first hop, for every model", not unordered,
              f"{size}; {len(unordered)} do not", "thm-3.2"),
        *_shortcut_check(models),
        *claim_checks(explained(path_points(models)), "accuracy", "active", "thm-3.2"),
    )  # fmt: skip


def _is_ordered(row: Row) -> bool:
    metrics = row.metrics
    return bool(metrics["exact"] <= metrics["correct"] <= min(metrics["valid"], metrics["first_hop"]))


def _shortcut_check(models: Sequence[Row]) -> tuple[Check, ...]:
    name, height = next(iter(shortcuts(models).items()))
    widest = max(path_points(models), key=lambda point: (point.setup.model.width, point.counts.active))
    mean = interval(widest.values("correct"))
    holds = mean is not None and mean.low > height
    detail = f"width {widest.setup.model.width}, {widest.setup.family}: {mean} against {height:.3f} ({name})"
    return (Check("the largest model beats every shortcut", holds, detail, "thm-3.2", proved=False),)


def _limits(models: Sequence[Row]) -> tuple[Section, ...]:
    if not models:
        return ()
    task, seeds = models[0].config["task"], len({row.cell.seed for row in models})
    diverged = sum(row.stopped.startswith("diverged") for row in models)
    recipe = models[0].config["recipe"]
    return (
        Section(
            title="What this size cannot show",
            paragraphs=(
                f"Graphs of {task['vertices']} vertices, {recipe['steps']} steps of {recipe['batch']} graphs and "
                f"{seeds} seeds; {diverged} models diverged. Small models stop improving because training ends, not "
                "because they cannot express the task: at so few steps accuracy mixes what a model can hold with how "
                "fast it learns, and a wider model learns faster. The paper's graphs have 50 vertices, its models 12 "
                "layers and widths from 256; its graph distribution, text format and learning rates are not "
                "published, so those here are choices. The preset `paper` is that grid.",
                "The count of active parameters includes embedding and head, which here are a large part of a small "
                "model. The regression asks which count explains accuracy on this grid of models; other grids weigh "
                "widths and experts differently.",
            ),
        ),
    )
