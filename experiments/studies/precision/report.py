"""The page: the frontier of width, bits and neurons, and where each format gives out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from experiments.report.findings import finding
from experiments.report.page import Check, Entry, Figure, Page, Ref, Section, Table
from experiments.store import Row
from experiments.studies.precision.cells import MACHINE
from experiments.studies.selection import note, of_one_grid
from parrots.constructions import CONSTRUCTIONS
from theory.bounds import message_min_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

LEAD = (
    "A construction is exact in exact arithmetic; a machine has bits. Here every hand-built model is asked the same "
    "graphs, near-collisions among them, in the formats that machines have and in emulated ones of any number of "
    "bits, where the result of every operation is rounded. Width can be bought with bits and hidden neurons; how much "
    "of it is possible at all is what the lower bound says."
)
MARKERS = "osD^vP*Xh"


def page(rows: Sequence[Row]) -> Page:
    """Everything from the rows, complete or not."""
    shown = of_one_grid(rows)
    sections = (*note(rows), *_frontier(shown), *_formats(shown))
    title, table = "Precision: where each construction stops being exact", headline(shown)
    return Page(title, LEAD, table, sections, checks(rows), findings(table))


def findings(headline: Table) -> tuple[str, ...]:
    """What width costs in bits and neurons: the widest and the narrowest form of `own-packed`."""
    forms = [str(row[0]) for row in headline.rows if str(row[0]).startswith("packed")]
    if len(forms) < 2:
        return ()
    columns = {"width": "width", "bits": "fixed point [bits]", "neurons": "neurons"}
    ends = {
        f"{name}{end}": (form, column)
        for end, form in enumerate((forms[0], forms[-1]))
        for name, column in columns.items()
    }
    return finding(
        headline,
        "Width is bought with bits and neurons: at {V} vertices packed digits are exact from width {width0} with "
        "{bits0} bits and {neurons0} neurons to width {width1} with {bits1} bits and {neurons1} neurons.",
        V=(forms[0], "vertices"),
        **ends,
    )


def headline(rows: Sequence[Row]) -> Table:
    """Each construction at the largest size that was measured."""
    lines: list[tuple[Entry, ...]] = []
    for name in _names(rows):
        V = max(row.config["vertices"] for row in rows if row.config["construction"] == name)
        for row in _of(rows, name, V):
            lines.append((label(row), V, row.metrics["width"], row.metrics["neurons"], row.metrics["least_significand"],
                          row.metrics["least_fixed"], Ref(row.metrics["statement"])))  # fmt: skip
    columns = ("construction", "vertices", "width", "neurons", "significand [bits]", "fixed point [bits]", "statement")
    return Table(columns, tuple(lines))


def label(row: Row) -> str:
    """The construction with its option."""
    options = ", ".join(f"{name} {value}" for name, value in row.config["options"].items())
    return f"{row.config['construction']} ({options})" if options else str(row.config["construction"])


def checks(rows: Sequence[Row]) -> tuple[Check, ...]:
    """A token-wise one-layer model below the bound at the bits it was right with would refute the bound."""
    rows = _over_seeds(rows)
    covered = [row for row in rows if row.metrics["token_wise"] and row.metrics["least_fixed"]]
    below = [row for row in covered if row.metrics["width"] < _bound(row)]
    exact = [row for row in rows if row.metrics["wrong"]["float64"] == 0]
    found = [
        Check("every construction is right in float64", len(exact) == len(rows),
              f"{len(exact)} of {len(rows)} models", "def-3.1"),
    ]  # fmt: skip
    if covered:
        detail = f"{len(covered)} token-wise models; {len(below)} are narrower than their bits allow"
        found.append(Check("no covered model is narrower than the bound at its bits", not below, detail,
                           "own-message-bound"))  # fmt: skip
    return tuple(found)


def _bound(row: Row) -> int:
    return message_min_width(row.config["vertices"] - 2, row.metrics["heads"], row.metrics["least_fixed"], "uniform")


def _names(rows: Sequence[Row]) -> list[str]:
    """Constructions that were measured, in the order of their table; then any that it no longer has."""
    measured = sorted({row.config["construction"] for row in rows})
    return [name for name in CONSTRUCTIONS if name in measured] + [
        name for name in measured if name not in CONSTRUCTIONS
    ]


def _of(rows: Sequence[Row], name: str, vertices: int) -> list[Row]:
    """The models of one size, over all seeds; the widest first."""
    here = [row for row in rows if (row.config["construction"], row.config["vertices"]) == (name, vertices)]
    return sorted(_over_seeds(here), key=lambda row: -row.metrics["width"])


def _over_seeds(rows: Sequence[Row]) -> list[Row]:
    """One row a model: a seed is another draw of graphs, and a format is right if it is on all of them."""
    groups: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: row.cell.seed):
        groups.setdefault(str({**row.config, "seed": 0}), []).append(row)
    return [replace(group[0], metrics=_together([row.metrics for row in group])) for group in groups.values()]


def _together(metrics: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Answers added up, bits those of the seed that needs the most (None if one finds no number of bits enough)."""
    bits = {name: [one[name] for one in metrics] for name in ("least_significand", "least_fixed")}
    return {
        **metrics[0],
        "inputs": sum(one["inputs"] for one in metrics),
        "wrong": {name: sum(one["wrong"][name] for one in metrics) for name in metrics[0]["wrong"]},
        **{name: None if None in found else max(found) for name, found in bits.items()},
    }


def _frontier(rows: Sequence[Row]) -> tuple[Section, ...]:
    if not rows:
        return ()
    return (
        Section(
            title="(a) Width against bits and neurons",
            paragraphs=(
                "Bits: the fewest with which no answer is wrong when every weight and every result is an integer of so "
                "many bits, sign included, each on a scale of its own that is fixed in advance. Area of a mark: hidden "
                "neurons. Open marks are models that the bound does not speak of (more layers, routing that mixes "
                "tokens).",
            ),
            figure=Figure("precision-frontier", "Width against bits of each construction, area by neurons, with the "
                          "lower bound as a line.", _draw_frontier(rows)),
            caption="A filled mark below the line would refute the counting bound: a token-wise model, narrower than "
            "its bits allow, that is right on every graph asked.",
            statements=("own-message-bound", "own-packed", "thm-3.3"),
        ),
    )  # fmt: skip


def _draw_frontier(rows: Sequence[Row]) -> Callable[[], Drawing]:
    def draw() -> Drawing:
        from matplotlib.figure import Figure as Drawing

        sizes = sorted({row.config["vertices"] for row in rows})[-2:]
        figure = Drawing(figsize=(6.4, 4.2))
        grid = figure.subplots(1, len(sizes), squeeze=False)[0]
        for axes, V in zip(grid, sizes, strict=True):
            _frontier_at(axes, rows, V)
        figure.legend(*grid[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
        return figure

    return draw


def _frontier_at(axes: Axes, rows: Sequence[Row], V: int) -> None:
    from experiments.report.drawing import INK

    most = 1
    for name in _names(rows):
        cells = [row for row in _of(rows, name, V) if row.metrics["least_fixed"]]
        colour, marker, _ = _look(name)
        bits = [row.metrics["least_fixed"] for row in cells]
        most = max(most, *bits, 1)
        filled = colour if any(row.metrics["token_wise"] for row in cells) else "none"
        axes.plot(bits, [row.metrics["width"] for row in cells], "-", color=colour, linewidth=0.8, marker="none")
        axes.scatter(bits, [row.metrics["width"] for row in cells], s=[_area(row) for row in cells], label=name,
                     marker=marker, edgecolors=colour, facecolors=filled)  # fmt: skip
    line = list(range(1, most + 1))
    axes.plot(line, [message_min_width(V - 2, 1, p, "uniform") for p in line], "--", color=INK, marker="none",
              label="lower bound, token-wise")  # fmt: skip
    axes.set(xlabel="bits, fixed point", ylabel="width", yscale="log", title=f"{V} vertices")
    axes.set_ylim(0.8, 1.3 * V)
    ticks = [step * 10**power for power in range(4) for step in (1, 2, 5) if step * 10**power <= V]
    axes.set_yticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()


def _look(name: str) -> tuple[str, str, str]:
    """Colour, marker and line of a construction, the same in every figure, whichever others were measured."""
    from experiments.report.drawing import COLOURS

    place = list(CONSTRUCTIONS).index(name) if name in CONSTRUCTIONS else len(CONSTRUCTIONS)
    round_, colour = divmod(place, len(COLOURS))
    return list(COLOURS.values())[colour], MARKERS[place % len(MARKERS)], ("-", "--")[round_ % 2]


def _area(row: Row) -> float:
    return 12.0 + 3.0 * float(row.metrics["neurons"]) ** 0.5


def _formats(rows: Sequence[Row]) -> tuple[Section, ...]:
    if not rows:
        return ()
    columns = ("construction", "vertices", "width", "neurons", *(f"wrong in {name}" for name in MACHINE), "graphs",
               "significand [bits]", "fixed point [bits]", "stated bits")  # fmt: skip
    lines = [
        (label(row), V, row.metrics["width"], row.metrics["neurons"], *(row.metrics["wrong"][f] for f in MACHINE),
         row.metrics["inputs"], row.metrics["least_significand"], row.metrics["least_fixed"],
         row.metrics["stated_bits"])
        for name in _names(rows)
        for V in sorted({row.config["vertices"] for row in rows})
        for row in _of(rows, name, V)
    ]  # fmt: skip
    return (
        Section(
            title="(b) Where each format gives out",
            paragraphs=(
                "Wrong answers among the same graphs in the formats of a machine, and the fewest bits, from which on "
                "all are right, of a significand (exponents without limit) and of a fixed-point number, sign included. "
                "The stated bits are those of the state in the construction's proof; every other number (breaks, "
                "hidden units, weights) takes bits here as well.",
            ),
            table=Table(columns, tuple(lines)),
            figure=Figure("precision-formats", "Fewest bits of a significand by graph size for each construction, with "
                          "the significands of the machine's formats.", _draw_formats(rows)),
            caption="Of each construction the narrowest model. Where a curve passes a horizontal line, that format "
            "stops being exact.",
            statements=("own-packed", "thm-3.3"),
        ),
    )  # fmt: skip


SIGNIFICANDS = {name: round(1 - math.log2(torch.finfo(dtype).eps)) for name, dtype in MACHINE.items()}
"""Bits, the leading one included."""


def _draw_formats(rows: Sequence[Row]) -> Callable[[], Drawing]:
    def draw() -> Drawing:
        from matplotlib.figure import Figure as Drawing

        from experiments.report.drawing import INK

        figure = Drawing(figsize=(6.4, 4.2))
        axes = figure.subplots()
        sizes = sorted({row.config["vertices"] for row in rows})
        most = 1
        for name in _names(rows):
            points = [(V, row.metrics["least_significand"]) for V in sizes for row in _of(rows, name, V)[-1:]]
            shown = [(V, bits) for V, bits in points if bits is not None]
            most = max(most, *(bits for _, bits in shown), 1)
            colour, marker, dash = _look(name)
            axes.plot([V for V, _ in shown], [bits for _, bits in shown], dash, label=name, color=colour,
                      marker=marker, markerfacecolor="none")  # fmt: skip
        for name, bits in SIGNIFICANDS.items():
            if bits <= max(most, SIGNIFICANDS["float32"]):
                axes.axhline(bits, color=INK, linestyle=":", linewidth=1)
                axes.annotate(
                    name, (sizes[-1], bits), xytext=(0, 2), textcoords="offset points", ha="right", fontsize=8
                )
        axes.set(xlabel="vertices", ylabel="significand [bits]", xscale="log")
        axes.set_xticks(sizes, [str(V) for V in sizes])
        axes.minorticks_off()
        figure.legend(loc="outside lower center", ncols=3)
        return figure

    return draw
