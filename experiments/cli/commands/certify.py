"""``parrots certify``: right on all inputs, or a counterexample."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from rich.console import Console
from rich.table import Table

from experiments.cli.outcome import FALSE_OR_FAILED, FINE, INTERRUPTED, Outcome

if TYPE_CHECKING:
    from theory.certify import Certificate
    from theory.table import OneLayerTable

Edges = list[tuple[int, int]]


@dataclass(frozen=True)
class Certify:
    """Decide all 4^r inputs of a one-layer model, dense or with experts, through 2^r + 2^r messages."""

    model: Annotated[str, tyro.conf.Positional]
    """A checkpoint (.safetensors), or construction:NAME?vertices=V (for packed also &digits=g)."""

    state: Path | None = None
    """A file that records what is finished: the same command goes on from there after an interruption or a kill."""

    def run(self, console: Console) -> Outcome:
        """Exit code 1 if some answer is wrong or undecided, 130 if interrupted.

        Raises:
            InputError: no such model, too many intermediates, too few slots, weights that are no finite numbers, or a
                state file of another model.
        """
        from parrots.extract import extract
        from parrots.models import resolve
        from parrots.replay import replay

        model = resolve(self.model)
        try:
            certificate = self._certify(extract(model), console)
        except KeyboardInterrupt:
            return self._interrupted(console)
        edges = _edges(certificate)
        replayed = asdict(replay(model, edges)) if edges is not None else {}
        payload: dict[str, object] = {
            "model": self.model,
            "r": certificate.r,
            "inputs": certificate.inputs,
            "wrong": certificate.wrong,
            "undecided": certificate.undecided,
            "min_margin": certificate.min_margin,
            "error_bound": certificate.error_bound,
            "decided_exactly": certificate.decided_exactly,
            "why_undecided": certificate.why_undecided,
            "counterexample": edges,
            **replayed,
        }
        return Outcome(payload, _view(payload, certificate), FINE if certificate.holds else FALSE_OR_FAILED)

    def _certify(self, table: OneLayerTable, console: Console) -> Certificate:
        from experiments.progress import counting
        from theory.certify import certify

        with counting(console, "certifying", 4**table.r) as advance:
            return certify(table, advance, self.state)

    def _interrupted(self, console: Console) -> Outcome:
        again = f"parrots certify {self.model!r} --state {self.state or 'FILE'}"
        kept = f"{self.state} keeps what was finished: `{again}` goes on from there"
        text = kept if self.state else f"nothing was kept: `{again}` records what is finished, and goes on from there"
        console.print(f"parrots: interrupted; {text}", markup=False, highlight=False)
        return Outcome({"error": f"interrupted; {text}"}, "", INTERRUPTED)


def _edges(certificate: Certificate) -> Edges | None:
    """The counterexample as edges of a graph with source 0 and target r + 1."""
    if certificate.counterexample is None:
        return None
    alice, bob = certificate.counterexample
    return [(0, i) for i in alice] + [(i, certificate.r + 1) for i in bob]


def _view(payload: dict[str, object], certificate: Certificate) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    verdict = "right on every input" if certificate.holds else "NOT right on every input"
    table.add_row("verdict", f"[bold]{verdict}[/bold]")
    table.add_row("inputs", f"{certificate.inputs:,} = 4^{certificate.r}, through 2 x {2**certificate.r:,} messages")
    table.add_row("wrong", f"{certificate.wrong:,}")
    table.add_row("undecided", f"{certificate.undecided:,}")
    if certificate.why_undecided is not None:
        table.add_row("", certificate.why_undecided)
    table.add_row(
        "decided exactly", f"{certificate.decided_exactly:,} (margin below the rounding error, {_bound(certificate)})"
    )
    table.add_row("least margin", f"{certificate.min_margin:.4g}")
    if payload["counterexample"] is not None:
        table.add_row("counterexample", f"source 0, target {certificate.r + 1}, edges {payload['counterexample']}")
        table.add_row("replayed", f"model {_word(payload['model_answer'])}, networkx {_word(payload['oracle'])}")
    return table


def _bound(certificate: Certificate) -> str:
    return f"{certificate.error_bound:.1e}" if certificate.error_bound < float("inf") else "which has no bound"


def _word(answer: object) -> str:
    return "yes" if answer else "no"
