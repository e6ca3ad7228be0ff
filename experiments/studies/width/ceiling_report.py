"""Panel (a) from the rows: nothing may lie above the ceilings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from experiments.report.page import Check, Figure, Ref, Section, Table
from experiments.report.statistics import LEVEL, mean_interval, wilson
from experiments.store import Row
from experiments.studies.selection import of_panel
from experiments.studies.width.ceiling import FLOAT, INDEX, SAMPLED_SETS
from theory.bounds import index_ceiling, pattern_ceiling, per_coordinate_bits, trivial_scheme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing


def sections(rows: Sequence[Row]) -> tuple[Section, ...]:
    """One section a size of INDEX, and one for the float models."""
    index, floats = of_panel(rows, INDEX), of_panel(rows, FLOAT)
    sizes = sorted({row.config["r"] for row in index})
    return (*(_index_section(r, [row for row in index if row.config["r"] == r]) for r in sizes), *_float(floats))


def checks(rows: Sequence[Row]) -> tuple[Check, ...]:
    """What the rows could have refuted."""
    index, floats = of_panel(rows, INDEX), of_panel(rows, FLOAT)
    found = []
    if index:
        below = [row for row in index if message_bits(row) < row.config["r"]]
        above = [row for row in below if lowest_accuracy(row) > index_ceiling(message_bits(row), row.config["r"])]
        sharper = [row for row in below if per_coordinate_bits(least_informative_errors(row)).low > message_bits(row)]
        tested = f"{len(below)} models of {len(index)} could have: their message has fewer bits than the input (M < r)"
        found = [
            Check(
                "no model lies above the INDEX ceiling", not above, f"{tested}; {len(above)} do", "own-index-ceiling"
            ),
            Check(
                "no model's answers need more bits, coordinate by coordinate, than its message has",
                not sharper,
                f"{tested}; {len(sharper)} do",
                "own-index-ceiling",
            ),
        ]
    if floats:
        above = [row for row in floats if lowest_accuracy(row) > float_ceiling(row)]
        could = [row for row in floats if float_ceiling(row) < 1]
        detail = f"{len(could)} of {len(floats)} models have a ceiling below 1; {len(above)} lie above it"
        claim = "no unquantised model lies above the precision-free ceiling"
        found.append(Check(claim, not above, detail, "own-pattern-ceiling"))
    return tuple(found)


def message_bits(row: Row) -> int:
    """M, bits of Alice's message: a coordinate has ``message_bits`` of them."""
    return int(row.config["width"] * row.config["message_bits"])


def errors(row: Row) -> list[Fraction]:
    """Share of wrong answers for each coordinate."""
    asked = row.metrics["asked_by_coordinate"]
    return [Fraction(wrong, asked) for wrong in row.metrics["wrong_by_coordinate"]]


def least_informative_errors(row: Row) -> list[Fraction]:
    """The errors over all inputs; over a sample the point nearest 1/2 of intervals that hold for all r at once.

    By chance the sampled error of a pure guess is never exactly 1/2, and would count as a little information.
    """
    if row.metrics["all_inputs"]:
        return errors(row)
    level = 1 - (1 - LEVEL) / row.config["r"]
    intervals = [wilson(round(error * SAMPLED_SETS), SAMPLED_SETS, level) for error in errors(row)]
    return [Fraction(min(max(0.5, each.low), each.high)) for each in intervals]


def lowest_accuracy(row: Row) -> Fraction:
    """The accuracy itself over all inputs; over a sample the lower end of its interval, a sampled set counted once."""
    right = 1 - sum(errors(row)) / row.config["r"]
    if row.metrics["all_inputs"]:
        return right
    return Fraction(wilson(round(right * SAMPLED_SETS), SAMPLED_SETS).low)


def float_ceiling(row: Row) -> Fraction:
    config = row.config
    return pattern_ceiling(config["r"], config["hidden"], config["width"], experts=config["experts"])


def _arms(rows: Sequence[Row]) -> dict[str, list[Row]]:
    arms: dict[str, list[Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: (row.config["arm"] == "wide dense", row.config["experts"])):
        arms[row.config["arm"]].append(row)
    return arms


def _index_section(r: int, rows: list[Row]) -> Section:
    largest = max(message_bits(row) for row in rows)

    def draw() -> Drawing:
        from matplotlib.figure import Figure as Drawing

        figure = Drawing()
        axes = figure.subplots()
        bits = list(range(min(r, largest) + 1))
        axes.plot(bits, [float(index_ceiling(M, r)) for M in bits], "-", marker="", color=_ink(), label="ceiling")
        scheme = [float(trivial_scheme(M, r)) for M in bits]
        axes.plot(bits, scheme, ":", marker="", color=_ink(), label="store M bits, guess the rest")
        for shift, (arm, members) in enumerate(_arms(rows).items()):
            _points(axes, arm, [(message_bits(row), row) for row in members], (shift - 1.5) * 0.12)
        axes.set(xlabel="message M = width × bits a coordinate [bits]", ylabel="accuracy on INDEX", title=f"r = {r}")
        figure.legend(loc="outside lower center", ncols=3)
        return figure

    exhaustive = all(row.metrics["all_inputs"] for row in rows)
    how = f"all {r * 2**r:,} inputs" if exhaustive else f"{SAMPLED_SETS:,} sampled sets A, every i for each of them"
    return Section(
        title=f"(a) INDEX at r = {r}: the message is the ceiling",
        paragraphs=(
            f"Alice's part of the query's state is rounded to b bits a coordinate: M = width × b. Measured on {how}. "
            "The blocks differ in experts; wide dense has as many hidden units as the most experts together.",
        ),
        table=_index_table(rows),
        figure=Figure(f"index-r{r}", f"Accuracy on INDEX against message bits at r = {r}, below the ceiling.", draw),
        caption="A point is a trained model. One point above the solid line would refute the ceiling, whatever its K. "
        "More experts may move points up towards the line, never across it.",
        statements=("own-index-ceiling",),
    )


def _points(axes: Axes, arm: str, points: Sequence[tuple[float, Row]], shift: float) -> None:
    x = [at + shift for at, _ in points]
    axes.plot(x, [row.metrics["accuracy"] for _, row in points], linestyle="", alpha=0.8, label=arm)


def _index_table(rows: list[Row]) -> Table:
    columns = ("block", "M [bits]", "models", "mean accuracy", "best", "ceiling", "store M, guess the rest")
    r = rows[0].config["r"]
    lines = []
    for arm, members in _arms(rows).items():
        for M in sorted({message_bits(row) for row in members}):
            found = [row.metrics["accuracy"] for row in members if message_bits(row) == M]
            mean = mean_interval(found)
            lines.append(
                (arm, M, len(found), mean, max(found), float(index_ceiling(M, r)), float(trivial_scheme(M, r)))
            )
    return Table(columns, tuple(lines))


def _float(rows: list[Row]) -> tuple[Section, ...]:
    if not rows:
        return ()
    r = rows[0].config["r"]

    def draw() -> Drawing:
        from matplotlib.figure import Figure as Drawing

        figure = Drawing()
        axes = figure.subplots()
        for shift, (arm, members) in enumerate(_arms(rows).items()):
            by_width = {row.config["width"]: float(float_ceiling(row)) for row in members}
            widths = sorted(by_width)
            (line,) = axes.plot(widths, [by_width[m] for m in widths], marker="", label=f"ceiling, {arm}")
            x = [row.config["width"] * (1 + 0.03 * (shift - 1)) for row in members]
            y = [row.metrics["accuracy"] for row in members]
            axes.plot(x, y, linestyle="", color=line.get_color(), alpha=0.8, label=arm)
        axes.set(xscale="log", xlabel="width", ylabel="accuracy on INDEX", title=f"float32, r = {r}")
        axes.set_xticks(widths, [str(m) for m in widths])
        axes.minorticks_off()
        figure.legend(loc="outside lower center", ncols=3)
        return figure

    columns = ("block", "width", "models", "mean accuracy", "best", "ceiling", "of")
    lines = []
    for arm, members in _arms(rows).items():
        for m in sorted({row.config["width"] for row in members}):
            same = [row for row in members if row.config["width"] == m]
            found = [row.metrics["accuracy"] for row in same]
            mean = mean_interval(found)
            ceiling = float(float_ceiling(same[0]))
            lines.append((arm, m, len(found), mean, max(found), ceiling, Ref("own-pattern-ceiling")))
    section = Section(
        title=f"(a) INDEX at r = {r} without rounding: a ceiling at any precision",
        paragraphs=(
            "Nothing is quantised here: the ceiling counts the answer patterns that so few hidden units can make of so "
            "narrow a state. The number of experts enters it only through a logarithm.",
        ),
        table=Table(columns, tuple(lines)),
        figure=Figure("index-float", f"Accuracy of float32 models on INDEX at r = {r}, below their ceilings.", draw),
        caption="A point is a trained float32 model, a line the ceiling for that number of experts. A point above its "
        "own line would refute it.",
        statements=("own-pattern-ceiling", "own-pattern-bound"),
    )
    return (section,)


def _ink() -> str:
    from experiments.report.drawing import INK

    return INK
