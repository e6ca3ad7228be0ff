"""The routers that are compared, each with as many parameters as the others as far as it allows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from experiments.studies.decoders.points import Point
from parrots.decoder import DecoderConfig
from parrots.decoder.routers.expert_choice import ExpertChoice
from parrots.decoder.routers.factorised import Factorised
from parrots.decoder.routers.hash import Hash
from parrots.decoder.routers.soft import Soft
from parrots.decoder.routers.token_choice import TokenChoice
from parrots.decoder.routers.unequal import Unequal

TOP = 2
"""Experts of a token."""
REFERENCE = "top-2"
"""The router of the paper's experiments: what the others are compared with."""
DENSE = "dense, as many active"
WIDE = "dense, as many in total"
UNBALANCED, CAPACITY, TOP_ONE = "top-2, nothing balances", "top-2, capacity", "top-1"
SHARED, UNEQUAL, HASHED = "shared expert and top-1", "unequal experts", "hash of the token"
EXPERT_CHOICE, SOFT, FACTORISED = "expert choice", "Soft MoE", "factorised"
EXPERTS_AHEAD, SOFT_AHEAD = "expert choice, looks ahead", "Soft MoE, looks ahead"
NOTES = {
    DENSE: "2 F hidden units: no experts",
    WIDE: "K F hidden units, all active: no experts",
    CAPACITY: "drops tokens in training alone",
    TOP_ONE: "K / 2 experts of 2 F hidden units",
    SHARED: "one of the K experts takes every token",
    UNEQUAL: "F / 2 and 3 F / 2 hidden units: active is the mean under even loads",
    HASHED: "nothing of the routing is learned",
    EXPERT_CHOICE: "chosen in the batch, place by place: active is a mean, and an answer depends on its batch",
    SOFT: "over the tokens so far: all experts run for every token, so all parameters are active",
    FACTORISED: "weights of low rank, K F hidden units, all active",
    EXPERTS_AHEAD: "chosen in the whole sequence: not causal; active is a mean",
    SOFT_AHEAD: "over the whole sequence: not causal; all parameters are active",
}
"""What is not equal, or not as usual."""


@dataclass(frozen=True)
class Arm:
    """A model and how it is named; ``balanced``: whether the load-balancing loss is on."""

    name: str
    model: DecoderConfig
    balanced: bool = False


def arms(trunk: DecoderConfig, experts: int, capacity: float, noise: float, bias_rate: float) -> Iterator[Arm]:
    """Every router on one dense ``trunk``, whose F hidden units are those of one of K = ``experts`` experts.

    A token uses 2 F hidden units of K F, except where :data:`NOTES` says otherwise.
    """
    F, K = trunk.feed_forward, experts
    yield Arm(DENSE, replace(trunk, hidden=TOP * F))
    yield Arm(WIDE, replace(trunk, hidden=K * F))
    chosen = TokenChoice(K, top_k=TOP)
    yield Arm(REFERENCE, replace(trunk, router=chosen), balanced=True)
    yield Arm("top-2, gates as they are", replace(trunk, router=replace(chosen, renormalise=False)), balanced=True)
    yield Arm(UNBALANCED, replace(trunk, router=chosen))
    yield Arm("top-2, noisy", replace(trunk, router=replace(chosen, noise=noise)), balanced=True)
    yield Arm(CAPACITY, replace(trunk, router=replace(chosen, capacity=capacity)), balanced=True)
    yield Arm("top-2, loss-free bias", replace(trunk, router=replace(chosen, balance_rate=bias_rate)))
    yield Arm(TOP_ONE, replace(trunk, router=TokenChoice(K // TOP, top_k=1), hidden=TOP * F), balanced=True)
    yield Arm(SHARED, replace(trunk, router=TokenChoice(K - 1, top_k=1), shared=F), balanced=True)
    yield Arm(UNEQUAL, replace(trunk, router=Unequal(K, top_k=TOP)), balanced=True)
    yield Arm(HASHED, replace(trunk, router=Hash(K, top_k=TOP)))
    yield Arm(EXPERT_CHOICE, replace(trunk, router=ExpertChoice(K, capacity=float(TOP))))
    yield Arm(SOFT, replace(trunk, router=Soft(K)))
    yield Arm(FACTORISED, replace(trunk, router=Factorised(K), hidden=K * F))
    yield Arm(EXPERTS_AHEAD, replace(trunk, router=ExpertChoice(K, capacity=float(TOP), over="sequence")))
    yield Arm(SOFT_AHEAD, replace(trunk, router=Soft(K, over="sequence")))


def in_order(found: Sequence[Point]) -> list[Point]:
    """Points in the order of :func:`arms`; a store holds them as they were finished."""
    order = {arm.name: place for place, arm in enumerate(arms(_ANY, 4, 1.0, 1.0, 1.0))}
    return sorted(found, key=lambda point: order.get(point.setup.family, len(order)))


_ANY = DecoderConfig(vocabulary=2, width=4, layers=1, heads=1, positions=1)
"""A trunk that all routers can be built on, to list their names."""


def is_noisy(model: DecoderConfig) -> bool:
    """Whether training draws random numbers for the router."""
    return isinstance(model.router, TokenChoice) and model.router.noise > 0


def is_causal(model: DecoderConfig) -> bool:
    return model.router is None or model.router.causal


def is_token_wise(model: DecoderConfig) -> bool:
    """Whether in evaluation a token's output depends on that token alone."""
    if isinstance(model.router, TokenChoice):
        return True  # capacity limits training alone
    return model.router is None or model.router.token_wise
