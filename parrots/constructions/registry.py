"""The table of constructions: a name, the statement it proves, what it costs, and how to make it."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from parrots.constructions.cross_token import cross_token_capacity, cross_token_expert_choice, cross_token_soft
from parrots.constructions.dense import dense
from parrots.constructions.design import Design
from parrots.constructions.packed import digits_of_width, packed
from parrots.constructions.soft_moe import soft_moe
from parrots.constructions.two_layer import three_layer, two_layer
from theory.errors import InputError


@dataclass(frozen=True)
class Construction:
    """One row.  The costs are formulas in V, r = V - 2 and the options; a :class:`Design` holds their values."""

    name: str
    statement: str
    title: str
    depth: int
    width: str
    neurons: str
    bits: str
    make: Callable[..., Design]
    beta: str = "—"
    """What the scores of its attention are multiplied by, where that matters."""
    by_width: Callable[[int, Mapping[str, int]], dict[str, int]] | None = None
    """The options that give a ``width``: ``(vertices, options) -> options``; None where V alone fixes it."""
    variants: tuple[Mapping[str, int], ...] = ({},)
    """The options that are checked against oracles."""
    by_cases: bool = False
    """Whether :func:`~parrots.constructions.cases.prove` covers it: its logit is a sum over coordinates of counts."""

    @property
    def options(self) -> tuple[str, ...]:
        """What may be chosen beside the number of vertices."""
        return tuple(inspect.signature(self.make).parameters)[1:]

    def check_options(self, options: Iterable[str]) -> None:
        """Raises :class:`~theory.errors.InputError` for an option this construction does not have."""
        for option in options:
            if option not in self.options:
                has = f"its options are {', '.join(self.options)}" if self.options else "it has no options"
                raise InputError(f"option {option!r} for construction `{self.name}`: {has}; leave {option} out.")

    def design(self, vertices: int, **options: int) -> Design:
        """The construction at one size; raises :class:`~theory.errors.InputError` as ``make`` does."""
        self.check_options(options)
        return self.make(vertices, **options)


CONSTRUCTIONS = {
    entry.name: entry
    for entry in (
        Construction("dense", "thm-3.3", "one coordinate a vertex", 1, "V", "r", "2 + ⌈log2 r⌉", dense, by_cases=True),
        Construction(
            "packed",
            "own-packed",
            "g vertices a coordinate, as base-3 digits",
            1,
            "⌈r/g⌉ + 1",
            "⌈r/g⌉·(2^g − 1)",
            "⌈g log2 3⌉ + ⌈log2 r⌉",
            packed,
            by_width=digits_of_width,
            by_cases=True,
        ),
        Construction(
            "two-layer",
            "own-two-layer",
            "edges look for their partners, then the query for an edge that found one",
            2,
            "2⌈log2 V⌉ + 7",
            "0",
            "2",
            two_layer,
            "⌈ln(8N)⌉",
        ),
        Construction(
            "three-layer",
            "own-two-layer",
            "two-layer behind a layer that reads from the query which vertices are the ends",
            3,
            "2⌈log2 V⌉ + 8",
            "0",
            "2",
            three_layer,
            "⌈ln(8N)⌉",
        ),
        Construction(
            "soft-moe",
            "own-soft-moe",
            "no attention: each slot of a Soft MoE collects the edges of a group of vertices",
            1,
            "⌈r/S⌉ + ⌈log2 S⌉ + 1",
            "S·⌈r/S⌉",
            "8",
            soft_moe,
            "Θ(log log S)",
        ),
        *(
            Construction(
                f"cross-token-{form}",
                "own-cross-token",
                f"edges look for their partners, then {carrier}",
                1,
                "max(1, ⌈log2 r⌉) + 4",
                neurons,
                "8",
                make,
                "Θ(log log V)",
                variants=({}, {"causal": 1}),
            )
            for form, carrier, neurons, make in (
                ("soft", "one Soft MoE slot collects what they found", "1", cross_token_soft),
                ("expert-choice", "one that found its own takes the query's place", "2", cross_token_expert_choice),
                ("capacity", "those that found theirs fill the query's expert", "2", cross_token_capacity),
            )
        ),
    )
}


def get(name: str) -> Construction:
    """Raises :class:`~theory.errors.InputError` for a name that is not in the table."""
    if name not in CONSTRUCTIONS:
        close = difflib.get_close_matches(name, CONSTRUCTIONS, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise InputError(f"unknown construction {name[:80]!r}: {hint}give one of {', '.join(CONSTRUCTIONS)}.")
    return CONSTRUCTIONS[name]
