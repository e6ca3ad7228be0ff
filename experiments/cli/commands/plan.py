"""``parrots plan``: experts against width for a budget of parameters."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from experiments.cli.outcome import Outcome

if TYPE_CHECKING:
    from theory.plan import PlanBudget


@dataclass(frozen=True)
class Plan:
    """Lay out experts against width for a budget: for each number of experts the widest decoder that fits, what it can
    memorise, and what one layer of its width can reason about, each number with its source."""

    total: str
    """Most parameters, embedding and head included: 2e9, 2B, 300M."""
    active: str | None = None
    """Most of them that one token uses; as many as in total without it."""
    experts: tuple[int, ...] = ()
    """Numbers of experts, 1 for a dense model; 1 and every power of two that fits without it."""
    layers: int = 20
    """Layers, as in the paper's pretraining."""
    vocabulary: int = 32_000
    """Tokens, a row each in embedding and head."""
    head_width: int = 64
    """Numbers in an attention head."""
    multiple: int | None = None
    """Widths are multiples of it, itself one of the head width; the head width without it."""
    top_k: int = 2
    """Experts that a token uses."""
    hidden_ratio: float = 1.0
    """F over the width, hidden units of the dense layer or of one expert; 1 as in the paper's experiments."""
    tied: bool = False
    """The head is the embedding."""
    bits: int = 16
    """p, of a parameter, an attention weight and a value."""
    context: int = 2048
    """Tokens of a sequence whose FLOPs are counted."""
    results: Path | None = None
    """A folder of `parrots run phone-book`: adds the bits a parameter that were measured there."""
    out: Path | None = None
    """Also write plan.svg, plan.png, plan.csv and plan.json into this folder."""

    def run(self, console: Console) -> Outcome:
        """The choices that fit.

        Raises:
            InputError: a number out of range, a budget that nothing fits (the line says the least that would do), or
                --results without the study.
        """
        from experiments.planning import layout
        from experiments.planning.measured import recalled
        from theory.plan import plan

        budget = self.budget()
        choices = plan(budget, self.experts or None)
        own = {} if self.results is None else recalled(self.results)
        table = layout.rows(choices, own)
        told = layout.sources(budget, own, None if self.results is None else str(self.results))
        left_out = [
            _least(budget, number) for number in self.experts if number not in {c.shape.experts for c in choices}
        ]
        payload = {"input": _given(budget), "rows": table, "left_out": left_out, "sources": told}
        if self.out is not None:
            with console.status("drawing"):
                write(payload, self.out)
        return Outcome(payload, _view(budget, table, left_out, told))

    def budget(self) -> PlanBudget:
        """The flags, checked; decimals are taken exactly as typed.

        Raises:
            InputError: a number out of range.
        """
        from experiments.planning.amounts import amount
        from theory.plan import PlanBudget

        total = amount(self.total, "--total")
        return PlanBudget(
            total=total,
            active=total if self.active is None else amount(self.active, "--active"),
            layers=self.layers,
            vocabulary=self.vocabulary,
            head_width=self.head_width,
            multiple=self.head_width if self.multiple is None else self.multiple,
            top_k=self.top_k,
            hidden_ratio=Fraction(str(self.hidden_ratio)),
            tied=self.tied,
            bits=self.bits,
            context=self.context,
        )


def _given(budget: PlanBudget) -> dict[str, Any]:
    return dataclasses.asdict(budget) | {"hidden_ratio": float(budget.hidden_ratio)}


def _least(budget: PlanBudget, experts: int) -> dict[str, int]:
    """The smallest model with so many experts, which is over the budget."""
    counts = budget.shape(experts, budget.multiple).counts
    return {"experts": experts, "width": budget.multiple, "total": counts.total, "active": counts.active}


def write(payload: Mapping[str, Any], folder: Path) -> None:
    """``plan.svg``, ``plan.png``, ``plan.csv``, ``plan.json``; nothing is written before all are made."""
    from experiments.planning.drawing import figure
    from experiments.planning.layout import as_csv
    from experiments.report.drawing import render
    from parrots.files import write_whole

    svg, png = render(figure(payload["rows"]))
    text = json.dumps(payload, indent=2, ensure_ascii=False) + "\n"
    files = {"plan.svg": svg, "plan.png": png, "plan.csv": as_csv(payload["rows"]), "plan.json": text.encode()}
    for name, content in files.items():
        write_whole(folder / name, content)


def _view(
    budget: PlanBudget,
    table: Sequence[Mapping[str, Any]],
    left_out: Sequence[Mapping[str, int]],
    told: Mapping[str, Mapping[str, str]],
) -> Group:
    title = (
        f"at most {budget.total:,} parameters, {budget.active:,} of them active; {budget.layers} layers, "
        f"vocabulary {budget.vocabulary:,}"
    )
    parts: list[RenderableType] = [Text(title), Text(""), _models(table), Text(""), _buys(table), Text("")]
    parts += [
        Text(
            f"{one['experts']:,} experts do not fit: at width {one['width']:,} they take {one['total']:,} parameters, "
            f"{one['active']:,} active."
        )
        for one in left_out
    ]
    parts.append(Text("*: no other choice has more parameters and is no narrower, or is wider and has no fewer."))
    parts += [Text(f"{_NAMES[column]} ({one['source']}): {one['says']}.") for column, one in told.items()]
    return Group(*parts)


_NAMES = {
    "most_bits": "bits ≤",
    "bits_by_least": "low",
    "bits_by_most": "high",
    "bits_by_own": "own",
    "built_vertices": "V built",
    "largest_vertices": "V ≤",
    "critical_experts": "K*",
}
"""Column -> its heading."""


def _models(table: Sequence[Mapping[str, Any]]) -> Table:
    from experiments.planning.amounts import short

    shown = _table("K", "width", "hidden", "total", "active", "FLOPs a token", "next width breaks")
    for row in table:
        numbers = (f"{row['width']:,}", f"{row['hidden']:,}", *(short(row[name]) for name in ("total", "active")))
        shown.add_row(_experts(row), *numbers, short(row["flops_per_token"]), row["limited_by"])
    return shown


def _buys(table: Sequence[Mapping[str, Any]]) -> Table:
    from experiments.planning.amounts import short

    columns = [name for name in _NAMES if name != "bits_by_own" or any(row[name] is not None for row in table)]
    shown = _table("K", *(_NAMES[name] for name in columns), "at V")
    for row in table:
        cells = [_cell(row[name], short if "bits" in name else "{:,}".format) for name in (*columns, "matched_width")]
        shown.add_row(_experts(row), *cells)
    return shown


def _cell(value: int | None, words: Callable[[int], str]) -> str:
    return "–" if value is None else words(value)


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _experts(row: Mapping[str, Any]) -> str:
    return f"{'*' if row['on_front'] else ''}{'dense' if row['experts'] == 1 else format(row['experts'], ',')}"
