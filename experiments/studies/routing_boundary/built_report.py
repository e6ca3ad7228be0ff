"""Panel (a), hand-built models: width against r beside the token-wise bounds, accuracy beside the ceilings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from experiments.report.page import Check, Entry, Figure, Ref, Section, Table
from experiments.report.statistics import wilson
from experiments.store import Row
from experiments.studies.routing_boundary.built import LAWS, PANEL
from experiments.studies.routing_boundary.limits import (
    BITS,
    BOUNDS,
    BUILT_UNITS,
    dense_ceiling,
    excluded_from,
    least_width,
    message_ceiling,
)
from experiments.studies.selection import of_panel
from parrots.constructions.packed import default_width
from theory.bounds import dense_width
from theory.bounds.cross_token import cross_token_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing


def graphs(rows: Sequence[Row]) -> int:
    return sum(sum(row.metrics["graphs"].values()) for row in rows)


def wrong(rows: Sequence[Row]) -> int:
    return sum(sum(row.metrics["wrong"].values()) for row in rows)


def sizes(rows: Sequence[Row]) -> list[int]:
    return sorted({row.config["r"] for row in rows})


def lines(rows: Sequence[Row]) -> list[tuple[Entry, ...]]:
    """Of the headline: errors of the hand-built models, their width beside each bound."""
    mine = of_panel(rows, PANEL)
    if not mine:
        return []
    largest = max(sizes(mine))
    here = [row for row in mine if row.config["r"] == largest]
    width = max(row.metrics["width"] for row in here)
    found: list[tuple[Entry, ...]] = [
        (f"wrong answers of {len(mine)} hand-built models, r up to {largest:,}, of {graphs(mine):,}", wrong(mine), "0",
         Ref("own-cross-token")),
    ]  # fmt: skip
    for bound, (statement, _, _) in BOUNDS.items():
        start = excluded_from(bound, largest)
        since = "nowhere up to there" if start is None else f"c + 4 ruled out token by token from r = {start:,} on"
        least = f"token-wise: {least_width(bound, largest)} or more; {since}"
        found.append((f"width at r = {largest:,}; {bound}", width, least, Ref(statement)))
    return found


def sections(rows: Sequence[Row]) -> tuple[Section, ...]:
    mine = of_panel(rows, PANEL)
    if not mine:
        return ()
    return (
        Section(
            title="(a) Built by hand: width c + 4 on both sides of the bounds",
            paragraphs=(
                f"Soft MoE with one slot, expert choice with one place and token choice with one place, each on "
                f"{graphs(mine) // len(mine):,} sampled graphs a size: planted ones, graphs in which every vertex has "
                "exactly one of its two edges (in half of them one has both), one edge against all others, which is "
                f"the flag's worst case, and dense ones. {wrong(mine)} of {graphs(mine):,} answers are wrong.",
                "At small r the bounds exclude next to nothing, so width c + 4 is no separation there; it is one "
                "from the size on at which its line crosses a bound. Those crossings are in the headline.",
            ),
            table=_table(mine),
            figure=Figure(
                "boundary",
                "Left: least width of token-wise models by four bounds, and width of the constructions, against r. "
                "Right: accuracy of the hand-built models and ceilings of token-wise models of the same width.",
                lambda: _draw(mine),
            ),
            caption="A wrong answer of a hand-built model would refute the construction; a token-wise model right on "
            "every graph below a bound, or above a ceiling, the bound. The entropy and message bounds are about any "
            f"token-wise block of {BITS}-bit numbers, the pattern bounds about a dense ReLU block with real weights.",
            statements=("own-cross-token", "own-coverage", "own-message-bound", "own-entropy-bound",
                        "own-pattern-bound", "own-planted-ceiling", "own-pattern-ceiling"),
        ),
    )  # fmt: skip


def checks(rows: Sequence[Row]) -> tuple[Check, ...]:
    mine = of_panel(rows, PANEL)
    if not mine:
        return ()
    largest = max(sizes(mine))
    width = max(row.metrics["width"] for row in mine if row.config["r"] == largest)
    narrow = [name for name in BOUNDS if width < least_width(name, largest)]
    wide = [row for row in mine if row.metrics["width"] != cross_token_width(row.config["r"])]
    found = [
        Check("no hand-built model gives a wrong answer", wrong(mine) == 0,
              f"{wrong(mine)} of {graphs(mine):,} answers of {len(mine)} models", "own-cross-token"),
        Check("every hand-built model has width c + 4", not wide, f"{len(mine)} models; {len(wide)} do not",
              "own-cross-token"),
    ]  # fmt: skip
    if narrow:
        right = not any(sum(row.metrics["wrong"].values()) for row in mine if row.config["r"] == largest)
        claim = f"at r = {largest:,} models right on all sampled graphs are narrower than token-wise ones can be"
        found.append(Check(claim, right, f"width {width}; {', '.join(narrow)}", "own-coverage"))
    return tuple(found)


def _table(rows: Sequence[Row]) -> Table:
    columns = ("form", "r", "width", "β", "bits shown to be enough", *(f"wrong: {law}" for law in LAWS), "graphs",
               "share right", *BOUNDS)  # fmt: skip
    table: list[tuple[Entry, ...]] = []
    for row in sorted(rows, key=lambda row: (row.config["form"], row.config["r"])):
        metrics, r = row.metrics, row.config["r"]
        right = wilson(graphs([row]) - wrong([row]), graphs([row]))
        errors = [metrics["wrong"][law] for law in LAWS]
        bounds = [least_width(name, r) for name in BOUNDS]
        table.append((row.config["form"], r, metrics["width"], metrics["beta"], metrics["bits"], *errors,
                      graphs([row]), right, *bounds))  # fmt: skip
    return Table(columns, tuple(table))


def _draw(rows: Sequence[Row]) -> Drawing:
    from matplotlib.figure import Figure as Drawing

    figure = Drawing(figsize=(7.2, 4.2))
    left, right = figure.subplots(1, 2)
    _draw_widths(left, rows)
    _draw_accuracy(right, rows)
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower left", ncols=1)
    figure.legend(*right.get_legend_handles_labels(), loc="outside lower right", ncols=1)
    return figure


def _grid(rows: Sequence[Row]) -> list[int]:
    """Every power of the fourth root of two up to the largest size, from 8 on."""
    most = max(sizes(rows))
    return sorted({round(2 ** (step / 4)) for step in range(12, 4 * most.bit_length() + 1) if 2 ** (step / 4) <= most})


def _draw_widths(axes: Axes, rows: Sequence[Row]) -> None:
    from experiments.report.drawing import INK

    grid = _grid(rows)
    for colour, name in enumerate(BOUNDS):
        axes.plot(grid, [least_width(name, r) for r in grid], marker="", color=f"C{colour}", label=f"bound: {name}")
    axes.plot(grid, [cross_token_width(r) for r in grid], ":", marker="", color=INK)
    points = sorted({(row.config["r"], row.metrics["width"]) for row in rows})
    axes.plot(*zip(*points, strict=True), "o", color=INK, markersize=4, label="built, routing across tokens: c + 4")
    widths = {"dense": [dense_width(r + 2) for r in grid], "packed": [default_width(r) for r in grid]}
    for style, (name, drawn) in zip(("--", "-."), widths.items(), strict=True):
        axes.plot(grid, drawn, style, marker="", color=INK, linewidth=1, label=f"built, token-wise: {name}")
    axes.set(xlabel="intermediates r", ylabel="width", yscale="log", ylim=(0.9, 2 * max(grid)))
    axes.set_xscale("log", base=2)


def _draw_accuracy(axes: Axes, rows: Sequence[Row]) -> None:
    from experiments.report.drawing import INK

    grid = _grid(rows)
    widths = [cross_token_width(r) for r in grid]
    ceilings: dict[str, Callable[[int, int], float]] = {
        f"ceiling: message, {BITS} bits": message_ceiling,
        "ceiling: patterns, 4r units": lambda r, width: dense_ceiling(r, width, 4 * r),
        f"ceiling: patterns, {BUILT_UNITS} units": lambda r, width: dense_ceiling(r, width, BUILT_UNITS),
    }
    for name, colour in zip(ceilings, ("C0", "C2", "C3"), strict=True):
        drawn = [ceilings[name](r, width) for r, width in zip(grid, widths, strict=True)]
        axes.plot(grid, drawn, marker="", color=colour, label=name)
    for form, mark in zip(sorted({row.config["form"] for row in rows}), ("o", "x", "+"), strict=False):
        mine = sorted((row.config["r"], 1 - wrong([row]) / graphs([row])) for row in rows if row.config["form"] == form)
        axes.plot(*zip(*mine, strict=True), mark, color=INK, markersize=6, fillstyle="none", label=f"built: {form}")
    axes.set(xlabel="intermediates r", ylabel="accuracy at width c + 4")
    axes.margins(y=0.2)
    axes.set_xscale("log", base=2)
