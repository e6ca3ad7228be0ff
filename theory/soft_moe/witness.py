"""What a Soft MoE layer with given slot vectors cannot tell apart: which statement covers it, and a pair of inputs."""

from __future__ import annotations

from dataclasses import dataclass

from theory.errors import InputError
from theory.soft_moe.directions import Direction, level, unseen
from theory.soft_moe.enclosed import apart
from theory.soft_moe.pairs import Pair, balanced_pair, collinear_pair, orthogonal_pair
from theory.soft_moe.slots import Array, SlotVectors
from theory.soft_moe.targets import LeastError, least_errors

ONE_EXPERT, ORTHOGONAL, FEW_SLOTS = "chung-one-expert", "own-soft-orthogonal", "own-soft-few-slots"
MANY_SLOTS, COLLINEAR = "own-soft-many-slots", "own-soft-collinear"
MOST_ENTRIES = 2**20
"""Numbers of the slot vectors or of an input up to which arithmetic is exact in minutes."""


@dataclass(frozen=True)
class Witness:
    """Two inputs to which every layer with these slot vectors gives one output, whatever its experts are."""

    first: Array
    """``[T, d]``, float64, rounded from the exact pair."""
    second: Array
    exact: bool
    """Whether the unrounded pair has exactly one output; else eps > 0 leaves the differences below."""
    slots_differ: float
    """Proved bound: no coordinate of a slot differs by more between the two inputs as printed."""
    combine_differ: float
    """The same for the combine weights."""
    errors: tuple[LeastError, ...]
    """What this costs on convex targets."""


@dataclass(frozen=True)
class Verdict:
    """What one statement says of given slot vectors."""

    statement: str
    covers: bool
    why: str
    witness: Witness | None = None
    """None where the statement does not cover, and for ``own-soft-many-slots``, which says that there is no pair."""


def witnesses(slots: SlotVectors, tokens: int, size: float = 100.0) -> tuple[Verdict, ...]:
    """What every statement about one Soft MoE layer says of ``slots`` on inputs of T = ``tokens`` tokens.

    ``size`` is the norm of the longer token in S1 and S2, and of each token of the even input in S4.

    Raises:
        InputError: no token, a size that is not positive, or a layer too large for exact arithmetic.
    """
    _check(slots, tokens, size)
    if tokens == 1:
        names = (ONE_EXPERT, ORTHOGONAL, FEW_SLOTS, MANY_SLOTS, COLLINEAR)
        why = "one token is its own slot: nothing is lost"
        return tuple(Verdict(name, False, why) for name in names)
    hidden = unseen(slots)
    alike = level(slots) or hidden
    few = _few_slots(slots, tokens, size, alike, hidden)
    return (
        _one_expert(slots, few),
        _orthogonal(slots, tokens, size, hidden),
        few,
        _many_slots(slots, alike),
        _collinear(slots, tokens, size),
    )


def _check(slots: SlotVectors, tokens: int, size: float) -> None:
    if tokens < 1:
        raise InputError(f"{tokens} tokens: give 1 or more; from 2 on a layer can lose something.")
    if not 1e-100 <= size <= 1e100:
        raise InputError(f"size {size} is not between 1e-100 and 1e100: give the norm of a token.")
    entries = max(slots.vectors.size, tokens * slots.width)
    if entries > MOST_ENTRIES:
        raise InputError(
            f"{slots.count} slot vectors and {tokens} tokens of {slots.width} numbers: give at most {MOST_ENTRIES} "
            "numbers of either, since arithmetic is exact."
        )


def _witness(pair: Pair, slots: SlotVectors, *, exact: bool) -> Witness:
    first, second = pair.rounded()
    return Witness(first, second, exact, *apart(first, second, slots), least_errors(pair))


def _one_expert(slots: SlotVectors, few: Verdict) -> Verdict:
    if slots.count == 1:
        return Verdict(ONE_EXPERT, True, "one slot, so one expert", few.witness)
    return Verdict(ONE_EXPERT, False, f"{slots.count} slots: it speaks of one expert with one slot")


def _orthogonal(slots: SlotVectors, tokens: int, size: float, hidden: Direction | None) -> Verdict:
    d, S = slots.width, slots.count
    if hidden is None:
        return Verdict(ORTHOGONAL, False, f"the {S} slot vectors span all {d} dimensions")
    found = _witness(orthogonal_pair(hidden, tokens, size), slots, exact=True)
    why = "a scale of 0 hides every direction" if slots.normalised and not slots.scale else ""
    return Verdict(ORTHOGONAL, True, why or f"the {S} slot vectors do not span the {d} dimensions", found)


def _few_slots(
    slots: SlotVectors, tokens: int, size: float, alike: Direction | None, hidden: Direction | None
) -> Verdict:
    d, S = slots.width, slots.count
    if alike is not None:
        found = _witness(balanced_pair(alike, slots, tokens, size), slots, exact=True)
        why = "see one direction alike" if alike is not hidden else "see the direction of own-soft-orthogonal alike"
        return Verdict(FEW_SLOTS, True, f"all {S} slots {why}", found)
    if slots.normalised:
        return Verdict(FEW_SLOTS, False, f"no direction is known that all {S} slots see alike")
    return Verdict(FEW_SLOTS, False, f"the {S} slot vectors affinely span all {d} dimensions")


def _many_slots(slots: SlotVectors, alike: Direction | None) -> Verdict:
    if slots.normalised:
        return Verdict(MANY_SLOTS, False, "it speaks of plain logits")
    if alike is not None:
        return Verdict(MANY_SLOTS, False, "the slot vectors do not affinely span the space")
    return Verdict(MANY_SLOTS, True, "slots are equal only if tokens are: no pair as in S1 and S2")


def _collinear(slots: SlotVectors, tokens: int, size: float) -> Verdict:
    if not slots.normalised:
        return Verdict(COLLINEAR, False, "it speaks of normalised logits")
    found = _witness(collinear_pair(slots, tokens, size), slots, exact=False)
    return Verdict(COLLINEAR, True, "normalised logits, whatever the slot vectors", found)
