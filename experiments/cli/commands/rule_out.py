"""``parrots rule-out``: do the bounds say that a model with these weights must err?"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import tyro
from rich.console import Console, Group, RenderableType
from rich.table import Table

from experiments.cli.outcome import FALSE_OR_FAILED, FINE, Outcome

if TYPE_CHECKING:
    from theory.rule_out import Verdict


@dataclass(frozen=True)
class RuleOut:
    """Ask the bounds about given weights: does this model err on some graph? Says so without finding the graph."""

    model: Annotated[str, tyro.conf.Positional]
    """A checkpoint (.safetensors), or construction:NAME?vertices=V (for packed also &digits=g)."""
    bits: int | None = None
    """Round attention weights and values to this many bits first; the verdict is then about the rounded model."""
    find: bool = False
    """Then search for a graph that it gets wrong, as `parrots refute` does."""
    seconds: float = 60.0
    """Time limit of that search."""

    def run(self, console: Console) -> Outcome:
        """Exit code 1 if a bound rules the model out, or a graph was found.

        Raises:
            InputError: no such model, a model that is already rounded, or a number out of range.
        """
        from parrots.extract import extract
        from parrots.model import with_value_bits
        from parrots.models import resolve
        from theory.refute import Search
        from theory.rule_out import rule_out

        search = Search(seconds=self.seconds)
        model = resolve(self.model)
        if self.bits is not None:
            model = with_value_bits(model, self.bits)
        r = model.config.intermediates
        verdicts = rule_out(extract(model), model.config.value_bits)
        ruled_out = any(verdict.rules_out for verdict in verdicts)
        payload: dict[str, object] = {
            "model": self.model,
            "r": r,
            "bits": model.config.value_bits,
            "rounded_first": self.bits is not None,
            "ruled_out": ruled_out,
            "bounds": [{**asdict(verdict), "needed": r} for verdict in verdicts],
        }
        views: list[RenderableType] = [_view(verdicts, ruled_out, model.config.value_bits, self.bits is not None)]
        found = False
        if self.find:
            from experiments.cli.commands.refute import refutation_view, refute_model

            payload["refutation"], refutation = refute_model(self.model, model, search, console)
            found = refutation.found is not None
            views += ["", refutation_view(payload["refutation"], refutation, r)]  # type: ignore[arg-type]  # a dict
        return Outcome(payload, Group(*views), FALSE_OR_FAILED if ruled_out or found else FINE)


def _view(verdicts: tuple[Verdict, ...], ruled_out: bool, bits: int | None, rounded_first: bool) -> Group:
    lines = [
        "[bold]RULED OUT[/bold]: it errs on some graph"
        if ruled_out
        else "[bold]not ruled out[/bold]: the bounds leave room, which is no proof that it is right"
    ]
    if rounded_first:
        lines.append(f"This is said of the model rounded to {bits} bits, not of the model as it is.")
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("statement", "about", "bits carried", "rules it out", "why"):
        justify: Literal["right", "left"] = "right" if column == "bits carried" else "left"
        table.add_column(column, justify=justify, no_wrap=column == "statement", overflow="fold")
    for verdict in verdicts:
        carried = "–" if verdict.carried is None else f"{verdict.carried:.4g}"
        answer = ("yes" if verdict.rules_out else "no") if verdict.applies else "does not apply"
        table.add_row(verdict.statement, verdict.about, carried, answer, verdict.why)
    return Group(*lines, table)
