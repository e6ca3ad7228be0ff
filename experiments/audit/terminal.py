"""An audit's record on a terminal: section by section for one model, a line each for several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from experiments.audit.record import SAME_NUMBERS
from experiments.planning.amounts import short


def one(found: dict[str, Any]) -> Group:
    """All sections."""
    parts: list[RenderableType] = []
    for section in (_parameters, _flops, _laws, _needs, _memory):
        parts += [section(found), Text("")]
    return Group(_head(found), Text(""), *parts, *_not_said(found))


def several(records: Sequence[dict[str, Any]]) -> Table:
    """Models side by side; columns that differ in what they rest on are named after it."""
    table = _table("model", "total", "active", "FLOPs", "D", "V ≤", "V fits", "bits ≤")
    for found in records:
        counts, width = found["parameters"]["all"], found["width"]
        cells = (
            short(counts["total"]),
            short(counts["active"]),
            short(found["flops"]["all"]),
            f"{width['value_width']:,}",
        )
        reach = (f"{width['largest_vertices']:,}", f"{width['fits']:,}")
        table.add_row(found["name"], *cells, *reach, short(found["memory"]["rows"][0]["bits"]))
    bits, flops = records[0]["width"]["bits"], records[0]["flops"]
    table.caption = (
        f"p = {bits} bits; FLOPs of the token at place {flops['context']:,}. V ≤: vertices that one layer of "
        f"value width D is not ruled out for ({' and '.join(SAME_NUMBERS)}); V fits: the largest star graph that "
        "the longest sequence holds; bits ≤: what all parameters can hold (thm-3.6)."
    )
    table.caption_justify = "left"
    return table


def _table(first: str, *columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), title_justify="left")
    table.add_column(first, overflow="fold")
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _head(found: dict[str, Any]) -> Text:
    model, width = found["model"], found["width"]
    said = f"{found['name']}: {model['layers']} layers, width {model['width']:,}, {width['heads']} heads"
    if model["layers_with_experts"]:
        said += (
            f"; {model['experts']} experts in {model['layers_with_experts']} layers, {model['experts_a_token']} a token"
        )
    if model["layers_with_window"]:
        said += f"; a window in {model['layers_with_window']} layers"
    return Text(said)


def _parameters(found: dict[str, Any]) -> Table:
    table = _table("parameters", "total", "active")
    for part, counts in found["parameters"].items():
        table.add_row(part, *(f"{counts[kind]:,}" for kind in ("total", "active")))
    return table


def _flops(found: dict[str, Any]) -> Table:
    flops = dict(found["flops"])
    place, beyond = flops.pop("context"), flops.pop("beyond_positions")
    table = _table(f"FLOPs of the token at place {place:,}", "forward")
    for part, number in flops.items():
        table.add_row(part, f"{number:,}")
    if beyond:
        table.caption = f"beyond the {found['model']['positions']:,} positions that its configuration names"
        table.caption_justify = "left"
    return table


def _laws(found: dict[str, Any]) -> Table:
    width = found["width"]
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column(f"one layer, D = {width['value_width']:,}, p = {width['bits']}", no_wrap=True)
    table.add_column("V ≤", justify="right", no_wrap=True)
    table.add_column("where numbers are", overflow="fold")
    for law in width["laws"]:
        table.add_row(law["statement"], f"{law['largest_vertices']:,}", law["assumes"])
    return table


def _needs(found: dict[str, Any]) -> Table:
    width = found["width"]
    fits = " (the largest that its positions hold)" if width["vertices"] == width["fits"] else ""
    table = Table(box=None, padding=(0, 2, 0, 0), caption=f"V = {width['vertices']:,}{fits}", caption_justify="left")
    table.add_column("for V vertices", no_wrap=True)
    table.add_column("width", justify="right", no_wrap=True)
    table.add_column("model's", justify="right", no_wrap=True)
    table.add_column("what", overflow="fold")
    for need in width["needs"]:
        enough = "" if need["met"] else ": too narrow"
        table.add_row(need["statement"], f"{need['width']:,}", f"{need['has']:,}", f"{need['what']}{enough}")
    return table


def _memory(found: dict[str, Any]) -> Table:
    digits = found["memory"]["digits"]
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("memory", no_wrap=True)
    for column in ("bits a parameter", "bits", f"numbers of {digits} digits"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("", overflow="fold")
    for row in found["memory"]["rows"]:
        numbers = (f"{row['bits_a_parameter']:g}", short(row["bits"]), short(row["facts"]))
        table.add_row(row["source"], *numbers, row["says"])
    return table


def _not_said(found: dict[str, Any]) -> list[RenderableType]:
    covered = found["covered"]
    lines = [
        f"One layer is covered ({covered['what']}): {covered['why']}.",
        f"No bound at unlimited precision (own-pattern-bound): {found['any_precision']}",
        "What the theory does not say of this model:",
    ]
    lines += [f"- {row['what']} ({row['holds']}, {row['statement']}): {row['why']}." for row in found["not_said"]]
    return [Text(line) for line in lines]
