"""Panel (b) from the rows: critical widths between the bounds and the constructions, and the effect of K."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from experiments.report.page import Entry, Figure, Section, Table
from experiments.report.statistics import Interval
from experiments.store import Row
from experiments.studies.width import two_layer
from experiments.studies.width.critical import ARMS, DENSE, DENSE_SAMPLES, PANEL, TOP_1_SAMPLES
from experiments.studies.width.critical_analysis import (
    Crossing,
    crossings,
    mean_width,
    measured_bits,
    ratio,
    reached,
    slope_in_r,
)
from parrots.constructions.packed import default_width
from theory.bounds import dense_width, entropy_min_width, message_min_width, pattern_min_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

LEAST_ERROR = 1e-5
"""Where an error rate of 0 is drawn on a logarithmic axis."""
SMOOTH_SIZES = 24
"""Points along a bound's curve."""


def sections(rows: Sequence[Row], target: float) -> tuple[Section, ...]:
    measured = [row for row in rows if row.panel == PANEL]
    deep = sorted(
        (row for row in rows if row.panel == two_layer.PANEL), key=lambda row: (row.config["r"], row.cell.seed)
    )
    found = crossings(measured, target)
    parts = []
    if measured:
        parts += [_widths_section(measured, deep, found, target), _curves_section(measured, target)]
    if deep:
        parts.append(_deep_section(deep))
    return tuple(parts)


def lower_bounds(r: int, bits: int | None) -> dict[str, int]:
    """Widths that every model right on all inputs needs, one softmax head, at ``bits`` of weights and values."""
    bounds = {"own-pattern-bound": pattern_min_width(r, 4 * r, attention="softmax")}
    if bits is not None:
        bounds["own-message-bound"] = message_min_width(r, 1, bits)
        bounds["own-entropy-bound"] = entropy_min_width(r, 1, bits)
    return bounds


def effects_of_experts(rows: Sequence[Row], target: float) -> list[tuple[str, Interval | None]]:
    """For every MoE arm m*(arm) / m*(what it is compared with); its name says how many pairs of seeds that rests on."""
    found = crossings(rows, target)
    arms = {c.arm for c in found}
    pairs = [(arm, DENSE) for arm in ARMS if arm not in (DENSE, DENSE_SAMPLES)] + [(TOP_1_SAMPLES, DENSE_SAMPLES)]
    effects = []
    for arm, against in pairs:
        if {arm, against} <= arms:
            interval, counted = ratio(found, arm, against)
            effects.append((f"m*({arm}) / m*({against}) ({counted})", interval))
    return effects


def _widths_section(rows: list[Row], deep: list[Row], found: list[Crossing], target: float) -> Section:
    dense_slope = slope_in_r(found, DENSE)
    slopes = f"Slope of the dense critical width in r: {dense_slope}." if dense_slope else ""
    return Section(
        title="(b) Critical width: do experts replace width?",
        paragraphs=(
            f"The width at which a trained one-layer model reaches {target:.0%} on planted instances, interpolated "
            f"between the widths of the grid for every seed. {slopes}",
            "Lower bounds are for models that are right on all inputs, at the fewest bits of weights and values at "
            f"which the trained models keep the target; one that is right on {target:.0%} of samples may lie below.",
            _at_scale(),
        ),
        table=_widths_table(rows, found, target),
        figure=Figure(
            "critical-width",
            "Critical width against r for dense and MoE, between bounds and constructions.",
            lambda: _draw_widths(rows, deep, found, target),
        ),
        caption="Points: one seed's critical width (a mark at a grid's edge is left out and counted in the table). If "
        "experts could replace width, the MoE points would lie far below the dense ones.",
        statements=("thm-3.2", "thm-3.3", "own-packed", "own-message-bound", "own-entropy-bound", "own-pattern-bound"),
    )


def _at_scale() -> str:
    """What the bounds say where they bite, evaluated on the spot."""
    r, bits = 1024, 8
    return (
        "At sizes as small as these the lower bounds exclude almost nothing; they grow like r / log r. "
        f"At r = {r} every model needs width {message_min_width(r, 1, bits)} at {bits} bits, and with 4r hidden units "
        f"width {pattern_min_width(r, 4 * r, attention='softmax')} at any precision; the packed construction has "
        f"{default_width(r)}, the dense one {dense_width(r + 2)}."
    )


def _widths_table(rows: list[Row], found: list[Crossing], target: float) -> Table:
    columns = ("r", "arm", "critical width", "seeds inside the grid", "bits p", "message bound", "entropy bound",
               "pattern bound", "packed", "dense construction")  # fmt: skip
    lines: list[tuple[Entry, ...]] = []
    for r in sorted({c.r for c in found}):
        for arm in ARMS:
            here = [c for c in found if c.r == r and c.arm == arm]
            if not here:
                continue
            bits = measured_bits(rows, r, arm, target)
            bounds = lower_bounds(r, bits)
            lines.append(
                (
                    r,
                    arm,
                    mean_width(here),
                    reached(here),
                    bits,
                    bounds.get("own-message-bound"),
                    bounds.get("own-entropy-bound"),
                    bounds["own-pattern-bound"],
                    default_width(r),
                    dense_width(r + 2),
                )
            )
    return Table(columns, tuple(lines))


def _draw_widths(rows: list[Row], deep: list[Row], found: list[Crossing], target: float) -> Drawing:
    from matplotlib.figure import Figure as Drawing

    figure = Drawing(figsize=(6.4, 6.2))
    axes = figure.subplots()
    for index, arm in enumerate(arm for arm in ARMS if any(c.arm == arm for c in found)):
        inside = [c for c in found if c.arm == arm and c.kind == "found"]
        x = [c.r * (1 + 0.045 * (index - 2.5)) for c in inside]
        axes.plot(x, [c.width or 0 for c in inside], linestyle="", markersize=4, alpha=0.85, label=arm)
    passed = [row for row in deep if row.metrics["accuracy"] >= target]
    if passed:
        x = [row.config["r"] for row in passed]
        label = f"two layers, a seed with ≥ {target:.0%}"
        axes.plot(x, [row.config["width"] for row in passed], "*", markersize=10, color="C5", label=label)
    _draw_bounds(axes, rows, target)
    axes.set(xscale="log", yscale="log", xlabel="intermediates r", ylabel="width", title=f"width for {target:.0%}")
    sizes = sorted({c.r for c in found} | {row.config["r"] for row in passed})
    axes.set_xticks(sizes, [str(r) for r in sizes])
    top = max(dense_width(r + 2) for r in sizes)
    ticks = [2**i for i in range(top.bit_length() + 1)]
    axes.set_yticks(ticks, [str(tick) for tick in ticks])
    axes.set_ylim(0.8, 1.2 * top)
    axes.minorticks_off()
    figure.legend(loc="outside lower center", ncols=2, fontsize=8)
    return figure


def _draw_bounds(axes: Axes, rows: list[Row], target: float) -> None:
    from experiments.report.drawing import INK

    sizes = sorted({row.config["r"] for row in rows})
    curve = sorted({round(sizes[0] * (sizes[-1] / sizes[0]) ** (i / SMOOTH_SIZES)) for i in range(SMOOTH_SIZES + 1)})
    style: dict[str, Any] = {"marker": "", "color": INK, "linewidth": 1.1}
    axes.plot(curve, [dense_width(r + 2) for r in curve], linestyle="-", label="Thm 3.3: |V|", **style)
    axes.plot(curve, [default_width(r) for r in curve], linestyle="--", label="packed, built by hand", **style)
    measured = {r: measured_bits(rows, r, DENSE, target) for r in sizes}
    known = {r: message_min_width(r, 1, bits) for r, bits in measured.items() if bits is not None}
    axes.plot(list(known), list(known.values()), linestyle=":", label="message bound at measured bits", **style)
    pattern = [pattern_min_width(r, 4 * r, attention="softmax") for r in curve]
    axes.plot(curve, pattern, linestyle="-.", label="pattern bound, any precision", **style)


def _curves_section(rows: list[Row], target: float) -> Section:
    def draw() -> Drawing:
        from matplotlib.figure import Figure as Drawing

        sizes = sorted({row.config["r"] for row in rows})
        figure = Drawing(figsize=(2.4 * len(sizes) + 1, 3.9))
        grid = figure.subplots(1, len(sizes), sharey=True, squeeze=False)
        for axes, r in zip(grid[0], sizes, strict=True):
            for arm in ARMS:
                points = sorted((row.config["width"], row.metrics["accuracy"]) for row in rows
                                if row.config["r"] == r and row.config["arm"] == arm)  # fmt: skip
                widths = sorted({width for width, _ in points})
                errors = [max(1 - _mean([a for m, a in points if m == width]), LEAST_ERROR) for width in widths]
                axes.plot(widths, errors, label=arm)
            axes.axhline(1 - target, color="gray", linewidth=0.8, linestyle="-", marker="")
            axes.set(xlabel="width", title=f"r = {r}", yscale="log")
            axes.xaxis.get_major_locator().set_params(integer=True)
        grid[0][0].set_ylabel("error rate, mean of the seeds")
        handles, labels = grid[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2)
        return figure

    return Section(
        title="(b) Error against width, arm by arm",
        paragraphs=("Equal steps: every arm has the same batch, so an expert sees 1/K (top-2: 2/K) of the graphs. "
            "Equal samples: the batch is enlarged until each expert sees as many as the dense block.",),
        table=_curves_table(rows),
        figure=Figure("critical-curves", "Error rate against width by size and arm, and the target.", draw),
        caption="The grey line is the target. An arm that reached it at a much smaller width than dense would speak "
        "against the claim that experts do not replace width.",
        statements=("thm-3.2",),
    )  # fmt: skip


def _curves_table(rows: list[Row]) -> Table:
    columns = ("r", "arm", "width", "accuracy of every seed", "learning rate", "why they stopped")
    lines = []
    for r in sorted({row.config["r"] for row in rows}):
        for arm in ARMS:
            for width in sorted(
                {row.config["width"] for row in rows if row.config["r"] == r and row.config["arm"] == arm}
            ):
                same = [
                    row for row in rows if (row.config["r"], row.config["arm"], row.config["width"]) == (r, arm, width)
                ]
                same.sort(key=lambda row: row.cell.seed)
                seeds = ", ".join(f"{row.metrics['accuracy']:.4f}" for row in same)
                why = "; ".join(sorted({row.stopped for row in same}))
                lines.append((r, arm, width, seeds, f"{same[0].metrics['learning_rate']:.2g}", why))
    return Table(columns, tuple(lines))


def _deep_section(deep: list[Row]) -> Section:
    columns = ("r", "width", "seed", "accuracy", "steps", "why it stopped")
    lines = tuple(
        (
            row.config["r"],
            row.config["width"],
            row.cell.seed,
            row.metrics["accuracy"],
            row.metrics["steps"],
            row.stopped,
        )
        for row in deep
    )
    return Section(
        title="(b) Two layers at logarithmic width, every seed",
        paragraphs=("With a second layer edges can attend to edges, and the barrier of one layer does not apply. "
            "Whether training finds the solution depends on the seed: all are shown.",),
        table=Table(columns, lines),
        caption="Width 2⌈log2 V⌉ + 4. A separation from one layer shows where this width is below the critical width.",
        statements=("thm-3.2",),
    )  # fmt: skip


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
