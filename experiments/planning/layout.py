"""The choices of a plan as rows, each number with where it comes from."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.capacity import LITERATURE
from experiments.planning.measured import Recalled
from theory.plan import SOURCES, PlanBudget, PlannedModel

LEAST, MOST = LITERATURE[0], LITERATURE[-1]
CORPORA = {LEAST.cites: "bits_by_least", MOST.cites: "bits_by_most"}
"""Key of docs/references.bib -> the column that its measurement gives."""

Row = dict[str, Any]


def rows(choices: Sequence[PlannedModel], own: Mapping[bool, Recalled]) -> list[Row]:
    """One flat row a choice; bits are of all parameters together, None where nothing was measured."""
    return [_row(choice, own) for choice in choices]


def _row(choice: PlannedModel, own: Mapping[bool, Recalled]) -> Row:
    shape, counts = choice.shape, choice.shape.counts
    mine = own.get(shape.experts > 1)
    return {
        "experts": shape.experts,
        "width": shape.width,
        "hidden": shape.feed_forward,
        "heads": shape.heads,
        "total": counts.total,
        "active": counts.active,
        "flops_per_token": choice.flops,
        "limited_by": choice.binds,
        "most_bits": choice.most_bits,
        "bits_by_least": round(LEAST.bits * counts.total),
        "bits_by_most": round(MOST.bits * counts.total),
        "bits_by_own": None if mine is None else round(mine.bits.value * counts.total),
        "built_vertices": choice.built_vertices,
        "largest_vertices": choice.largest_vertices,
        "matched_width": choice.matched_width,
        "critical_experts": choice.critical_experts,
        "on_front": choice.on_front,
    }


def sources(budget: PlanBudget, own: Mapping[bool, Recalled], folder: str | None) -> dict[str, dict[str, str]]:
    """Column -> its source (a statement's id, a key of docs/references.bib or a results folder) and what it says."""
    found = {
        "most_bits": (SOURCES["most_bits"], f"at most {budget.bits} bits in each parameter"),
        **{
            CORPORA[one.cites]: (one.cites, f"{one.bits:g} bits a parameter: {one.what} ({one.whose})")
            for one in (LEAST, MOST)
        },
        "built_vertices": (
            SOURCES["built_vertices"],
            "one layer of this width solves it, with the hidden units of one expert as ReLUs",
        ),
        "largest_vertices": (
            SOURCES["largest_vertices"],
            f"one layer of this width at {budget.bits} bits: on larger graphs it errs somewhere, whatever K is",
        ),
        "critical_experts": (
            SOURCES["critical_experts"],
            "experts from which on a mixture with the parameters of a dense model as wide as V, the widest with no "
            "more parameters than this choice, is too narrow for V vertices; one layer, without embedding and norms",
        ),
    }
    if own:
        words = "; ".join(f"{one.bits} bits a parameter ({one.model})" for one in own.values())
        found["bits_by_own"] = (str(folder), f"the most that small models recall of a phone-book: {words}")
    return {column: {"source": source, "says": says} for column, (source, says) in found.items()}


def as_csv(table: Sequence[Row]) -> bytes:
    """The rows under their names; None is empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(table[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    return text.getvalue().encode()
