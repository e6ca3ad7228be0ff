"""The registry of statements: one object for each definition, lemma, theorem and corollary.

``get("thm-3.2")`` gives a :class:`Statement`; ``ids()`` the names; ``all_statements()`` everything in reading order.
"""

from __future__ import annotations

from difflib import get_close_matches

from theory.errors import InputError
from theory.statements import (
    ceilings,
    coverage,
    cross_token,
    memorisation,
    other_models,
    own,
    paper,
    soft_moe,
    two_layer,
)
from theory.statements.statement import Statement

__all__ = ["Statement", "all_statements", "get", "ids"]

_REGISTRY: dict[str, Statement] = {
    statement.id: statement
    for statement in (
        *paper.STATEMENTS,
        own.MESSAGE_BOUND,
        own.ENTROPY_BOUND,
        ceilings.INDEX_CEILING,
        ceilings.PLANTED_CEILING,
        own.PATTERN_BOUND,
        ceilings.PATTERN_CEILING,
        own.PACKED,
        two_layer.TWO_LAYER,
        other_models.NOISE_CEILING,
        other_models.COT_BOUND,
        other_models.SLOTS_BOUND,
        cross_token.SOFT_MOE,
        coverage.STAR_REDUCTIONS,
        coverage.COVERAGE,
        cross_token.CROSS_TOKEN,
        memorisation.INTERVAL_MEMORISER,
        memorisation.MIXTURE_MEMORISES,
        memorisation.MEMORISING_NEEDS_BITS,
        *soft_moe.STATEMENTS,
    )
}


def ids() -> tuple[str, ...]:
    """Every statement id, in reading order."""
    return tuple(_REGISTRY)


def all_statements() -> tuple[Statement, ...]:
    """Every statement, in reading order."""
    return tuple(_REGISTRY.values())


def get(statement_id: str) -> Statement:
    """The statement of that id, letter case ignored.

    Raises:
        InputError: no such id; the message names the nearest ones and all that exist.
    """
    found = _REGISTRY.get(statement_id.lower())
    if found is not None:
        return found
    near = get_close_matches(statement_id.lower(), _REGISTRY, n=3)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise InputError(f"unknown statement {statement_id!r}: {hint}allowed are {', '.join(_REGISTRY)}.")
