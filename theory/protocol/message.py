"""Alice's message as bytes: numbers of known ranges packed into as few bits as name every message."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Literal

from theory.errors import InputError

FLOAT_BITS = 64

Kind = Literal["integer sums", "float sums", "codes"]


@dataclass(frozen=True)
class Group:
    """Numbers of one kind: ``count`` of them, each an integer from 0 to ``values - 1``, or a float64 (None)."""

    name: str
    """What one of them is, such as "sum of weights of a head"."""
    count: int
    values: int | None


@dataclass(frozen=True)
class MessageFormat:
    """What both parties know of a message before it is sent."""

    kind: Kind
    groups: tuple[Group, ...]

    @property
    def messages(self) -> int | None:
        """How many messages there are; None for floats."""
        if self.kind == "float sums":
            return None
        return prod(group.values**group.count for group in self.groups if group.values is not None)

    @property
    def bits(self) -> int:
        """Length of every message, whatever it says: the least that gives each message a word of its own.

        For the sums of a p-bit model that is :func:`theory.bounds.message_bits`, of the same count.
        """
        messages = self.messages
        return FLOAT_BITS * self.numbers if messages is None else (messages - 1).bit_length()

    @property
    def numbers(self) -> int:
        return sum(group.count for group in self.groups)

    @property
    def octets(self) -> int:
        """Bytes that hold the bits; fewer than 8 bits of them are padding."""
        return -(-self.bits // 8)

    def pack(self, numbers: Sequence[int] | Sequence[float]) -> bytes:
        """Integers as the digits of one number in mixed radix, big-endian; floats as IEEE 754, big-endian.

        Raises:
            ValueError: another count of numbers, or one outside its range.
        """
        if len(numbers) != self.numbers:
            raise ValueError(f"{len(numbers)} numbers for a message of {self.numbers}")
        if self.kind == "float sums":
            return struct.pack(f">{self.numbers}d", *numbers)
        total = 0
        for number, values in zip(numbers, self._radices(), strict=True):
            if not 0 <= number < values:
                raise ValueError(f"{number} is outside 0 to {values - 1}")
            total = total * values + int(number)
        return total.to_bytes(self.octets, "big")

    def unpack(self, message: bytes) -> list[int] | list[float]:
        """The numbers of :meth:`pack`.

        Raises:
            InputError: bytes that no message of this format has.
        """
        if len(message) != self.octets:
            raise InputError(f"a message of {len(message)} bytes: this model's has {self.octets}; send it whole.")
        if self.kind == "float sums":
            return list(struct.unpack(f">{self.numbers}d", message))
        rest, numbers = int.from_bytes(message, "big"), []
        for values in reversed(self._radices()):
            rest, number = divmod(rest, values)
            numbers.append(number)
        if rest:
            raise InputError("the bytes name no message of this model: both parties must hold the same one.")
        return numbers[::-1]

    def _radices(self) -> list[int]:
        return [group.values for group in self.groups if group.values is not None for _ in range(group.count)]


def integer_sums(r: int, heads: int, bits: int, width: int, uniform: bool) -> MessageFormat:
    """Sums over r tokens of p-bit weights w and values v in 0..2^p - 1: per head sum w, per coordinate sum w v.

    A value stands for ``offset + scale v``; the offsets cost nothing, since with the sums of weights Bob can add them.
    Uniform attention has no weights to sum.

    Source: `own-message-bound`.
    """
    largest = 2**bits - 1
    if uniform:
        return MessageFormat("integer sums", (Group("sum of values of a coordinate", width, r * largest + 1),))
    weights = Group("sum of weights of a head", heads, r * largest + 1)
    weighted = Group("sum of weight times value of a coordinate", width, r * largest**2 + 1)
    return MessageFormat("integer sums", (weights, weighted))


def float_sums(heads: int, width: int, uniform: bool) -> MessageFormat:
    """The state of a left-to-right execution in float64: H + D numbers, or D under uniform attention.

    An execution that subtracts a running maximum has H more of them; the models here subtract none.
    """
    values = Group("sum of values of a coordinate", width, None)
    if uniform:
        return MessageFormat("float sums", (values,))
    weighted = Group("sum of weight times value of a coordinate", width, None)
    return MessageFormat("float sums", (Group("sum of weights of a head", heads, None), weighted))


def codes(width: int, levels: int) -> MessageFormat:
    """A code for each coordinate of the state, of 2^b levels: models with ``message_bits``."""
    return MessageFormat("codes", (Group("code of a coordinate", width, levels),))
