"""Panel (b), from the construction: does training keep it, and from how far away does it come back?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from experiments.report.page import Check, Entry, Figure, Ref, Section, Table
from experiments.report.statistics import mean_interval, wilson
from experiments.store import Row
from experiments.studies.routing_boundary.kept import OF_ARM, PANEL
from experiments.studies.routing_boundary.training import TARGET
from experiments.studies.selection import of_panel

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing


def at(rows: Sequence[Row], arm: str, noise: float) -> list[Row]:
    return [row for row in of_panel(rows, PANEL) if (row.config["arm"], row.config["noise"]) == (arm, noise)]


def noises(rows: Sequence[Row]) -> list[float]:
    return sorted({row.config["noise"] for row in of_panel(rows, PANEL)})


def arms(rows: Sequence[Row]) -> list[str]:
    there = {row.config["arm"] for row in of_panel(rows, PANEL)}
    return [arm for arm in OF_ARM if arm in there]


def found(rows: Sequence[Row], metric: str = "accuracy") -> int:
    return sum(row.metrics[metric] >= TARGET for row in rows)


def lines(rows: Sequence[Row]) -> list[tuple[Entry, ...]]:
    """Of the headline: the largest noise from which more than half of the seeds end right."""
    table: list[tuple[Entry, ...]] = []
    for arm in arms(rows):
        back = [noise for noise in noises(rows) if 2 * found(here := at(rows, arm, noise)) > len(here)]
        text = f"from the construction, {arm}: largest noise from which most seeds reach {TARGET:.0%}"
        table.append((text, max(back, default=None), None, Ref("own-cross-token")))
    return table


def sections(rows: Sequence[Row]) -> tuple[Section, ...]:
    mine = of_panel(rows, PANEL)
    if not mine:
        return ()
    config = mine[0].config
    return (
        Section(
            title="(b) From the construction: does training keep it?",
            paragraphs=(
                "These arms do not start at random: initial weights are those built by hand plus a share (the noise) "
                f"of a random initialisation, at r = {config['r']} and width {config['width']}; then "
                f"{config['steps']} steps at rate {config['rate']:g}. Noise 1 is a random initialisation with the "
                "construction inside it. They say how wide the basin is, not that training would reach it.",
                *_left_behind(rows),
            ),
            table=_table(rows),
            figure=Figure(
                "basin",
                "Accuracy before and after training from the construction plus noise, every seed, by form.",
                lambda: _draw(rows),
            ),
            caption="Without noise an accuracy below 1 before training would refute the construction.",
            statements=("own-cross-token",),
        ),
    )


def _left_behind(rows: Sequence[Row]) -> tuple[str, ...]:
    """In words, the arms that training leads away from a solution that is exact."""
    left = [arm for arm in arms(rows) if (exact := at(rows, arm, 0.0)) and not found(exact)]
    if not left:
        return ()
    return (
        f"Training leads every seed away from the exact solution with {'; '.join(left)}: the loss falls by what its "
        "gradient sees, and the places that carry the answer are not in it.",
    )


def checks(rows: Sequence[Row]) -> tuple[Check, ...]:
    exact = [row for row in of_panel(rows, PANEL) if row.config["noise"] == 0]
    if not exact:
        return ()
    wrong = [row for row in exact if row.metrics["before"] < 1]
    return (
        Check("the construction without noise is right on every test graph before it trains, absent edges masked",
              not wrong, f"{len(exact)} models; {len(wrong)} are not", "own-cross-token"),
    )  # fmt: skip


def _table(rows: Sequence[Row]) -> Table:
    columns = ("arm", "noise", "seeds", f"reach {TARGET:.0%} before", f"reach {TARGET:.0%} after", "share after",
               "mean before", "mean after")  # fmt: skip
    table: list[tuple[Entry, ...]] = []
    for arm in arms(rows):
        for noise in noises(rows):
            here = at(rows, arm, noise)
            if here:
                means = [mean_interval([row.metrics[metric] for row in here]) for metric in ("before", "accuracy")]
                share = wilson(found(here), len(here))
                table.append((arm, noise, len(here), found(here, "before"), found(here), share, *means))
    return Table(columns, tuple(table))


def _draw(rows: Sequence[Row]) -> Drawing:
    from matplotlib.figure import Figure as Drawing

    figure = Drawing(figsize=(7.6, 3.6))
    plots = figure.subplots(1, len(arms(rows)), sharey=True, squeeze=False)[0]
    steps = noises(rows)
    for axes, arm in zip(plots, arms(rows), strict=True):
        for metric, mark, shift, label in (("before", "x", -0.12, "before"), ("accuracy", "o", 0.12, "after training")):
            drawn = [
                (steps.index(noise) + shift, row.metrics[metric]) for noise in steps for row in at(rows, arm, noise)
            ]
            axes.plot(*zip(*drawn, strict=True), mark, markersize=4, alpha=0.7, label=label)
        axes.set_xticks(range(len(steps)), [f"{noise:g}" for noise in steps])
        axes.set(xlabel="noise", ylim=(0.45, 1.02))
        axes.set_title(arm.replace(", ", "\n"), fontsize="small")
    plots[0].set_ylabel("accuracy")
    figure.legend(*plots[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure
