"""Which models the width bounds cover: the table of `own-coverage` as data, with a witness for every "no".

The bounds need that Bob, once he has Alice's sums, can finish the model alone.  A block that reads the query's state
and nothing of another token is covered whatever is inside it.  One that also reads how many tokens were routed
somewhere is covered after paying for those counts in bits.  It is not covered if edges have attended to edges first:
then tokens of Bob's know of Alice's edges, and routing carries that to the query.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import sympy

from theory.bounds.enclosure import at_least_zero, smallest
from theory.bounds.message import Attention, message_log2
from theory.errors import InputError
from theory.statements.functions import CeilLog2
from theory.statements.statement import H as H_
from theory.statements.statement import K as K_
from theory.statements.statement import k as k_
from theory.statements.statement import p as p_
from theory.statements.statement import r as r_

Holds = Literal["yes", "on average", "with extra bits", "another law", "no"]

_COUNT = CeilLog2(r_ + 1)
"""Bits that say how many of Alice's r tokens have some property."""
_SELECTION = p_ * (_COUNT + 1) + _COUNT
"""Bits that find which tokens a selection of the largest p-bit scores takes."""

_QUERY_ALONE = "the block reads the query's state and nothing of another token"
_FLAGGED = "once edges have attended to edges, a token can know that its partner edge exists"


@dataclass(frozen=True)
class Coverage:
    """One kind of model, and what the width bounds say of it."""

    name: str
    """Key, such as ``capacity-after-attention``."""
    model: str
    """What the model does, in words."""
    holds: Holds
    why: str
    """The reason, without a full stop at its end; refusals quote it."""
    extra_bits: sympy.Expr = sympy.S.Zero
    """Added to the bits of the message before they are compared with r: of r, p, H, K and k, the experts a token
    uses."""
    statement: str = "own-coverage"
    """The statement whose page proves it."""
    witnesses: tuple[str, ...] = ()
    """Constructions that are narrower than the bounds allow a covered model to be, and right on every graph."""


COVERAGE: tuple[Coverage, ...] = (
    Coverage("dense", "dense MLP, of any depth and activation, gated or not", "yes", _QUERY_ALONE),
    Coverage(
        "token-choice",
        "dropless token-choice experts: any K, any top-k, shared experts, experts of unequal size, fixed biases",
        "yes",
        f"{_QUERY_ALONE}, so neither K nor the routing rule occurs",
    ),
    Coverage(
        "noisy-token-choice",
        "noisy top-k routing",
        "on average",
        "noise is public randomness: fixed, the router is token choice; the average over it obeys the ceilings",
        statement="own-index-ceiling",
    ),
    Coverage(
        "mixture-of-heads",
        "mixture of attention heads, routed on the query's input",
        "yes",
        "the query's input is the same in every graph, so its heads are too; D counts those that are active",
    ),
    Coverage(
        "protected-query",
        "token choice with a capacity, where the query cannot be dropped",
        "yes",
        f"whoever else is dropped, {_QUERY_ALONE}",
    ),
    Coverage(
        "top-k-attention",
        "attention to the keys with the largest scores",
        "with extra bits",
        "Alice and Bob find the threshold of each head by binary search over the scores",
        extra_bits=H_ * _SELECTION,
    ),
    Coverage(
        "depth-before-attention",
        "mixture of depths, tokens selected before attention",
        "with extra bits",
        "the scores are those of single tokens: one binary search finds the threshold",
        extra_bits=_SELECTION,
    ),
    Coverage(
        "capacity-query-attends",
        "token choice with a capacity, where only the query attends",
        "with extra bits",
        "Bob names the query's k experts, and Alice says how many of her tokens come first in each",
        extra_bits=k_ * (CeilLog2(K_) + _COUNT),
    ),
    Coverage(
        "expert-choice-query-attends",
        "expert choice, or mixture of depths (K = 1), where only the query attends",
        "with extra bits",
        "for each of the K experts Bob sends the query's score, and Alice says how many of her tokens come before it; "
        "here K occurs, and K = r experts do buy width",
        extra_bits=K_ * (p_ + _COUNT),
    ),
    Coverage(
        "soft-moe-without-attention",
        "Soft MoE whose tokens have not attended",
        "another law",
        "every slot is one more sum over the tokens that the answer may read: slots trade against width",
        statement="own-slots-bound",
        witnesses=("soft-moe",),
    ),
    Coverage(
        "chain-of-thought",
        "a decoder that writes T tokens before it answers",
        "another law",
        "every token written reads the graph once more: T trades against width",
        statement="own-cot-bound",
    ),
    Coverage(
        "capacity-after-attention",
        "token choice with a capacity, after edge-to-edge attention; in one sequence or across a batch",
        "no",
        f"{_FLAGGED}; such tokens fill an expert, and whether the query is dropped from it answers the question",
        witnesses=("cross-token-capacity",),
    ),
    Coverage(
        "expert-choice-after-attention",
        "expert choice, or mixture of depths on the MLP, after edge-to-edge attention",
        "no",
        f"{_FLAGGED}; such a token outranks the query, and whether the expert takes the query answers the question",
        witnesses=("cross-token-expert-choice",),
    ),
    Coverage(
        "soft-moe-after-attention",
        "Soft MoE after edge-to-edge attention",
        "no",
        f"{_FLAGGED}; a slot collects such tokens, and every token reads every slot",
        witnesses=("cross-token-soft",),
    ),
    Coverage(
        "depth",
        "two or more layers",
        "no",
        "edges attend to edges in the first layer, and the query reads in the second what they found",
        witnesses=("two-layer", "three-layer"),
    ),
    Coverage(
        "maximum-subtracted",
        "softmax weights rounded to p bits after subtracting the maximum",
        "with extra bits",
        "Alice's rounded weights depend on Bob's largest score: both exchange the maximum of each head first",
        extra_bits=2 * H_ * p_,
    ),
    Coverage(
        "masked-uniform",
        "uniform attention over the edges that are there, absent ones masked instead of null tokens",
        "with extra bits",
        "the divisor depends on how many edges Alice has",
        extra_bits=_COUNT,
    ),
    Coverage(
        "variable-length",
        "absent edges left out instead of null tokens, so that later tokens move up",
        "with extra bits",
        "sets of r/2 edges, rounded down, keep every token's place known; there are at least 2^r / (r + 1) of them",
        extra_bits=_COUNT,
    ),
    Coverage(
        "streaming-floats",
        "floating-point sums in one pass over the tokens, Alice's first",
        "another law",
        "sums of floats are not associative, but the state after Alice's tokens is a message: b(2H + D) ≥ r for b-bit "
        "floats",
    ),
)
"""The table of `own-coverage`."""


def get(name: str) -> Coverage:
    """The row of that name.

    Raises:
        InputError: there is none; the message lists all names.
    """
    for row in COVERAGE:
        if row.name == name:
            return row
    raise InputError(f"unknown kind of model {name!r}: allowed are {', '.join(row.name for row in COVERAGE)}.")


def of_construction(name: str) -> Coverage | None:
    """The row that a construction is a witness of; ``None`` if it is a model that the bounds cover."""
    return next((row for row in COVERAGE if name in row.witnesses), None)


def extra_bits(name: str, r: int, bits: int = 1, heads: int = 1, experts: int = 1, top_k: int = 1) -> int:
    """The bits beside the message that a model of the row ``name`` may use about Alice's edges, at one size.

    Raises:
        InputError: there is no such row, or it says "no" or gives another law.
    """
    row = get(name)
    if row.holds in ("no", "another law"):
        raise InputError(f"{row.model}: the width bounds do not cover it, because {row.why}; see `{row.statement}`.")
    return int(row.extra_bits.subs({r_: r, p_: bits, H_: heads, K_: experts, k_: top_k}))


def covered_suffices(
    name: str,
    r: int,
    bits: int,
    width: int,
    attention: Attention = "softmax",
    heads: int = 1,
    experts: int = 1,
    top_k: int = 1,
) -> bool:
    """Whether a model of the row ``name`` with ``D = width`` has the bits to be right on every graph.

    ``log2`` of the message count and :func:`extra_bits` must reach ``r``.

    Raises:
        InputError: as :func:`extra_bits`, or unknown attention.
    """
    extra = extra_bits(name, r, bits, heads, experts, top_k)
    return at_least_zero(lambda precision: message_log2(r, heads, bits, width, attention, precision) + (extra - r))


def covered_min_width(
    name: str, r: int, bits: int, attention: Attention = "softmax", heads: int = 1, experts: int = 1, top_k: int = 1
) -> int:
    """The smallest ``D >= 1`` of which :func:`covered_suffices` says so.

    With no extra bits it is :func:`theory.bounds.message_min_width`.

    Raises:
        InputError: as :func:`extra_bits`, or unknown attention.
    """
    return smallest(lambda width: covered_suffices(name, r, bits, width, attention, heads, experts, top_k))


def streaming_min_width(r: int, heads: int, number_bits: int) -> int:
    """The smallest ``D >= 1`` with ``b (2H + D) >= r``: floats that stream from left to right, Alice's slots first.

    The state after Alice's slots is per head a maximum and a sum, and ``D`` accumulators, ``b = number_bits`` each.
    """
    return max(1, -(-r // number_bits) - 2 * heads)
