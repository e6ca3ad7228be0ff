"""``parrots soft-moe witness``: two inputs that a Soft MoE layer cannot tell apart."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro
from rich.console import Console, Group, RenderableType
from rich.table import Table

from experiments.cli.outcome import FALSE_OR_FAILED, FINE, Outcome

if TYPE_CHECKING:
    from parrots.soft_moe.model import SoftMoe
    from parrots.soft_moe.witness import Told
    from theory.bounds.enclosure import Enclosure
    from theory.soft_moe import SlotVectors, Verdict, Witness
    from theory.soft_moe.slots import Array

SHOWN = 6
"""Tokens and coordinates of an input that the terminal shows; --json has all."""


@dataclass(frozen=True)
class SoftMoeCommand:
    """Print two inputs to which a Soft MoE layer gives one output, and what that costs on convex targets."""

    action: Annotated[Literal["witness"], tyro.conf.Positional]
    """witness: for every statement about one Soft MoE layer whether it covers this one, with a pair of inputs."""
    model: Annotated[str, tyro.conf.Positional]
    """A Soft MoE model of this package (.safetensors), or slot vectors alone (.npy or .safetensors, [width, slots] or
    [width, experts, slots of an expert])."""
    size: float = 100.0
    """Norm of the longer token in S1 and S2, of each token of the even input in S4."""
    tokens: int | None = None
    """Tokens of an input; needed with slot vectors alone, and only then."""
    logits: Literal["plain", "normalised"] | None = None
    """Kind of logits; needed with slot vectors alone, and only then."""
    scale: float | None = None
    """Scale of normalised logits, with slot vectors alone; without: the one in the file, or 1."""

    def run(self, console: Console) -> Outcome:
        """Exit code 1 if no statement gives a pair, which is no proof that there is none.

        Raises:
            InputError: no such file, one without slot vectors, or a flag that is missing or does not fit.
        """
        from parrots.soft_moe.witness import told
        from theory.soft_moe import witnesses

        model, slots, tokens = self._read()
        verdicts = witnesses(slots, tokens, self.size)
        answers = {
            verdict.statement: None if model is None or verdict.witness is None else told(model, verdict.witness)
            for verdict in verdicts
        }
        found = any(verdict.witness is not None for verdict in verdicts)
        kappa = _kappa(slots, verdicts)
        payload = {
            "model": self.model,
            "width": slots.width,
            "slots": slots.count,
            "tokens": tokens,
            "logits": slots.logits,
            "scale": slots.scale if slots.normalised else None,
            "size": self.size,
            "found": found,
            "statements": [_to_json(verdict, answers[verdict.statement]) for verdict in verdicts],
            "kappa": None if kappa is None else float(kappa.low),
        }
        view = _view(slots, tokens, verdicts, answers, kappa)
        return Outcome(payload, view, FINE if found else FALSE_OR_FAILED)

    def _read(self) -> tuple[SoftMoe | None, SlotVectors, int]:
        """The model, if the file holds a whole one, its slot vectors and the number of tokens."""
        from parrots.soft_moe.checkpoint import load_model
        from parrots.soft_moe.slot_files import is_model, read_slots
        from parrots.soft_moe.witness import slot_vectors
        from theory.errors import InputError

        path, shown = Path(self.model), repr(self.model[:200])
        given = [name for name in ("tokens", "logits", "scale") if getattr(self, name) is not None]
        if is_model(path):
            if given:
                raise InputError(f"{shown} is a whole model and says so itself: leave out --{given[0]}.")
            model = load_model(path)
            return model, slot_vectors(model), model.config.tokens
        if self.logits == "plain" and self.scale is not None:
            raise InputError("plain logits have no scale: leave out --scale, or give --logits normalised.")
        slots = read_slots(path, self.logits or "plain", self.scale)
        if self.tokens is None or self.logits is None:
            raise InputError(f"{shown} holds slot vectors alone: give --tokens and --logits too.")
        return None, slots, self.tokens


def _kappa(slots: SlotVectors, verdicts: tuple[Verdict, ...]) -> Enclosure | None:
    """What S3 promises for as many slots, where it applies."""
    from theory.soft_moe.boundary import best_kappa

    applies = any(verdict.covers and verdict.witness is None for verdict in verdicts)
    return best_kappa(slots.width, slots.count) if applies else None


def _to_json(verdict: Verdict, answers: Told | None) -> dict[str, Any]:
    witness = verdict.witness
    return {
        "statement": verdict.statement,
        "covers": verdict.covers,
        "why": verdict.why,
        "witness": None
        if witness is None
        else {
            "first": witness.first,
            "second": witness.second,
            "exact": witness.exact,
            "slots_differ_at_most": witness.slots_differ,
            "combine_differs_at_most": witness.combine_differ,
            "least_errors": [asdict(error) for error in witness.errors],
            "answers": None if answers is None else asdict(answers),
        },
    }


def _view(
    slots: SlotVectors,
    tokens: int,
    verdicts: tuple[Verdict, ...],
    answers: dict[str, Told | None],
    kappa: Enclosure | None,
) -> Group:
    head = f"{slots.count} slots, width {slots.width}, {tokens} tokens, {slots.logits} logits"
    table = Table(box=None, padding=(0, 2, 0, 0), title=head, title_justify="left")
    for column in ("statement", "covers", "why"):
        table.add_column(column, no_wrap=column == "statement", overflow="fold")
    parts: list[RenderableType] = [table]
    shown: list[int] = []
    for verdict in verdicts:
        table.add_row(verdict.statement, "yes" if verdict.covers else "no", verdict.why)
        if verdict.witness is not None and id(verdict.witness) not in shown:
            shown.append(id(verdict.witness))
            parts += ["", *_pair(verdict.statement, verdict.witness, answers[verdict.statement])]
    if shown:
        parts += ["", "Inputs in five digits; --json has them in full."]
    else:
        parts += ["", "[bold]no pair[/bold]: none of these statements gives two inputs with one output here"]
    if kappa is not None:
        parts.append(
            f"With as many slots one expert, |z| e_1, approximates the largest token norm t to within "
            f"{float(1 - kappa.low):.3g} t as the slot vectors grow (own-soft-many-slots)."
        )
    return Group(*parts)


def _pair(name: str, witness: Witness, answers: Told | None) -> list[RenderableType]:
    facts = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    one = "one output" if witness.exact else "nearly one output, and one at eps = 0,"
    facts.add_row(f"[bold]{name}[/bold]", f"two inputs, {one} for any experts")
    facts.add_row("first", _tokens(witness.first))
    facts.add_row("second", _tokens(witness.second))
    left = "rounded to float64" if witness.exact else "with eps = 1e-6 and rounded to float64"
    facts.add_row("proved", f"slots differ by at most {witness.slots_differ:.3g}, {left}")
    facts.add_row("", f"combine weights differ by at most {witness.combine_differ:.3g}")
    if answers is not None:
        facts.add_row("this model", f"answers {_numbers(answers.first)} and {_numbers(answers.second)}")
        facts.add_row("", f"which differ by {answers.differ:.3g} in float64")
        if answers.at_most is not None:
            facts.add_row("", f"and by at most {answers.at_most:.3g} in exact arithmetic (proved)")
    errors = Table("target", "first", "second", "least error", "least relative error", box=None, padding=(0, 2, 0, 0))
    for error in witness.errors:
        values = (error.first, error.second, error.absolute, error.relative)
        errors.add_row(error.target, *(f"{value:.6g}" for value in values))
    return [facts, errors]


def _tokens(tokens: Array) -> str:
    last = max((row + 1 for row in range(len(tokens)) if tokens[row].any()), default=0)
    shown = [_numbers(tuple(token)) for token in tokens[: min(last, SHOWN)]]
    if last > SHOWN:
        shown.append(f"… {last - SHOWN} more tokens")
    if last < len(tokens):
        shown.append(f"0, {len(tokens) - last} tokens" if last else "0, all tokens")
    return "\n".join(shown)


def _numbers(values: tuple[float, ...]) -> str:
    more = ", …" if len(values) > SHOWN else ""
    return f"({', '.join(f'{value:.5g}' for value in values[:SHOWN])}{more})"
