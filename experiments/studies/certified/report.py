"""The page: certified critical width, plain, with further steps, and with counterexamples fed back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from experiments.report.findings import finding
from experiments.report.page import Check, Entry, Figure, Page, Ref, Section, Table
from experiments.report.statistics import Interval, mean_interval, wilson
from experiments.store import Row
from experiments.studies.certified.cells import CONTROL, FED
from experiments.studies.selection import note, of_one_grid
from experiments.studies.shapes import HIDDEN_RATIO
from theory.bounds import pattern_min_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

PLAIN = "plain training"
WAYS = (PLAIN, CONTROL, FED)
"""What a model has had before it is judged; the first is the common start of the other two."""
COLOURS_OF = dict(zip(WAYS, ("sky", "orange", "blue"), strict=True))
LINES = (6.0, 3.5, 1.4)
"""Their widths in the figure: lines that agree stay seen."""

LEAD = (
    "A model that is right on all samples may be wrong somewhere, and the certifier finds where. Here every model is "
    "trained, certified on all 4^r inputs, and trained on with its own errors in half of each batch, until it is right "
    "on every input or the rounds are used up. Beside it runs the same model with as many further steps and no errors "
    "fed back: what only those steps buy."
)


def page(rows: Sequence[Row]) -> Page:
    """Everything from the rows, complete or not."""
    shown = of_one_grid(rows)
    sections = (*note(rows), *_widths(shown), *_rounds(shown))
    title, table = "Certify and train: the width of a model that is right on every input", headline(shown)
    return Page(title, LEAD, table, sections, checks(rows), findings(shown, table))


def findings(rows: Sequence[Row], headline: Table) -> tuple[str, ...]:
    """At the largest size, for each block."""
    largest = max((r for r, _ in blocks(rows)), default=0)
    sentences: tuple[str, ...] = ()
    for r, experts in blocks(rows):
        if r == largest:
            name = f"r = {r}, {block(experts)}: certified, "
            sentences += finding(
                headline,
                f"Right on all inputs at r = {r}, {block(experts)}: from width {{fed}} on with its errors fed back, "
                "{control} with as many steps without, {plain} before.",
                fed=(name + FED, "width"),
                control=(name + CONTROL, "width"),
                plain=(name + PLAIN, "width"),
            )
    return sentences


def headline(rows: Sequence[Row]) -> Table:
    """The certified critical width of every size and block, by what the models have had."""
    lines: list[tuple[Entry, ...]] = []
    for r, experts in blocks(rows):
        lines.append((f"r = {r}, {block(experts)}: every model needs, any precision", least_width(r, experts), None,
                      Ref("own-pattern-bound")))  # fmt: skip
        for way in WAYS:
            mean, missed = critical_width(rows, r, experts, way)
            lines.append((f"r = {r}, {block(experts)}: certified, {way}", mean, missed, Ref("thm-3.2")))
    return Table(("what", "width", "seeds with no certified width", "statement"), tuple(lines))


def blocks(rows: Sequence[Row]) -> list[tuple[int, int]]:
    """Sizes and numbers of experts that were measured."""
    return sorted({(row.config["r"], row.config["experts"]) for row in rows})


def block(experts: int) -> str:
    return "dense" if experts == 1 else f"{experts} experts"


def least_width(r: int, experts: int) -> int:
    """The width below which no model of this shape is right on every input, at any precision."""
    return pattern_min_width(r, HIDDEN_RATIO * r, experts, attention="softmax")


def certified(row: Row, way: str) -> bool:
    """Whether the cell's model is right on all inputs; after its plain training alone if ``way`` is that."""
    if way == PLAIN:
        return not_right(row)[0] == 0
    return bool(row.metrics["certified"])


def cells_of(rows: Sequence[Row], r: int, experts: int, way: str) -> list[Row]:
    """The rows that show what ``way`` gives: the plain training is the first round of any."""
    training = FED if way == PLAIN else way
    wanted = (r, experts, training)
    return [row for row in rows if (row.config["r"], row.config["experts"], row.config["training"]) == wanted]


def critical_width(rows: Sequence[Row], r: int, experts: int, way: str) -> tuple[Interval | None, int]:
    """Mean over seeds of a seed's least certified width on the grid, and how many seeds have none.

    None unless every seed has one: the seeds that reach a certificate are the lucky ones, and a way of training that
    brings more of them there would be charged with the widths of the others.
    """
    least: dict[int, int | None] = {}
    for row in cells_of(rows, r, experts, way):
        seed = row.cell.seed
        width = row.config["width"] if certified(row, way) else None
        least[seed] = min(filter(None, (least.get(seed), width)), default=None)
    found = [width for width in least.values() if width is not None]
    missed = len(least) - len(found)
    mean = mean_interval(found) if found and not missed else None
    return mean, missed


def checks(rows: Sequence[Row]) -> tuple[Check, ...]:
    """A certified model narrower than a lower bound would refute the bound (or the certifier)."""
    right = [row for row in rows if row.metrics["certified"]]
    below = [row for row in right if row.config["width"] < least_width(row.config["r"], row.config["experts"])]
    if not right:
        return ()
    detail = f"{len(right)} models are certified; {len(below)} are narrower than the bound at any precision"
    return (Check("no certified model is narrower than the lower bound", not below, detail, "own-pattern-bound"),)


def _widths(rows: Sequence[Row]) -> tuple[Section, ...]:
    if not rows:
        return ()
    return (
        Section(
            title="(a) Share of models that are right on every input",
            paragraphs=(_effect(rows),),
            table=_table(rows),
            figure=Figure("certified-widths", "Share of models certified on all inputs, by width, in three ways of "
                          "training; the lower bound as a vertical line.", _draw_widths(rows)),
            caption="Feeding errors back would be no use if the thinnest line ran with the middle one. A certified "
            "model left of the vertical line would refute the lower bound.",
            statements=("thm-3.2", "own-pattern-bound"),
        ),
    )  # fmt: skip


def _effect(rows: Sequence[Row]) -> str:
    shares = []
    for way in WAYS:
        cells = [row for r, experts in blocks(rows) for row in cells_of(rows, r, experts, way)]
        right = sum(certified(row, way) for row in cells)
        shares.append(f"{way}: {right} of {len(cells)} ({wilson(right, len(cells))})" if cells else f"{way}: none yet")
    return f"Certified over all sizes, blocks and widths: {'; '.join(shares)}."


def _table(rows: Sequence[Row]) -> Table:
    columns = ("r", "block", "width", "training", "models", "certified", "wrong inputs of every seed", "inputs")
    lines: list[tuple[Entry, ...]] = []
    for r, experts in blocks(rows):
        for width in _grid(rows, r, experts):
            for way in WAYS:
                cells = [row for row in cells_of(rows, r, experts, way) if row.config["width"] == width]
                if cells:
                    share = wilson(sum(certified(row, way) for row in cells), len(cells))
                    wrong = ", ".join(
                        f"{not_right(row)[0 if way == PLAIN else -1]:,}" for row in sorted(cells, key=_seed)
                    )
                    lines.append((r, block(experts), width, way, len(cells), share, wrong, 4**r))
    return Table(columns, tuple(lines))


def _seed(row: Row) -> int:
    return row.cell.seed


def _grid(rows: Sequence[Row], r: int, experts: int) -> list[int]:
    return sorted({row.config["width"] for way in WAYS for row in cells_of(rows, r, experts, way)})


def not_right(row: Row) -> list[int]:
    """Inputs on which the model is wrong, or not decided, after the plain training and after every round."""
    return [wrong + open_ for wrong, open_ in zip(row.metrics["wrong"], row.metrics["undecided"], strict=True)]


def _panels(rows: Sequence[Row], height: float, each: Callable[[Axes, int, int], None]) -> Drawing:
    """A figure with one plot for each size and block, two in a line, and one legend below."""
    from matplotlib.figure import Figure as Drawing

    shown = blocks(rows)
    lines = -(-len(shown) // 2)
    figure = Drawing(figsize=(6.4, height * lines + 0.5))
    grid = figure.subplots(lines, 2, squeeze=False)
    for axes in grid.flat[len(shown) :]:
        axes.set_axis_off()
    for axes, (r, experts) in zip(grid.flat, shown, strict=False):
        each(axes, r, experts)
        axes.set_title(f"r = {r}, {block(experts)}")
        axes.xaxis.get_major_locator().set_params(integer=True)
    figure.legend(*grid[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def _draw_widths(rows: Sequence[Row]) -> Callable[[], Drawing]:
    def each(axes: Axes, r: int, experts: int) -> None:
        from experiments.report.drawing import COLOURS, INK

        for size, way in zip(LINES, WAYS, strict=True):
            cells = cells_of(rows, r, experts, way)
            widths = sorted({row.config["width"] for row in cells})
            shares = []
            for width in widths:
                same = [certified(row, way) for row in cells if row.config["width"] == width]
                shares.append(sum(same) / len(same))
            axes.plot(widths, shares, "o-", color=COLOURS[COLOURS_OF[way]], label=way, linewidth=size,
                      markersize=2 + 2 * size)  # fmt: skip
        axes.axvline(least_width(r, experts), color=INK, linestyle="--", label="lower bound, any precision")
        axes.set(xlabel="width", ylabel="share certified", ylim=(-0.05, 1.05), xlim=(0, r + 0.5))

    return lambda: _panels(rows, 2.4, each)


def _rounds(rows: Sequence[Row]) -> tuple[Section, ...]:
    if not any(row.metrics["rounds"] for row in rows):
        return ()
    return (
        Section(
            title="(b) Wrong inputs from round to round",
            paragraphs=("Each line is one model that plain training left with errors; a line that ends on the lowest "
                        "mark has reached a certificate.",),
            figure=Figure("certified-rounds", "Number of wrong inputs of every model after each round of training, "
                          "with and without counterexamples fed back.", _draw_rounds(rows)),
            caption="If further steps alone were what helps, both kinds of lines would fall alike.",
            statements=("thm-3.2",),
        ),
    )  # fmt: skip


def _draw_rounds(rows: Sequence[Row]) -> Callable[[], Drawing]:
    def each(axes: Axes, r: int, experts: int) -> None:
        from experiments.report.drawing import COLOURS

        for way in (CONTROL, FED):
            label: str | None = way
            for row in cells_of(rows, r, experts, way):
                if row.metrics["rounds"]:
                    axes.plot(not_right(row), "-", color=COLOURS[COLOURS_OF[way]], linewidth=1, marker=".", label=label)
                    label = None
        axes.set(xlabel="round", ylabel="wrong inputs", yscale="symlog", ylim=(-0.2, None))

    return lambda: _panels(rows, 2.4, each)
