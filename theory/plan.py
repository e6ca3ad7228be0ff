"""Experts against width for a budget of parameters: for each number of experts the widest decoder that fits.

Everything is counted by :func:`theory.accounting.decoder_parameters`; nothing is approximated.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Literal

from theory.accounting import DecoderParameters, decoder_flops, decoder_parameters
from theory.bounds.enclosure import smallest
from theory.bounds.entropy import entropy_min_width
from theory.bounds.largest import largest_packed_vertices, largest_vertices
from theory.bounds.matched import critical_experts
from theory.errors import InputError

MOST = 10**18
"""Of anything that is counted."""
MOST_BITS = 4096

SOURCES = {
    "most_bits": "thm-3.6",
    "largest_vertices": "own-message-bound",
    "built_vertices": "own-packed",
    "critical_experts": "cor-3.4",
}
"""The statement that each number of a :class:`PlannedModel` comes from."""

Binds = Literal["total", "active", "both"]


@dataclass(frozen=True)
class TokenChoiceOf:
    """Token choice as the accounting reads it."""

    experts: int
    top_k: int
    name: str = "token-choice"
    token_wise: bool = True


@dataclass(frozen=True)
class PlannedShape:
    """A decoder as the accounting reads it; ``experts`` 1 is dense, without a router."""

    vocabulary: int
    width: int
    layers: int
    head_width: int
    hidden_ratio: Fraction
    experts: int
    top_k: int
    tied: bool
    shared: int = 0

    @property
    def heads(self) -> int:
        return self.width // self.head_width

    @property
    def key_value_heads(self) -> int:
        return self.heads

    @property
    def feed_forward(self) -> int:
        """F = ratio x width, rounded down, at least 1: hidden units of the dense layer or of one expert."""
        return max(1, int(self.hidden_ratio * self.width))

    @property
    def router(self) -> TokenChoiceOf | None:
        return None if self.experts == 1 else TokenChoiceOf(self.experts, self.top_k)

    @cached_property
    def counts(self) -> DecoderParameters:
        return decoder_parameters(self)


@dataclass(frozen=True)
class PlanBudget:
    """What may be spent, and what all choices share.

    Raises:
        InputError: a number out of range, more active than total parameters, or a multiple that cuts a head.
    """

    total: int
    """Most parameters, embedding and head included."""
    active: int
    """Most of them that one token uses; embedding and head count whole."""
    layers: int = 20
    vocabulary: int = 32_000
    head_width: int = 64
    multiple: int = 64
    """Widths are multiples of it."""
    top_k: int = 2
    """Experts that a token uses."""
    hidden_ratio: Fraction = Fraction(1)
    """F over the width."""
    tied: bool = False
    """Whether the head is the embedding."""
    bits: int = 16
    """p, of a parameter, an attention weight and a value."""
    context: int = 2048
    """Tokens of a sequence whose FLOPs are counted."""

    def __post_init__(self) -> None:
        for name in ("total", "active", "layers", "vocabulary", "head_width", "multiple", "top_k", "bits", "context"):
            value, most = getattr(self, name), MOST_BITS if name == "bits" else MOST
            if not 1 <= value <= most:
                raise InputError(f"{name} {value:,} is outside 1 to {most:,}: give a number in between.")
        if not 0 < self.hidden_ratio <= MOST:
            ratio = float(self.hidden_ratio)
            raise InputError(f"hidden_ratio {ratio} is not positive or above {MOST:,}: give 1, 4 or the like.")
        if self.multiple % self.head_width:
            raise InputError(
                f"multiple {self.multiple} of heads that are {self.head_width} wide: a head would be cut; give a "
                f"multiple of {self.head_width}."
            )
        if self.active > self.total:
            raise InputError(
                f"active {self.active:,} is above total {self.total:,}, which counts the active ones too: give at "
                f"least --total {self.active:,}, or --active {self.total:,} or less."
            )

    def shape(self, experts: int, width: int) -> PlannedShape:
        return PlannedShape(
            self.vocabulary, width, self.layers, self.head_width, self.hidden_ratio, experts, self.top_k, self.tied
        )

    def exceeded(self, shape: PlannedShape) -> Binds | None:
        """Which limits ``shape`` breaks; None if it fits."""
        total, active = shape.counts.total > self.total, shape.counts.active > self.active
        return "both" if total and active else "total" if total else "active" if active else None

    def widest(self, experts: int) -> int:
        """The largest multiple that fits with so many experts, 0 if none does: counts rise with the width."""
        steps = smallest(lambda step: self.exceeded(self.shape(experts, step * self.multiple)) is not None) - 1
        return steps * self.multiple


@dataclass(frozen=True)
class PlannedModel:
    """One number of experts and what it buys; see :data:`SOURCES`."""

    shape: PlannedShape
    binds: Binds
    """The limit that the next wider model breaks."""
    flops: int
    """Forward FLOPs a token."""
    most_bits: int
    """Bits that P parameters of p bits can hold at most, p P."""
    largest_vertices: int
    """V up to which one layer of this width is not ruled out."""
    built_vertices: int | None
    """V up to which one layer of this width, and of one expert's hidden units as ReLUs, is built."""
    matched_width: int
    """Width of the widest dense model with no more parameters in total."""
    critical_experts: int | None
    """K from which on a mixture with the parameters of that dense model, layer by layer, is too narrow for as many
    vertices as the dense one is wide; None where no width is ruled out."""
    on_front: bool = True
    """No other choice has as many parameters and is as wide, and more of one: what is worth choosing."""


def plan(budget: PlanBudget, experts: Sequence[int] | None = None) -> tuple[PlannedModel, ...]:
    """The choices that fit, one for each number of ``experts``: 1 and the powers of two from 2 on, without it.

    Raises:
        InputError: fewer experts than a token uses, or a budget that nothing fits, with the least that would do.
    """
    asked = tuple(_powers(budget)) if experts is None else tuple(dict.fromkeys(experts))
    for number in asked:
        if number != 1 and not max(2, budget.top_k) <= number <= MOST:
            raise InputError(
                f"{number:,} experts with top_k {budget.top_k}: give 1 for a dense model, or {max(2, budget.top_k)} to "
                f"{MOST:,}."
            )
    found = [_choice(budget, budget.shape(number, width)) for number in asked if (width := budget.widest(number))]
    if not found:
        raise _nothing_fits(budget, min(asked, default=1))
    return tuple(replace(choice, on_front=not _beaten(choice, found)) for choice in found)


def _powers(budget: PlanBudget) -> Iterator[int]:
    """1 and every power of two that fits: the least model grows with the number of experts."""
    yield 1
    number = 2
    while number < budget.top_k:
        number *= 2
    while number <= MOST and budget.widest(number):
        yield number
        number *= 2


def _choice(budget: PlanBudget, shape: PlannedShape) -> PlannedModel:
    binds = budget.exceeded(budget.shape(shape.experts, shape.width + budget.multiple))
    assert binds is not None
    matched_width = replace(budget, total=shape.counts.total, active=shape.counts.total).widest(1)
    first = entropy_min_width(max(1, matched_width - 2), matched_width // budget.head_width, budget.bits)
    return PlannedModel(
        shape=shape,
        binds=binds,
        flops=decoder_flops(shape, budget.context) // budget.context,
        most_bits=budget.bits * shape.counts.total,
        largest_vertices=largest_vertices(shape.width, shape.heads, budget.bits),
        built_vertices=largest_packed_vertices(shape.width, shape.feed_forward, budget.bits),
        matched_width=matched_width,
        # The corollary's expert has two matrices of c m^2 numbers, a SwiGLU has three.
        critical_experts=critical_experts(matched_width, Fraction(3, 2) * budget.hidden_ratio, first),
    )


def _beaten(choice: PlannedModel, others: Sequence[PlannedModel]) -> bool:
    mine = (choice.shape.counts.total, choice.shape.width)
    theirs = [(other.shape.counts.total, other.shape.width) for other in others]
    return any(one != mine and one[0] >= mine[0] and one[1] >= mine[1] for one in theirs)


def _nothing_fits(budget: PlanBudget, experts: int) -> InputError:
    least = budget.shape(experts, budget.multiple).counts
    kind = "dense" if experts == 1 else f"{experts:,} experts"
    return InputError(
        f"total {budget.total:,}, active {budget.active:,}: the smallest model asked for ({kind}, width "
        f"{budget.multiple:,}, {budget.layers:,} layers) has {least.total:,} parameters, {least.active:,} of them "
        f"active, {least.embedding + least.head:,} in embedding and head: give --total {least.total:,} --active "
        f"{least.active:,} or more, or a smaller --vocabulary or --multiple."
    )
