"""The size of a model and of its graphs, checked once where it enters."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from theory.bounds.message import ATTENTIONS, Attention
from theory.errors import InputError

MAX_BITS = 4096
MAX_COUNT = 10**18
"""Of anything that is counted: the evaluation takes seconds there, and ever longer for numbers of more digits."""


@dataclass(frozen=True)
class Size:
    """What the bounds are asked about.  ``None`` means not given: bounds that need it do not apply.

    Raises:
        InputError: a field out of range; one line says what was given, what is allowed and what to do.
    """

    vertices: int
    """V, source and target included."""
    heads: int = 1
    """H, attention heads; each has at least one value coordinate."""
    bits: int | None = None
    """p, bits of an attention weight and of a value."""
    tokens: int | None = None
    """N, edge slots and the query."""
    neurons: int | None = None
    """h, hidden units of one expert, or of the dense block."""
    width: int | None = None
    """D, the total value width that the query reads from all heads."""
    experts: int = 1
    """K."""
    accuracy: Fraction | None = None
    """A share of right answers on the average case, above 1/2."""
    attention: Attention = "softmax"
    set_size: int | None = None
    """k, elements of B in planted instances: edges into the target."""
    hidden_ratio: Fraction = Fraction(1)
    """c, hidden units per unit of width where models are matched in parameters."""
    signal_to_noise: Fraction | None = None
    """Of a float model with a noisy state: one edge's largest contribution to a coordinate, in units of sigma."""
    generated_tokens: int | None = None
    """T, tokens that a decoder writes, the answer included."""
    vocabulary: int | None = None
    """v, words that a generated token is one of."""
    slots: int | None = None
    """S, slots of a Soft MoE without attention, whose tokens have ``width`` coordinates."""

    @property
    def r(self) -> int:
        """Intermediate vertices: all but source and target."""
        return self.vertices - 2

    def __post_init__(self) -> None:
        _at_least("vertices", self.vertices, 3, "source, target and one vertex between them")
        _at_least("heads", self.heads, 1)
        _at_least("experts", self.experts, 1)
        for name in ("bits", "neurons", "width", "generated_tokens", "vocabulary", "slots"):
            _at_least(name, getattr(self, name), 1)
        _at_least("tokens", self.tokens, self.r + 2, f"r + 2 for {self.vertices} vertices, with r = {self.r}")
        self._check_pairs()
        if self.attention not in ATTENTIONS:
            raise InputError(f"attention {self.attention!r} is unknown: give softmax or uniform.")
        if self.accuracy is not None and not Fraction(1, 2) < self.accuracy < 1:
            raise InputError(
                f"accuracy {float(self.accuracy)} is outside 0.5 to 1, ends excluded: "
                "leave it out for a model that is always right."
            )
        for name in ("hidden_ratio", "signal_to_noise"):
            ratio = getattr(self, name)
            if ratio is not None and ratio <= 0:
                raise InputError(f"{name} {float(ratio)} is not positive: give 1, 4 or the like.")

    def _check_pairs(self) -> None:
        if self.bits is not None and self.bits > MAX_BITS:
            raise InputError(
                f"bits {self.bits} is above {MAX_BITS}: give 1 to {MAX_BITS}, or leave it out for any precision."
            )
        if self.width is not None and self.width % self.heads:
            raise InputError(
                f"{self.heads} heads do not divide width {self.width}: give a width that is a multiple of the heads."
            )
        if self.set_size is not None and not 1 <= self.set_size <= self.r:
            raise InputError(
                f"set_size {self.set_size} is outside 1 to {self.r}, the intermediate vertices of {self.vertices}: "
                "give one of those."
            )


def _at_least(name: str, value: int | None, least: int, why: str = "") -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int):
        raise InputError(f"{name} {value!r} is not a whole number: give an integer of at least {least}.")
    if value > MAX_COUNT:
        given = str(value) if value < MAX_COUNT**2 else "of many digits"
        raise InputError(f"{name} {given} is above 10^18: give {least} to 10^18.")
    if value < least:
        raise InputError(f"{name} {value} is below {least}{f' ({why})' if why else ''}: give {least} or more.")
