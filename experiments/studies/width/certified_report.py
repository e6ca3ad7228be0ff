"""Panel (c) from the rows: sampled against certified."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from experiments.report.page import Check, Entry, Figure, Section, Table
from experiments.report.statistics import wilson
from experiments.store import Row
from experiments.studies.width.certified import PANEL
from theory.bounds import pattern_min_width

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing


def certified(row: Row) -> bool:
    """Right on all 4^r inputs."""
    return row.metrics["wrong"] == 0 and row.metrics["undecided"] == 0


def perfect_on_samples(row: Row) -> bool:
    """Without an error on the sampled graphs of the training law."""
    return bool(row.metrics["accuracy"] == 1.0)


def perfect_on_planted(row: Row) -> bool:
    """Without an error on sampled planted graphs, the law of the critical widths."""
    return bool(row.metrics["planted_accuracy"] == 1.0)


def certified_width(rows: Sequence[Row], r: int, arm: str) -> int | None:
    """Smallest width at which some seed is right on all inputs; None if none is."""
    return min((row.config["width"] for row in rows if _is(row, r, arm) and certified(row)), default=None)


def certified_sizes(rows: Sequence[Row]) -> list[tuple[int, str]]:
    """Sizes and arms that were measured."""
    return sorted({(row.config["r"], row.config["arm"]) for row in rows if row.panel == PANEL})


JUDGES: dict[str, Callable[[Row], bool]] = {
    "planted samples": perfect_on_planted,
    "samples of the training law": perfect_on_samples,
    "all 4^r inputs": certified,
}
"""What a model may be right on, from the weakest to the strongest."""

LINES = (5.0, 3.0, 1.2)
"""Their widths in the figure: lines that agree stay seen."""


def sections(rows: Sequence[Row]) -> tuple[Section, ...]:
    measured = [row for row in rows if row.panel == PANEL]
    if not measured:
        return ()
    samples = max(row.config["test_graphs"] for row in measured)
    return (
        Section(
            title="(c) Perfect on samples: right on all inputs?",
            paragraphs=(
                f"Every model is trained on a mixture of laws, judged on {samples:,} fresh graphs of each, and decided "
                f"on all 4^r inputs. {_fooled(measured, 'planted samples')} "
                f"{_fooled(measured, 'samples of the training law')}",
            ),
            table=_table(measured),
            figure=Figure(
                "certified", "Share of models perfect on samples and share certified, by width.", _draw(measured)
            ),
            caption="Sampling would be enough if the three lines of a block never differed. A certified model below a "
            "lower bound would refute that bound.",
            statements=("def-3.1", "own-message-bound", "own-pattern-bound"),
        ),
    )


def _fooled(rows: Sequence[Row], judge: str) -> str:
    perfect = [row for row in rows if JUDGES[judge](row)]
    wrong = [row for row in perfect if not certified(row)]
    if not perfect:
        return f"No model is without an error on {judge}."
    return (
        f"Of the {len(perfect)} models without an error on {judge}, {len(wrong)} are wrong on some input: "
        f"{wilson(len(wrong), len(perfect))}."
    )


def checks(rows: Sequence[Row]) -> tuple[Check, ...]:
    """A certified model narrower than a lower bound would refute the bound (or the certifier)."""
    right = [row for row in rows if row.panel == PANEL and certified(row)]
    if not right:
        return ()
    below = [row for row in right if row.config["width"] < _least_width(row)]
    detail = f"{len(right)} models are certified; {len(below)} are narrower than the bound at any precision"
    return (Check("no certified model is narrower than the lower bound", not below, detail, "own-pattern-bound"),)


def _least_width(row: Row) -> int:
    config = row.config
    return pattern_min_width(config["r"], config["hidden"], config["experts"], attention="softmax")


def _is(row: Row, r: int, arm: str) -> bool:
    return row.panel == PANEL and row.config["r"] == r and row.config["arm"] == arm


def _table(rows: Sequence[Row]) -> Table:
    columns = ("r", "block", "width", "models", *JUDGES, "wrong inputs of every seed", "inputs")
    lines: list[tuple[Entry, ...]] = []
    for r, arm in certified_sizes(rows):
        for width, same in _by_width(rows, r, arm).items():
            rates = [wilson(sum(map(judge, same)), len(same)) for judge in JUDGES.values()]
            wrong = ", ".join(f"{row.metrics['wrong']:,}" for row in sorted(same, key=lambda row: row.cell.seed))
            lines.append((r, arm, width, len(same), *rates, wrong, 4**r))
    return Table(columns, tuple(lines))


def _by_width(rows: Sequence[Row], r: int, arm: str) -> dict[int, list[Row]]:
    here = [row for row in rows if _is(row, r, arm)]
    widths = sorted({row.config["width"] for row in here})
    return {width: [row for row in here if row.config["width"] == width] for width in widths}


def _draw(rows: Sequence[Row]) -> Callable[[], Drawing]:
    def draw() -> Drawing:
        from matplotlib.figure import Figure as Drawing

        panels = certified_sizes(rows)
        figure = Drawing(figsize=(6.4, 2.9 * -(-len(panels) // 2) + 0.5))
        grid = figure.subplots(-(-len(panels) // 2), 2, sharey=True, squeeze=False)
        for axes, (r, arm) in zip(grid.flat, panels, strict=False):
            for size, (judge, passes) in zip(LINES, JUDGES.items(), strict=True):
                by_width = _by_width(rows, r, arm)
                shares = [sum(map(passes, same)) / len(same) for same in by_width.values()]
                axes.plot(list(by_width), shares, label=judge, linewidth=size, markersize=2 + 2 * size)
            axes.set(xlabel="width", ylabel="share of models", title=f"r = {r}, {arm}", ylim=(-0.05, 1.05))
            axes.xaxis.get_major_locator().set_params(integer=True)
        figure.legend(*grid[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
        return figure

    return draw
