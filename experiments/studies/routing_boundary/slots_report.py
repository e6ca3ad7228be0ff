"""Panel (c) from the rows: the width that a number of slots needs, trained, built by hand and by the law."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from experiments.report.page import Check, Entry, Figure, Ref, Section, Table
from experiments.report.statistics import Interval, bootstrap, mean_interval, number_text, slope
from experiments.store import Row
from experiments.studies.routing_boundary.slots import BUILT_PANEL, PANEL, TARGET
from experiments.studies.selection import of_panel
from experiments.studies.width.critical_analysis import crossing
from theory.bounds import slots_min_width, slots_suffice
from theory.bounds.soft_moe import soft_moe_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

BITS = 8
"""p at which the law is evaluated."""
FEWEST = 1
"""The law is drawn at this p too: the coarsest weights and values there are."""


def sections(rows: Sequence[Row]) -> tuple[Section, ...]:
    trained, built = of_panel(rows, PANEL), _built(rows)
    if not trained and not built:
        return ()
    return (
        Section(
            title="(c) Soft MoE without attention: slots against width",
            paragraphs=(
                "One layer, no attention: a slot is a weighted mean of the edges and the query, each slot has an "
                "expert, and the query reads the experts' outputs. Every slot is one more sum over the whole graph, "
                "so slots and width may stand in for each other. The law says how far: slots times width is at least "
                f"r / (3p + 2⌈log2 r⌉), whatever the experts are. Trained: the width at which a seed passes "
                f"{TARGET:.0%} on fresh planted graphs, between the widths of the grid by the normal quantile; the "
                "same hidden units in all, steps and candidate learning rates for every number of slots.",
                _slopes(trained),
                _wrong(built),
            ),
            table=_table(trained, built),
            figure=Figure(
                "slots",
                "Width against the number of slots on logarithmic axes: trained seeds, the hand-built width and the "
                "law, with lines of constant slots times width; beside it the law and the construction at a larger "
                "size.",
                lambda: _draw(trained, built),
            ),
            caption="Dotted lines: slots times width is constant. If slots did not stand in for width, the marks "
            "would lie level. A model that is right on every graph below the law would refute it.",
            statements=("own-slots-bound", "own-soft-moe"),
        ),
    )


def lines(rows: Sequence[Row]) -> list[tuple[Entry, ...]]:
    """Of the headline: the slope of the trained width, the errors of the hand-built models, the law."""
    trained, built = of_panel(rows, PANEL), _built(rows)
    found: list[tuple[Entry, ...]] = []
    if trained and (measured := fitted_slope(trained)) is not None:
        slots = sorted({row.config["slots"] for row in trained})
        text = f"built by hand: {number_text(built_slope(_r(trained), slots))}; slots for width one to one: -1"
        found.append((f"slope of the trained width in the slots, r = {_r(trained)}, both as logarithms", measured, text,
                      Ref("own-slots-bound")))  # fmt: skip
    if built:
        graphs = sum(row.config["test_graphs"] for row in built)
        wrong = sum(row.metrics["wrong"] for row in built)
        found.append((f"wrong answers of {len(built)} hand-built models without attention, of {graphs:,}", wrong, "0",
                      Ref("own-soft-moe")))  # fmt: skip
        r = max(row.config["r"] for row in built)
        for row in sorted((row for row in built if row.config["r"] == r), key=_slots):
            S = row.config["slots"]
            law = f"at least {slots_min_width(r, S, BITS)} at {BITS} bits"
            found.append((f"width with {S} slot{'s' * (S > 1)}, r = {r:,}, built by hand", row.metrics["width"], law,
                          Ref("own-slots-bound")))  # fmt: skip
    return found


def checks(rows: Sequence[Row]) -> tuple[Check, ...]:
    """What the hand-built models could have refuted: their construction, and the law."""
    built = _built(rows)
    if not built:
        return ()
    wrong = sum(row.metrics["wrong"] for row in built)
    graphs = sum(row.config["test_graphs"] for row in built)
    below = [row for row in built if not slots_suffice(row.config["r"], _slots(row), BITS, row.metrics["width"])]
    return (
        Check(
            "every hand-built Soft MoE without attention is right on every graph it was tried on",
            wrong == 0,
            f"{wrong} wrong of {graphs:,} answers of {len(built)} models",
            "own-soft-moe",
        ),
        Check(
            f"no hand-built Soft MoE without attention is narrower than the law allows at {BITS} bits",
            not below,
            f"{len(below)} of {len(built)} are",
            "own-slots-bound",
        ),
    )


def critical(rows: Sequence[Row]) -> dict[int, list[tuple[str, float | None]]]:
    """Number of slots -> for every seed how, and at which width, it passes the target."""
    curves: dict[tuple[int, int], dict[int, float]] = defaultdict(dict)
    for row in rows:
        curves[_slots(row), row.cell.seed][row.config["width"]] = row.metrics["accuracy"]
    found: dict[int, list[tuple[str, float | None]]] = defaultdict(list)
    for (slots, _), curve in sorted(curves.items()):
        found[slots].append(crossing(curve, TARGET))
    return dict(found)


def fitted_slope(rows: Sequence[Row]) -> Interval | None:
    """Of log width on log slots over all seeds inside the grid, bootstrap over them; None for one number of slots."""
    inside = [
        (math.log2(slots), math.log2(width))
        for slots, found in critical(rows).items()
        for kind, width in found
        if kind == "found" and width is not None
    ]
    if len({x for x, _ in inside}) < 2:
        return None
    return bootstrap([[x for x, _ in inside], [y for _, y in inside]], slope, paired=True)


def built_slope(r: int, slots: Sequence[int]) -> float:
    """The same slope of the hand-built width."""
    return slope([math.log2(S) for S in slots], [math.log2(soft_moe_width(r, S)) for S in slots])


def _slopes(rows: Sequence[Row]) -> str:
    if not rows:
        return "No trained model yet."
    measured, slots = fitted_slope(rows), sorted(critical(rows))
    found = [each for per_slots in critical(rows).values() for each in per_slots]
    inside = sum(kind == "found" for kind, _ in found)
    text = "none, too few" if measured is None else str(measured)
    return (
        f"Slope of the trained width in the slots, both as logarithms: {text} ({inside} of {len(found)} seeds pass "
        f"inside the grid); of the hand-built width {number_text(built_slope(_r(rows), slots))}, which is above -1 "
        "because a token names its group with ⌈log2 S⌉ coordinates. At this size the law is next to nothing at 8 bits."
    )


def _wrong(built: Sequence[Row]) -> str:
    graphs = sum(row.config["test_graphs"] for row in built)
    sizes = " and ".join(f"{r:,}" for r in sorted({row.config["r"] for row in built}))
    return (
        f"Hand-built models at r = {sizes}: {sum(row.metrics['wrong'] for row in built)} of {graphs:,} answers wrong."
    )


def _table(trained: Sequence[Row], built: Sequence[Row]) -> Table:
    columns = ("r", "slots", "trained width, mean of seeds", "seeds", "accuracy of seeds by width", "built by hand",
               f"law at {BITS} bits", f"law at {FEWEST} bit")  # fmt: skip
    lines: list[tuple[Entry, ...]] = []
    for slots, found in critical(trained).items():
        r, inside = _r(trained), [width for kind, width in found if kind == "found" and width is not None]
        mean = mean_interval(inside) if len(inside) == len(found) else None
        kinds = ", ".join(sorted({kind if kind != "at most" else f"at most {width:g}" for kind, width in found}))
        lines.append((r, slots, mean, f"{len(found)}: {kinds}", _by_width(trained, slots), soft_moe_width(r, slots),
                      slots_min_width(r, slots, BITS), slots_min_width(r, slots, FEWEST)))  # fmt: skip
    larger = sorted(
        {(row.config["r"], _slots(row)) for row in built} - {(row.config["r"], _slots(row)) for row in trained}
    )
    for r, slots in larger:
        lines.append((r, slots, None, None, None, soft_moe_width(r, slots), slots_min_width(r, slots, BITS),
                      slots_min_width(r, slots, FEWEST)))  # fmt: skip
    return Table(columns, tuple(lines))


def _by_width(rows: Sequence[Row], slots: int) -> str:
    by_width: dict[int, list[float]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.cell.seed):
        if _slots(row) == slots:
            by_width[row.config["width"]].append(row.metrics["accuracy"])
    return "; ".join(f"{m}: {', '.join(f'{value:.3f}' for value in by_width[m])}" for m in sorted(by_width))


def _draw(trained: Sequence[Row], built: Sequence[Row]) -> Drawing:
    from matplotlib.figure import Figure as Drawing

    figure = Drawing(figsize=(6.8, 3.9))
    left, right = figure.subplots(1, 2)
    sizes = sorted({row.config["r"] for row in (*trained, *built)})
    for axes, r in ((left, sizes[0]), (right, sizes[-1])):
        _laws(axes, r, sorted({_slots(row) for row in (*trained, *built) if row.config["r"] == r}))
    for slots, found in critical(trained).items():
        inside = [width for kind, width in found if kind == "found"]
        left.plot([slots] * len(inside), inside, "o", color="C1", markersize=5,
                  label=f"trained, {TARGET:.0%}, a mark a seed")  # fmt: skip
    entries = dict(zip(*reversed(left.get_legend_handles_labels()), strict=True))
    figure.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=2, fontsize=8)
    left.set_ylabel("width m")
    return figure


def _laws(axes: Axes, r: int, slots: Sequence[int]) -> None:
    from experiments.report.drawing import INK

    built = [soft_moe_width(r, S) for S in slots]
    for product in (built[0], built[0] / 4):
        axes.plot(slots, [product / S for S in slots], ":", marker="", color="gray", linewidth=0.9,
                  label="slots times width constant")  # fmt: skip
    axes.plot(slots, built, "s-", color="C0", markersize=4, label="built by hand")
    for bits, style in ((BITS, "-"), (FEWEST, "--")):
        law = [slots_min_width(r, S, bits) for S in slots]
        axes.plot(slots, law, style, marker="", color=INK, linewidth=1.2, label=f"law, {bits} bit{'s' * (bits > 1)}")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    axes.set_xticks(slots, [str(S) for S in slots])
    marks = [2**k for k in range(max(built).bit_length() + 1)]
    axes.set_yticks(marks, [str(mark) for mark in marks])
    axes.minorticks_off()
    axes.set(xlabel="slots S", title=f"r = {r:,}", ylim=(0.8, 1.5 * max(built)))


def _built(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row.panel.startswith(BUILT_PANEL)]


def _r(rows: Sequence[Row]) -> int:
    return int(rows[0].config["r"])


def _slots(row: Row) -> int:
    return int(row.config["slots"])
