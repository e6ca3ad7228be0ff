"""What is built and proved, and whether training keeps it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from experiments.report.page import Check, Entry, Ref, Section, Table
from experiments.report.statistics import mean_interval, wilson
from experiments.store import Row
from experiments.studies.depth import built, kept
from experiments.studies.depth.analysis import TARGET
from experiments.studies.depth.built import DEEP, Separation, separations

STATEMENTS = {built.DENSE: "thm-3.3", built.PACKED: "own-packed", **dict.fromkeys(DEEP, "own-two-layer")}


def built_rows(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row.panel.startswith(built.PANEL)]


def sections(rows: Sequence[Row], experts: int | None) -> tuple[Section, ...]:
    """``experts``: K of the one-layer models, None where none was trained."""
    found, training = built_rows(rows), [row for row in rows if row.panel == kept.PANEL]
    parts = []
    if found:
        parts.append(_built(found))
    if experts is not None:
        parts.append(_separation(found, separations(experts)))
    if training:
        parts.append(_kept(training))
    return tuple(parts)


def _built(rows: Sequence[Row]) -> Section:
    columns = ("construction", "r", "width", "graphs", "wrong", "statement")
    order = sorted(rows, key=lambda row: (row.config["r"], row.config["construction"]))
    lines: list[tuple[Entry, ...]] = [
        (row.config["construction"], row.config["r"], row.metrics["width"], row.config["graphs"],
         row.metrics["wrong"], Ref(STATEMENTS[row.config["construction"]]))
        for row in order
    ]  # fmt: skip
    return Section(
        title="Built by hand, on the same graphs",
        paragraphs=(
            "For star graphs a token needs one code, and the query is the sink: the weights of the proof fit the "
            "model class that is trained, at width ⌈log2 r⌉ + 5. For any digraph, with both ends of an edge coded and "
            "a sink of its own, it is 2⌈log2 V⌉ + 7. The larger sizes are those of the next section.",
        ),
        table=Table(columns, tuple(lines)),
        caption="One wrong answer of a two-layer model would refute its construction.",
        statements=("own-two-layer", "thm-3.3", "own-packed"),
    )


def _separation(rows: Sequence[Row], found: Sequence[Separation]) -> Section:
    columns = ("bound on one layer", "two layers", "least r", "one layer needs", "two layers have",
               "wrong of tried", "statement")  # fmt: skip
    lines: list[tuple[Entry, ...]] = []
    for each in found:
        tried = [row for row in rows if (row.config["r"], row.config["construction"]) == (each.r, each.construction)]
        wrong = ", ".join(f"{row.metrics['wrong']} of {row.config['graphs']}" for row in tried) or None
        lines.append((each.bound, each.construction, each.r, each.one_layer, each.two_layers, wrong,
                      Ref(each.statement)))  # fmt: skip
    first = found[0]
    return Section(
        title="Where the separation is a theorem",
        paragraphs=(
            f"The sizes that are trained here are too small for it: the bounds on one layer grow like r / log r, with "
            f"constants that allow almost any width. At r = {first.r} one layer with a softmax head and 4r hidden "
            f"units needs width {first.one_layer} to be right on every graph, whatever the precision of its weights, "
            f"and two layers of width {first.two_layers} are right on all of them by their proof. Each line is the "
            "least r at which a bound exceeds the width of a two-layer construction, found by exact evaluation.",
        ),
        table=Table(columns, tuple(lines)),
        caption="One layer: one softmax head. The first two bounds count the hidden units that are named and hold for "
        "real weights; the last holds for any block after attention, with experts or not.",
        statements=("own-two-layer", "own-pattern-bound", "own-message-bound"),
    )


def _kept(rows: Sequence[Row]) -> Section:
    seeds: dict[tuple[int, float], list[Row]] = defaultdict(list)
    for row in rows:
        seeds[row.config["r"], row.config["noise"]].append(row)
    columns = ("r", "noise", "width", "models", "accuracy before", "accuracy after",
               f"share at {TARGET:.0%} before", f"share at {TARGET:.0%} after")  # fmt: skip
    lines: list[tuple[Entry, ...]] = []
    for (r, noise), group in sorted(seeds.items()):
        before, after = ([row.metrics[name] for row in group] for name in ("before", "accuracy"))
        means = [mean_interval(values) for values in (before, after)]
        shares = [wilson(sum(value >= TARGET for value in values), len(values)) for values in (before, after)]
        lines.append((r, noise, group[0].config["width"], len(group), *means, *shares))
    config = rows[0].config
    return Section(
        title="Does training keep what is built?",
        paragraphs=(
            "Models that start from the hand-built weights, with Gaussian noise of this standard deviation on every "
            "number (the codes are 1 and -1) and further coordinates and hidden units that hold nothing but noise, "
            f"trained for {config['steps']} steps at learning rate {config['learning_rate']:g}. None stops early.",
        ),
        table=Table(columns, tuple(lines)),
        caption="If the solution were not stable under training, accuracy after would fall below accuracy before.",
        statements=("own-two-layer",),
    )


def checks(rows: Sequence[Row]) -> tuple[Check, ...]:
    """What the hand-built models could have refuted."""
    deep = [row for row in built_rows(rows) if row.config["construction"] in DEEP]
    if not deep:
        return ()
    wrong = sum(row.metrics["wrong"] for row in deep)
    graphs = sum(row.config["graphs"] for row in deep)
    return (
        Check(
            "every hand-built two-layer model is right on every graph it was tried on",
            wrong == 0,
            f"{wrong} wrong of {graphs:,} answers of {len(deep)} models",
            "own-two-layer",
        ),
    )
