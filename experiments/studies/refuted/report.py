"""The page: what each method finds of what there is to find, and at what cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from experiments.report.findings import finding
from experiments.report.page import Check, Entry, Figure, Page, Ref, Section, Table
from experiments.report.statistics import wilson
from experiments.store import Row
from experiments.studies.refuted import built, trained
from experiments.studies.refuted.analysis import (
    certified_right,
    certified_wrong,
    costs,
    median_cost,
    of_kind,
    perfect_on_samples,
    refuted,
    refuted_by,
    searched,
)
from experiments.studies.selection import note, of_one_grid, of_panel

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

LEAD = (
    "A model that is wrong on some graph has to be caught by finding that graph. Here the truth is known beforehand: "
    "by a certificate over all 4^r inputs for trained models, by a proof for hand-built and p-bit ones. Every graph "
    "that a method found was put to the model itself and to networkx before it counted."
)


def page(rows: Sequence[Row]) -> Page:
    """Everything from the rows, complete or not."""
    shown = of_one_grid(rows)
    sections = (*note(rows), *_trained(shown), *_built(shown))
    title, table = "Refuted: finding the graph that a model gets wrong", headline(shown)
    return Page(title, LEAD, table, sections, checks(rows), findings(table))


def findings(headline: Table) -> tuple[str, ...]:
    """Of those that are wrong for sure, how many were caught."""
    return finding(
        headline,
        "A graph was found for {found} of {wrong} trained models that a certificate says are wrong, and for {low} of "
        "{below} models below the bound at their precision.",
        found=("trained, certified wrong", "refuted"),
        wrong=("trained, certified wrong", "number"),
        low=("p-bit, below the bound", "refuted"),
        below=("p-bit, below the bound", "number"),
    )


def headline(rows: Sequence[Row]) -> Table:
    """Shares refuted, of models that are wrong for sure."""
    wrong = certified_wrong(rows)
    perfect = perfect_on_samples(wrong)
    lines: list[tuple[Entry, ...]] = []
    for what, models in (
        ("trained, certified wrong", wrong),
        ("of these, without an error on sampled graphs", perfect),
        ("trained, certified right", certified_right(rows)),
        *((kind, of_kind(rows, kind)) for kind in built.KINDS),
    ):
        if models:
            hits = sum(map(refuted, models))
            lines.append((what, len(models), hits, wilson(hits, len(models)), Ref("lem-d.2")))
    return Table(("models", "number", "refuted", "share", "statement"), tuple(lines))


def checks(rows: Sequence[Row]) -> tuple[Check, ...]:
    """What would show a mistake in the refuter, the certifier or a bound."""
    right, whole, below = certified_right(rows), of_kind(rows, built.WHOLE), of_kind(rows, built.BELOW)
    claims = []
    for what, models in (("certified", right), ("proved right", whole)):
        caught = sum(map(refuted, models))
        claim = f"no model that is {what} is ever refuted"
        claims.append((claim, caught == 0, f"{len(models)} models, {caught} refuted", "def-3.1", models))
    caught = sum(map(refuted, below))
    claim = "every p-bit model below the bound is refuted"
    claims.append((claim, caught == len(below), f"{caught} of {len(below)}", "own-message-bound", below))
    return tuple(Check(claim, holds, detail, statement) for claim, holds, detail, statement, models in claims if models)


def _trained(rows: Sequence[Row]) -> tuple[Section, ...]:
    measured, wrong = searched(rows), certified_wrong(rows)
    if not measured:
        return ()
    budget = max(row.config["evaluations"] for row in measured)
    lost = len(of_panel(rows, trained.PANEL)) - len(measured)
    left_out = f" Not counted: {lost} that training threw out of range." if lost else ""
    return (
        Section(
            title="(a) Trained models: refuted against certified",
            paragraphs=(
                f"{len(measured)} models were trained and certified; {len(wrong)} are wrong on some input, "
                f"{len(perfect_on_samples(wrong))} of them without an error on sampled graphs. Every method had "
                f"{budget:,} logits for each model; random sampling is the baseline.{left_out}",
            ),
            table=_method_table(rows),
            figure=Figure(
                "evaluations",
                "Share of the models that are wrong on some input refuted by each method, by the logits computed.",
                _draw(wrong, budget),
            )
            if wrong
            else None,
            caption="A method is worth its name where its line runs above and left of sampling. Where 4^r is small "
            "sampling is hard to beat, since few random graphs cover most inputs.",
            statements=("def-3.1", "lem-d.2"),
        ),
    )


def _method_table(rows: Sequence[Row]) -> Table:
    lines: list[tuple[Entry, ...]] = []
    wrong = certified_wrong(rows)
    for what, models in (("all", wrong), ("perfect on samples", perfect_on_samples(wrong))):
        for method in trained.METHODS:
            if models:
                hits = sum(refuted_by(row, method) for row in models)
                share = wilson(hits, len(models))
                lines.append((what, method, len(models), hits, share, median_cost(models, method)))
    for method in trained.METHODS:
        models = certified_right(rows)
        if models:
            lines.append(
                ("certified right", method, len(models), sum(refuted_by(m, method) for m in models), None, None)
            )
    columns = ("models", "method", "number", "refuted", "share refuted", "logits to the first counterexample, median")
    return Table(columns, tuple(lines))


def _draw(wrong: Sequence[Row], budget: int) -> Callable[[], Drawing]:
    def draw() -> Drawing:
        from matplotlib.figure import Figure as Drawing

        figure = Drawing(figsize=(6.4, 4.0))
        axes = figure.subplots()
        for method in trained.METHODS:
            found = costs(wrong, method)
            x = [1, *found, budget]
            y = [0.0, *((n + 1) / len(wrong) for n in range(len(found))), len(found) / len(wrong)]
            axes.step(x, y, where="post", marker="", label=method)
        axes.set(xscale="log", xlabel="logits computed", ylabel="share of wrong models refuted", ylim=(0, 1.02))
        axes.legend(loc="upper left")
        return figure

    return draw


def _built(rows: Sequence[Row]) -> tuple[Section, ...]:
    if not of_panel(rows, built.PANEL):
        return ()
    below = of_kind(rows, built.BELOW)
    exact = sum(row.metrics["least_residual"] == 0 for row in below)
    return (
        Section(
            title="(b) Hand-built and p-bit models up to large r",
            paragraphs=(
                "Whole constructions must not be refuted. A construction with one weight broken does not see one "
                "edge and is wrong on the graph in which the answer hangs on it. A p-bit model below the bound has two "
                "sets with the same message, by counting; lattice reduction finds such a pair, which refutes the model "
                f"whatever its block is: in {exact} of {len(below)} models a pair with the same message, exactly.",
            ),
            table=_built_table(rows),
            caption="Truth is by proof. The message and the entropy bound are about every model of a size; the last "
            "column asks the entropy bound about the given weights.",
            statements=("own-message-bound", "own-entropy-bound", "thm-3.3", "own-packed"),
        ),
    )


def _built_table(rows: Sequence[Row]) -> Table:
    lines: list[tuple[Entry, ...]] = []
    for kind in built.KINDS:
        models = of_kind(rows, kind)
        for r in sorted({row.config["r"] for row in models}):
            here = [row for row in models if row.config["r"] == r]
            ruled_out = sum(row.metrics["ruled_out"] for row in here)
            costs_of = (median_cost(here, method) for method in built.METHODS)
            lines.append((kind, built.TRUTH[kind], r, len(here), sum(map(refuted, here)), *costs_of, ruled_out))
    columns = ("models", "truth", "r", "number", "refuted", *(f"logits of {m}, median" for m in built.METHODS),
               "ruled out by their weights")  # fmt: skip
    return Table(columns, tuple(lines))
