"""Soft MoE without attention before it: slots trade against width.

Slot ``s`` reads ``sum_j w_sj x_j / sum_j w_sj`` over the tokens, with ``w_sj`` a function of token ``j`` alone.  The
query's own token is the same in every graph, so its combine weights are too, and the answer is a function of the ``S``
slots.  Each is a head with one fixed query: ``S`` weight sums and ``S m`` value sums, the message of ``S`` heads with
``m`` coordinates each.
"""

from __future__ import annotations

from theory.bounds.enclosure import smallest
from theory.bounds.message import message_bits, message_suffices


def slots_bits(r: int, slots: int, bits: int, width: int) -> int:
    """Bits that suffice to name Alice's part of ``S = slots`` slots of ``m = width`` coordinates.

    Source: this project, ``own-slots-bound``.
    """
    return message_bits(r, slots, bits, slots * width)


def slots_suffice(r: int, slots: int, bits: int, width: int) -> bool:
    """Whether this many slots of ``m = width`` coordinates have ``2**r`` messages: the size is not ruled out."""
    return message_suffices(r, slots, bits, slots * width)


def slots_min_width(r: int, slots: int, bits: int) -> int:
    """The smallest token width ``m >= 1`` that :func:`slots_suffice` allows.

    Source: this project, ``own-slots-bound``.
    """
    return smallest(lambda width: slots_suffice(r, slots, bits, width))


def min_slots(r: int, bits: int, width: int) -> int:
    """The smallest number of slots ``S >= 1`` that :func:`slots_suffice` allows for tokens of ``m = width``.

    Source: this project, ``own-slots-bound``.
    """
    return smallest(lambda slots: slots_suffice(r, slots, bits, width))
