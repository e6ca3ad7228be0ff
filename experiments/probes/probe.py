"""What a probe is: questions with answers, some to be shown, some to be asked, and what shortcuts reach on these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Item = Mapping[str, Any]
"""``prompt`` and ``answer``, texts, and what is known of the question: sizes, distances."""

SHOTS = 16
"""Questions of the part that is shown; lm-eval draws the examples before a question from them."""
SHOWN = 2
"""Examples that stand before a question."""


@dataclass(frozen=True)
class Probe:
    """One lm-eval task: one kind of question at one size."""

    group: str
    """Name of the kind, such as ``parrots_length2``."""
    size: int
    """Vertices, or entries of a book."""
    kind: Literal["choice", "text"]
    """Whether the likelier of the ``choices`` is the answer, or what is written."""
    asked: Sequence[Item]
    shown: Sequence[Item]
    """None of them is among those asked."""
    shortcuts: Mapping[str, float]
    """Name -> share of ``asked`` that a rule gets right which does not solve the task."""
    choices: Sequence[str] = ()
    until: Sequence[str] = ("\n",)
    """Texts that end what is written."""
    most_tokens: int = 64
    """Tokens after which writing ends in any case."""
    pattern: str = ""
    """Regular expression whose first group is the answer in what is written."""
    examples_before: int = SHOWN
    """Of a question, if lm-eval is not told otherwise."""
    to_learn: Sequence[str] = field(default=())
    """Texts that hold the answers and stand in no prompt; none where the prompt holds all."""

    @property
    def name(self) -> str:
        return f"{self.group}_{self.size}"
