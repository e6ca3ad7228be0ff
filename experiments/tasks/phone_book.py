"""Recall of a phone-book that is nowhere in the prompt: what a model can answer is what its weights hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import log2
from string import ascii_letters, digits
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from experiments.tasks.numbered import LARGEST, UInts, key, shuffled
from experiments.tasks.task import Examples, Split, TaskSettings, check_request, check_written, means
from theory.errors import InputError

SEPARATOR = ":"
TOKENS = 256
"""Most token texts of a book, which holds a byte a token."""
MOST_ENTRIES = 10**8
"""About the largest book that is drawn within a minute; the paper's largest has 3 10^6 entries."""
KEPT_ORDER = 2**17
"""Entries of the largest book whose order in the last epochs is kept."""
_NAMES, _NUMBERS, _EPOCHS = range(3)
"""Purposes of the seed: which names, which numbers, which order of the entries in an epoch."""


@dataclass(frozen=True)
class PhoneBook(TaskSettings):
    """``entries`` names, all different, each with a uniformly random number: ``name : number`` ("phone-book").

    Names are drawn without repetition from all names of ``letters`` letters by a seeded permutation.  Training examples
    are epochs of all entries, each epoch in an order of its own.  Recall can be asked only about what was learned, so
    "validation" and "test" are both the entries themselves, in the order of the book, which is random; a number says
    nothing about any other, so what is recalled was memorised.  Sequences have ``letters + 1 + digits`` tokens, of
    which the digits are to be written.
    """

    name: ClassVar[str] = "phone-book"

    entries: int = 2000
    letters: int = 4
    """Of a name."""
    alphabet: int = 26
    """Different letters, at most 52."""
    digits: int = 4
    """Of a number."""
    seed: int = 0
    placed: bool = False
    """Whether each place of a name has letters of its own (a1 b2 …). One layer needs it: rotary positions steer where
    attention looks and leave no mark on what it adds up, so it takes in which letters a name has, not their order."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for field in ("entries", "letters", "digits"):
            if getattr(self, field) < 1:
                raise InputError(f"{field} {getattr(self, field)}: a phone-book needs 1 or more; give such a number.")
        if not 2 <= self.alphabet <= len(ascii_letters):
            raise InputError(f"alphabet {self.alphabet}: it has from 2 to {len(ascii_letters)} letters; give as many.")
        if self.letters > LARGEST.bit_length() or self.names > LARGEST:  # a huge power takes long
            raise InputError(
                f"letters {self.letters} of alphabet {self.alphabet} make more than {LARGEST:.3g} names; "
                "give fewer letters."
            )
        if len(self.vocabulary) > TOKENS:
            raise InputError(
                f"{self.letters} letters of an alphabet of {self.alphabet}, placed, are {len(self.vocabulary)} tokens; "
                f"a book has room for {TOKENS}: give fewer letters, a smaller alphabet, or letters without places."
            )
        if self.entries > MOST_ENTRIES:
            raise InputError(f"entries {self.entries}: a book has at most {MOST_ENTRIES}; give no more.")
        if self.entries > self.names:
            raise InputError(
                f"entries {self.entries}: {self.letters} letters of an alphabet of {self.alphabet} make "
                f"{self.names} names; give at most {self.names} entries, more letters or a larger alphabet."
            )

    @property
    def names(self) -> int:
        """How many names there are to draw from."""
        return self.alphabet**self.letters

    @property
    def bits(self) -> float:
        """Information of all numbers together, ``entries * digits * log2(10)`` bits: what full recall is worth."""
        return self.entries * self.digits * log2(10)

    @cached_property
    def vocabulary(self) -> tuple[str, ...]:
        letters = ascii_letters[: self.alphabet]
        if self.placed:
            letters_of_places = [f"{letter}{place + 1}" for place in range(self.letters) for letter in letters]
            return ("<pad>", *digits, SEPARATOR, *letters_of_places)
        return ("<pad>", *digits, SEPARATOR, *letters)

    @property
    def length(self) -> int:
        return self.prompt + self.digits

    @property
    def prompt(self) -> int:
        return self.letters + 1

    def size(self, split: Split) -> int | None:
        return None if split == "train" else self.entries

    @cached_property
    def book(self) -> NDArray[np.uint8]:
        """Token ids of all entries, ``[entries, length]``."""
        first_digit, separator = 1, 1 + len(digits)
        number_N = shuffled(
            np.arange(self.entries, dtype=np.uint64), self.names, np.array(key(self.seed, _NAMES), np.uint64)
        )
        book = np.empty((self.entries, self.length), dtype=np.uint8)
        for place in reversed(range(self.letters)):
            first_letter = separator + 1 + (place * self.alphabet if self.placed else 0)
            book[:, place] = number_N % np.uint64(self.alphabet) + np.uint64(first_letter)
            number_N //= np.uint64(self.alphabet)
        book[:, self.letters] = separator
        rng = np.random.default_rng(key(self.seed, _NUMBERS))
        book[:, self.prompt :] = rng.integers(0, 10, (self.entries, self.digits), dtype=np.uint8) + first_digit
        return book

    def examples(self, split: Split, first: int, count: int) -> Examples:
        """Sequences ``[count, length]``; training example ``i`` belongs to epoch ``i // entries``.

        Raises:
            InputError: for another split, a negative number, or an entry beyond the last one.
        """
        check_request(self, split, first, count)
        entry_B = self._shuffled_entries(first, count) if split == "train" else np.arange(first, first + count)
        return Examples(torch.from_numpy(self.book[entry_B].astype(np.int64)), self.prompt)

    def grade(self, examples: Examples, written: Tensor) -> dict[str, Tensor]:
        """``correct``: the whole number is right; ``digits_right``: the share of its digits that are.  ``[batch]``."""
        check_written(examples, written)
        right = written == examples.answer
        return {"correct": right.all(1).float(), "digits_right": right.float().mean(1)}

    def bits_recalled(self, log_probabilities: Tensor) -> float:
        """Bits of the book that a model holds, by its likelihood; no threshold.

        ``log_probabilities [queries, digits]``: natural logarithm of the probability that the model gave to each right
        digit, for all entries or a random sample.  The model's code for a number takes its cross-entropy instead of
        ``digits * log2(10)`` bits, and what it saves, over all entries, is what it knows:
        ``max(0, bits - entries * mean cross-entropy)`` (as in "Physics of Language Models", part 3.3).
        """
        _check_queries(log_probabilities)
        spent = -float(log_probabilities.double().sum(1).mean()) / float(np.log(2.0))
        return max(0.0, self.bits - self.entries * spent)

    def baselines(self, examples: Examples) -> dict[str, dict[str, float]]:
        """Shortcuts that know the book's statistics, or all of it but the entry asked for.

        ``most frequent number``, ``most frequent digit`` (by position), ``nearest name`` (the number of another name
        with the longest prefix in common), ``random guess`` (its expected value).
        """
        guesses = {
            "most frequent number": self._most_frequent_number(),
            "most frequent digit": self._most_frequent_digits(),
            "nearest name": self._numbers_of_nearest_names(examples),
        }
        graded = {
            name: means(self.grade(examples, torch.from_numpy(guess.astype(np.int64)).expand_as(examples.answer)))
            for name, guess in guesses.items()
        }
        return {**graded, "random guess": {"correct": 10.0**-self.digits, "digits_right": 1 / 10}}

    def show(self, tokens: Tensor) -> str:
        """As in ``Given: qzna:  To write: 4711``."""
        text = [self.vocabulary[int(token)] for token in tokens]
        return f"Given: {''.join(text[: self.prompt])}  To write: {''.join(text[self.prompt :])}"

    def _shuffled_entries(self, first: int, count: int) -> NDArray[np.int64]:
        """Entries of training examples ``first .. first + count - 1``; orders of small books are kept, for speed."""
        if self.entries > KEPT_ORDER:
            epoch_B, place_B = np.divmod(np.arange(first, first + count, dtype=np.uint64), np.uint64(self.entries))
            return self._order(place_B, epoch_B)
        epochs = range(first // self.entries, -(-(first + count) // self.entries))
        orders = [self._kept_order(epoch) for epoch in epochs]
        return np.concatenate([np.empty(0, np.int64), *orders])[first - epochs.start * self.entries :][:count]

    @cached_property
    def _kept_order(self) -> Callable[[int], NDArray[np.int64]]:
        places = np.arange(self.entries, dtype=np.uint64)
        return lru_cache(maxsize=4)(lambda epoch: self._order(places, np.array(epoch, np.uint64)))

    def _order(self, places: UInts, epochs: UInts) -> NDArray[np.int64]:
        """The entries at ``places`` in the orders of ``epochs``."""
        return shuffled(places, self.entries, epochs + np.uint64(key(self.seed, _EPOCHS))).astype(np.int64)

    def _most_frequent_number(self) -> NDArray[np.uint8]:
        numbers, counts = np.unique(self.book[:, self.prompt :], axis=0, return_counts=True)
        return numbers[counts.argmax()]

    def _most_frequent_digits(self) -> NDArray[np.uint8]:
        columns = self.book[:, self.prompt :].T
        return np.array([np.bincount(column).argmax() for column in columns], dtype=np.uint8)

    @cached_property
    def _in_order(self) -> NDArray[np.uint8]:
        return self.book[np.lexsort(self.book[:, : self.letters].T[::-1])]

    def _numbers_of_nearest_names(self, examples: Examples) -> NDArray[np.uint8]:
        """In alphabetical order, a name with the longest common prefix is the one before or the one after."""
        if self.entries == 1:
            return self._most_frequent_number()
        names = examples.tokens[:, : self.letters].numpy().astype(np.uint8)
        places = np.searchsorted(_words(self._in_order[:, : self.letters]), _words(names))
        before, after = np.maximum(places - 1, 0), np.minimum(places + 1, self.entries - 1)
        common = [_common_prefix(self._in_order[where, : self.letters], names) for where in (before, after)]
        use_before = (places == self.entries - 1) | ((places > 0) & (common[0] >= common[1]))
        return self._in_order[np.where(use_before, before, after), self.prompt :]


def _words(names: NDArray[np.uint8]) -> NDArray[Any]:
    """Names ``[batch, letters]`` as byte strings ``[batch]``, which sort as they do."""
    return np.ascontiguousarray(names).view(f"S{names.shape[1]}")[:, 0]


def _common_prefix(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.int64]:
    return np.logical_and.accumulate(one == other, axis=1).sum(axis=1)


def _check_queries(values: Tensor) -> None:
    if not len(values):
        raise InputError("no answers to measure recall on: it is a mean over queries; give one or more.")
