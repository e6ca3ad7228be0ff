"""One layer that writes tokens before it answers: passes over the graph against width.

A decoder passes over the graph once for each of its ``T`` tokens, the answer included.  Each token but the answer is
one of ``v`` and is the query of the next pass.  At every pass Alice can send her sums for the current query, as in the
message bound, and Bob replies with the token.  If two pairs ``(A, complement of A)`` had the same transcript, mixing
them would give it too, although one of the mixed pairs intersects; so ``messages^T v^(T-1) >= 2^r``.

Under uniform attention every query reads the same sums: further passes add nothing, and ``T`` counts as 1.
"""

from __future__ import annotations

from theory.bounds.enclosure import Enclosure, at_least_zero, log2, smallest
from theory.bounds.message import Attention, message_log2
from theory.errors import InputError


def transcript_log2(
    r: int,
    heads: int,
    bits: int,
    width: int,
    generated_tokens: int,
    vocabulary: int,
    attention: Attention = "softmax",
    precision: int = 64,
) -> Enclosure:
    """Enclose ``T log2(messages) + (T-1) log2 v``: what Alice and Bob say, in bits, for ``T = generated_tokens``.

    Source: this project, ``own-cot-bound``.

    Raises:
        InputError: unknown attention, or fewer than one token or word.
    """
    if generated_tokens < 1 or vocabulary < 1:
        raise InputError(f"{generated_tokens} generated tokens of {vocabulary} words: give 1 or more of each.")
    if attention == "uniform":
        return message_log2(r, heads, bits, width, attention, precision)
    precision += generated_tokens.bit_length()
    message = message_log2(r, heads, bits, width, attention, precision)
    return generated_tokens * message + (generated_tokens - 1) * log2(vocabulary, precision)


def transcript_suffices(
    r: int, heads: int, bits: int, width: int, generated_tokens: int, vocabulary: int, attention: Attention = "softmax"
) -> bool:
    """Whether there can be ``2**r`` transcripts: the size is not ruled out."""
    return at_least_zero(
        lambda precision: transcript_log2(r, heads, bits, width, generated_tokens, vocabulary, attention, precision) - r
    )


def transcript_min_width(
    r: int, heads: int, bits: int, generated_tokens: int, vocabulary: int, attention: Attention = "softmax"
) -> int:
    """The smallest total value width ``D >= 1`` that is not ruled out with this many tokens.

    One token, the answer, is :func:`theory.bounds.message_min_width`.

    Source: this project, ``own-cot-bound``.

    Raises:
        InputError: as :func:`transcript_log2`.
    """
    return smallest(lambda width: transcript_suffices(r, heads, bits, width, generated_tokens, vocabulary, attention))


def transcript_min_tokens(r: int, heads: int, bits: int, width: int, vocabulary: int) -> int:
    """The smallest number of generated tokens ``T >= 1`` that is not ruled out at this width, under softmax attention.

    Source: this project, ``own-cot-bound``.

    Raises:
        InputError: as :func:`transcript_log2`.
    """
    return smallest(lambda tokens: transcript_suffices(r, heads, bits, width, tokens, vocabulary))
