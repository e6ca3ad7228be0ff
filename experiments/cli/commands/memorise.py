"""``parrots memorise``: build a mixture that holds n random labels, check every one, count what it takes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

from rich.console import Console
from rich.table import Table

from experiments.cli.outcome import FALSE_OR_FAILED, FINE, Outcome

if TYPE_CHECKING:
    from parrots.memoriser import Built, Verdict
    from theory.memorisation import RandomSequences, Router

BALANCED = ("interval", "dense-interval")
FAILURE = Fraction(1, 100)
"""Probability that random labels need more bits than the formula printed beside the measured ones."""


@dataclass(frozen=True)
class Memorise:
    """Build the memoriser of n random sequences, check every label, count parameters and bits beside the formulas."""

    sequences: int = 4096
    """n, random sequences with random labels."""
    width: int = 16
    """m, numbers in a token."""
    tokens: int = 8
    """N, tokens in a sequence."""
    experts: int | None = None
    """K, experts, 1 to n; the number with the fewest active parameters without it."""
    router: Literal["interval", "dense-interval", "random", "random-unit"] = "interval"
    """Intervals of one number (rank one, or as a full K x m matrix); random directions, Gaussian or of one length."""
    seed: int = 0
    """Draws the sequences, the labels and the directions."""
    bits: int | None = None
    """Bits of a threshold in two's complement; without it as many as leave room on both sides of every zero."""
    hidden: int | None = None
    """F, hidden units of an expert; without it as many as the fullest one needs."""

    def run(self, console: Console) -> Outcome:
        """Exit code 1 if a label is wrong.

        Raises:
            InputError: a number out of range, or labels that this size, router or precision cannot hold.
        """
        import torch

        from parrots.memoriser import build, check
        from theory.bounds.memorisation import best_experts
        from theory.memorisation import RandomSequences

        source = RandomSequences(self.sequences, self.width, self.tokens, self.seed)
        experts = self.experts
        if experts is None:
            like = self.router if self.router in BALANCED else "dense-interval"
            experts = best_experts(self.sequences, self.width, like)
        with console.status("building"):
            built = build(source, experts, self.router, self.bits, self.hidden)
        with console.status("checking every label"):
            verdict, single = check(built.model, source), check(built.model, source, torch.float32)
        payload = _payload(source, self.router, built, verdict, single)
        return Outcome(payload, _view(payload), FALSE_OR_FAILED if verdict.wrong else FINE)


def _payload(
    source: RandomSequences, router: Router, built: Built, verdict: Verdict, single: Verdict
) -> dict[str, Any]:
    from theory.accounting import fixed_point_bits, memoriser_parameters
    from theory.bounds.memorisation import largest_load, memoriser_bound, threshold_bits
    from theory.memorisation import reading_variance

    n, K, F = source.sequences, built.model.experts, built.model.hidden
    counted, formula = built.model.stored(), memoriser_parameters(source.width, F, K, router)
    enough = memoriser_bound(n, source.width, K, router) if router in BALANCED else None
    return {
        **asdict(source),
        "experts": K,
        "router": router,
        "wrong": verdict.wrong,
        "float32_wrong": single.wrong,
        "hidden": F,
        "load": {
            "largest": int(verdict.loads.max()),
            "smallest": int(verdict.loads.min()),
            "balanced": largest_load(n, K),
        },
        "parameters": {
            "total": counted.total,
            "active": counted.active,
            "total_formula": formula.total,
            "active_formula": formula.active,
            "total_any_labels": enough and enough.total,
            "active_any_labels": enough and enough.active,
            "total_without_padding": counted.used,
            "active_without_padding": counted.used_active,
        },
        "bits": {
            "total": counted.bits,
            "active": counted.active_bits,
            "needed": n,
            "threshold": fixed_point_bits(built.layout.thresholds),
            "threshold_formula": threshold_bits(n, FAILURE, reading_variance(source.width, source.tokens)),
            "fraction": built.layout.fraction_bits,
            "least_fraction": built.layout.least_fraction_bits,
        },
    }


def _view(payload: dict[str, Any]) -> Table:
    n, K, m = payload["sequences"], payload["experts"], payload["width"]
    load, parameters, bits = payload["load"], payload["parameters"], payload["bits"]
    title = f"{n:,} sequences of width {m}, {K:,} experts, router {payload['router']}"
    table = Table("", "measured", "formula", title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    table.add_row("wrong labels", f"{payload['wrong']:,}", "0")
    table.add_row("wrong labels in float32", f"{payload['float32_wrong']:,}", "")
    table.add_row("largest load", f"{load['largest']:,}", f"{load['balanced']:,} = ⌈n/K⌉ if balanced")
    table.add_row("smallest load", f"{load['smallest']:,}", "")
    table.add_row("hidden units of an expert", f"{payload['hidden']:,}", f"{n / (2 * K):,.0f} = n/(2K), on average")
    for name in ("total", "active"):
        most = parameters[f"{name}_any_labels"]
        limit = "" if most is None else f", at most {most:,} for any labels"
        table.add_row(f"{name} parameters", f"{parameters[name]:,}", f"{parameters[f'{name}_formula']:,}{limit}")
        table.add_row("  without padding", f"{parameters[f'{name}_without_padding']:,}", "")
    table.add_row(
        "bits of a threshold", f"{bits['threshold']}", f"{bits['threshold_formula']} suffice for {1 - FAILURE} of seeds"
    )
    table.add_row("total bits", f"{bits['total']:,}", f"at least {bits['needed']:,} (thm-3.6)")
    table.add_row("active bits", f"{bits['active']:,}", "")
    return table
