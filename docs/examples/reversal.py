"""Reversal: a word is given, and is to be written backwards."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from string import ascii_letters
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from experiments.tasks.numbered import key, shuffled
from experiments.tasks.task import Examples, Split, TaskSettings, check_request, check_written, means
from theory.errors import InputError

HELD_OUT = {"test": 0, "validation": 1}
PARTS = 8
"""Every eighth word of a shuffled list is for testing, every eighth for validation, the others are for training."""


@dataclass(frozen=True)
class Reversal(TaskSettings):
    """All words of ``letters`` letters; no word is in two of the splits."""

    name: ClassVar[str] = "reversal"

    letters: int = 5
    alphabet: int = 8
    """Different letters, at most 52."""
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (1 <= self.letters <= 10 and 2 <= self.alphabet <= len(ascii_letters)):
            raise InputError(
                f"letters {self.letters}, alphabet {self.alphabet}: give 1 to 10 letters of an alphabet of 2 to "
                f"{len(ascii_letters)}."
            )
        if self.words < PARTS:
            raise InputError(f"{self.words} words cannot be split: give more letters or a larger alphabet.")

    @property
    def words(self) -> int:
        return self.alphabet**self.letters

    @cached_property
    def vocabulary(self) -> tuple[str, ...]:
        return ("<pad>", ">", *ascii_letters[: self.alphabet])

    @property
    def prompt(self) -> int:
        """The word and the sign that asks for it backwards."""
        return self.letters + 1

    @property
    def length(self) -> int:
        return self.prompt + self.letters

    def size(self, split: Split) -> int | None:
        return self.words // PARTS if split in HELD_OUT else None

    def examples(self, split: Split, first: int, count: int) -> Examples:
        """Sequences ``[count, length]``; the training words come again and again, in one order."""
        check_request(self, split, first, count)
        block, rest = np.arange(first, first + count, dtype=np.uint64), np.uint64(HELD_OUT.get(split, 0))
        if split == "train":
            block, rest = np.divmod(block % np.uint64(self.words // PARTS * (PARTS - 2)), np.uint64(PARTS - 2))
            rest += np.uint64(len(HELD_OUT))
        word_B = shuffled(block * np.uint64(PARTS) + rest, self.words, np.uint64(key(self.seed)))
        digits = np.uint64(self.alphabet) ** np.arange(self.letters, dtype=np.uint64)
        letters_BL = torch.from_numpy((word_B[:, None] // digits % np.uint64(self.alphabet)).astype(np.int64)) + 2
        sign_B1 = torch.ones(count, 1, dtype=torch.int64)
        return Examples(torch.cat((letters_BL, sign_B1, letters_BL.flip(1)), 1), self.prompt)

    def grade(self, examples: Examples, written: Tensor) -> dict[str, Tensor]:
        """``correct``: the whole word; ``letters_right``: the share of its letters.  ``[batch]``."""
        check_written(examples, written)
        right = written == examples.answer
        return {"correct": right.all(1).float(), "letters_right": right.float().mean(1)}

    def baselines(self, examples: Examples) -> dict[str, dict[str, float]]:
        """The word as it was given, and one letter all over."""
        given = examples.tokens[:, : self.letters]
        guesses = {"copy": given, "first letter": given[:, :1].expand_as(given)}
        return {name: means(self.grade(examples, guess)) for name, guess in guesses.items()}

    def show(self, tokens: Tensor) -> str:
        text = "".join(self.vocabulary[int(token)] for token in tokens)
        return f"Given: {text[: self.prompt]}  To write: {text[self.prompt :]}"
