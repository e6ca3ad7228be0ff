"""The shape of a Soft MoE model: everything that fixes its parameters but their values."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from parrots.config import at_least
from theory.errors import InputError

Logits = Literal["normalised", "plain"]
Activation = Literal["relu", "gelu"]


@dataclass(frozen=True)
class SoftMoeConfig:
    """A Soft MoE layer over T tokens of d numbers, then a linear read-out of all of them; no residual.

    Raises :class:`theory.errors.InputError` for a shape that does not exist.
    """

    tokens: int
    """T."""
    width: int
    """d, numbers a token carries."""
    experts: int
    """n."""
    hidden: int
    """F, hidden units of one expert, a two-layer perceptron d -> F -> d."""
    outputs: int = 1
    """Numbers that the read-out gives."""
    slots: int = 1
    """Slots of each expert."""
    logits: Logits = "normalised"
    """``normalised``: a learned scale times the cosine of token and slot vector, as in the official code; ``plain``:
    their product.  The tokens that are mixed are the raw ones either way."""
    activation: Activation = "relu"
    bias: bool = True
    """Whether the experts have biases."""

    def __post_init__(self) -> None:
        for name in ("tokens", "width", "experts", "hidden", "outputs", "slots"):
            at_least(name, getattr(self, name), 1)
        for name, kind in (("logits", Logits), ("activation", Activation)):
            if getattr(self, name) not in get_args(kind):
                raise InputError(
                    f"{name} {getattr(self, name)!r:.80} is unknown: give one of {', '.join(get_args(kind))}."
                )
        if type(self.bias) is not bool:
            raise InputError(f"bias {self.bias!r:.80} is neither true nor false: give one of them.")

    @property
    def all_slots(self) -> int:
        """S, slots of all experts; those of one expert are side by side."""
        return self.experts * self.slots

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Every parameter's shape, in a fixed order."""
        n, d, F = self.experts, self.width, self.hidden
        scale: dict[str, tuple[int, ...]] = {"scale": ()} if self.logits == "normalised" else {}
        biases: dict[str, tuple[int, ...]] = {"inner_bias": (n, F), "outer_bias": (n, d)} if self.bias else {}
        return {
            "slot_vectors": (d, self.all_slots),
            **scale,
            "inner": (n, d, F),
            "outer": (n, F, d),
            **biases,
            "readout": (self.tokens * d, self.outputs),
            "readout_bias": (self.outputs,),
        }

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> SoftMoeConfig:
        """Raises :class:`theory.errors.InputError` when a field is unknown or missing."""
        try:
            return cls(**fields)
        except TypeError as error:
            raise InputError(
                f"not a Soft MoE configuration ({error!s:.80}): give the fields of SoftMoeConfig."
            ) from error
