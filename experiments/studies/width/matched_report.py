"""Panel (d) from the rows: equal total parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from experiments.report.page import Figure, Section, Table
from experiments.report.statistics import bootstrap
from experiments.store import Row
from experiments.studies.width.matched import HIDDEN_RATIO, PANEL
from theory.bounds import critical_experts_at

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

PRECISION = 16
"""Bits at which the exact K* is quoted beside the measurement."""


def sections(rows: Sequence[Row]) -> tuple[Section, ...]:
    measured = sorted((row for row in rows if row.panel == PANEL), key=lambda row: row.config["experts"])
    if not measured:
        return ()
    r = measured[0].config["r"]
    needed = critical_experts_at(r + 2, PRECISION, HIDDEN_RATIO)
    setting = f"(p = {PRECISION} bits, hidden = {HIDDEN_RATIO} × width)"
    proved = (
        f"At this size Cor. 3.4 proves failure for no number of experts {setting}."
        if needed is None
        else f"Cor. 3.4 proves failure from K* = {needed:,} experts on {setting}."
    )

    def draw() -> Drawing:
        from matplotlib.figure import Figure as Drawing

        figure = Drawing()
        axes = figure.subplots()
        experts = sorted({row.config["experts"] for row in measured})
        means = [_mean([row for row in measured if row.config["experts"] == K]) for K in experts]
        axes.plot(experts, means, label="mean")
        axes.plot(
            [row.config["experts"] for row in measured],
            [row.metrics["accuracy"] for row in measured],
            ".",
            color="C1",
            label="a model",
        )
        for K in experts:
            width = next(row.config["width"] for row in measured if row.config["experts"] == K)
            axes.annotate(
                f"width {width}",
                (K, _mean([row for row in measured if row.config["experts"] == K])),
                textcoords="offset points",
                xytext=(4, 8),
                fontsize=8,
            )
        axes.set(
            xscale="log", xlabel="experts K", ylabel="accuracy on planted instances", title=f"equal totals, r = {r}"
        )
        axes.margins(x=0.1, y=0.12)  # room for the last width and the first
        axes.set_xticks(experts, [str(K) for K in experts])
        axes.minorticks_off()
        axes.legend(loc="lower left")
        return figure

    return (
        Section(
            title="(d) Equal total parameters: more experts, less width",
            paragraphs=(
                "Every MoE is the widest with no more parameters than the dense model (embedding rows not counted), "
                f"and what is left of them goes to hidden units: the width falls about like 1/√K. {proved}",
            ),
            table=_table(measured),
            figure=Figure("matched", "Accuracy at equal total parameters against the number of experts.", draw),
            caption="If experts could replace width, the line would stay level.",
            statements=("cor-3.4",),
        ),
    )


def _mean(rows: Sequence[Row]) -> float:
    return float(sum(row.metrics["accuracy"] for row in rows) / len(rows))


def _table(rows: Sequence[Row]) -> Table:
    columns = ("experts", "width", "total parameters", "active parameters", "models", "accuracy")
    lines = []
    for K in sorted({row.config["experts"] for row in rows}):
        same = [row for row in rows if row.config["experts"] == K]
        accuracy = bootstrap([[row.metrics["accuracy"] for row in same]], lambda values: float(values.mean()))
        first = same[0]
        totals = (first.metrics["total_parameters"], first.metrics["active_parameters"])
        lines.append((K, first.config["width"], *totals, len(same), accuracy))
    return Table(columns, tuple(lines))
