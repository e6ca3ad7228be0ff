"""Panel (c) from the rows: sampled against certified."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING

from experiments.report.page import Check, Figure, Section, Table
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
    return row.metrics["accuracy"] == 1.0


def certified_width(rows: Sequence[Row], r: int, arm: str) -> int | None:
    """Smallest width at which some seed is right on all inputs; None if none is."""
    return min((row.config["width"] for row in rows if _is(row, r, arm) and certified(row)), default=None)


def certified_sizes(rows: Sequence[Row]) -> list[tuple[int, str]]:
    """Sizes and arms that were measured."""
    return sorted({(row.config["r"], row.config["arm"]) for row in rows if row.panel == PANEL})


def sections(rows: Sequence[Row]) -> tuple[Section, ...]:
    measured = [row for row in rows if row.panel == PANEL]
    if not measured:
        return ()
    fooled = [row for row in measured if perfect_on_samples(row) and not certified(row)]
    perfect = [row for row in measured if perfect_on_samples(row)]
    samples = max(row.config["test_graphs"] for row in measured)
    share = f"{wilson(len(fooled), len(perfect))} of the {len(perfect)}" if perfect else "none"
    return (
        Section(
            title="(c) Perfect on samples is not right on all inputs",
            paragraphs=(
                f"Every model is decided on all 4^r inputs. Of those without an error on {samples:,} fresh graphs, "
                f"{len(fooled)} of {len(perfect)} are wrong on some input: a share of {share} perfect models.",
            ),
            table=_table(measured),
            figure=Figure(
                "certified", "Share of models perfect on samples and share certified, by width.", _drawing(measured)
            ),
            caption="Filled: right on all 4^r inputs. Open: no error on the sampled graphs. Sampling would be enough "
            "if the two never differed. A certified model below a lower bound would refute that bound.",
            statements=("def-3.1", "own-message-bound"),
        ),
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
    columns = ("r", "block", "width", "models", "perfect on samples", "certified", "wrong inputs", "of")
    lines = []
    for r, arm in certified_sizes(rows):
        for width in sorted({row.config["width"] for row in rows if _is(row, r, arm)}):
            same = [row for row in rows if _is(row, r, arm) and row.config["width"] == width]
            wrong = sorted(row.metrics["wrong"] for row in same)
            lines.append(
                (
                    r,
                    arm,
                    width,
                    len(same),
                    wilson(sum(map(perfect_on_samples, same)), len(same)),
                    wilson(sum(map(certified, same)), len(same)),
                    ", ".join(f"{count:,}" for count in wrong),
                    4**r,
                )
            )
    return Table(columns, tuple(lines))


def _drawing(rows: Sequence[Row]):  # type: ignore[no-untyped-def]  # a closure that matplotlib types would pull in
    def draw() -> Drawing:
        from matplotlib.figure import Figure as Drawing

        sizes = sorted({row.config["r"] for row in rows})
        figure = Drawing()
        grid = figure.subplots(1, len(sizes), sharey=True, squeeze=False)
        for axes, r in zip(grid[0], sizes, strict=True):
            for (size, arm), colour in zip(
                product([r], sorted({row.config["arm"] for row in rows})), ("C0", "C1"), strict=False
            ):
                same = [row for row in rows if _is(row, size, arm)]
                widths = sorted({row.config["width"] for row in same})
                for judge, filled in ((certified, True), (perfect_on_samples, False)):
                    shares = [_share([row for row in same if row.config["width"] == m], judge) for m in widths]
                    label = f"{arm}: {'all 4^r inputs' if filled else 'samples'}"
                    axes.plot(
                        widths,
                        shares,
                        color=colour,
                        label=label,
                        fillstyle="full" if filled else "none",
                        linestyle="-" if filled else ":",
                        marker="o" if arm == "dense" else "s",
                    )
            axes.set(xlabel="width", title=f"r = {r}", ylim=(-0.05, 1.05))
        grid[0][0].set_ylabel("share of models")
        grid[0][0].legend(loc="best")
        return figure

    return draw


def _share(rows: Sequence[Row], judge) -> float:  # type: ignore[no-untyped-def]
    return sum(map(judge, rows)) / len(rows)
