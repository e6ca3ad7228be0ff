"""Who is taken and who is dropped, on routings small enough to work out by hand."""

from __future__ import annotations

import torch

from parrots.mixing import MixingConfig
from parrots.mixing.routers import ROUTERS, Routing
from parrots.mixing.routers.expert_choice import favourites
from parrots.mixing.routers.token_choice import queue

LOGITS = torch.tensor([[3.0, 2.0, 0.0], [3.0, 0.0, 2.0], [2.0, 3.0, 0.0], [4.0, 1.0, 0.0]])
"""Four tokens, the query last; their first choices are experts 0, 0, 1, 0, their second ones 1, 2, 0, 1."""


def route(present: list[bool] | None = None, **fields: object) -> tuple[torch.Tensor, Routing]:
    """States are the router's logits themselves; expert k adds k + 1 to every coordinate."""
    config = MixingConfig(vertices=4, width=3, hidden=1, experts=3, **fields)  # type: ignore[arg-type]
    parameters = {name: torch.zeros(shape) for name, shape in config.shapes().items()}
    parameters["router"] = torch.eye(3)
    parameters["outer_bias"] = torch.arange(1.0, 4.0)[:, None].expand(3, 3).contiguous()
    exists = torch.tensor([present or [True] * 4])
    return ROUTERS[config.routing](LOGITS[None], exists, parameters, config)


def taken_by(routing: Routing) -> list[list[int]]:
    """The experts that took each token."""
    return [row.nonzero().flatten().tolist() for row in routing.taken[0]]


def test_token_choice_without_a_limit_takes_every_choice() -> None:
    output, routing = route(routing="token-choice")
    assert taken_by(routing) == [[0], [0], [1], [0]]
    assert not routing.dropped.any()
    assert torch.allclose(output, LOGITS[3].softmax(0)[0].expand(1, 3))
    assert routing.loads.tolist() == [[3, 1, 0]]


def test_later_tokens_are_dropped_from_a_full_expert() -> None:
    output, routing = route(routing="token-choice", capacity=2)
    assert taken_by(routing) == [[0], [0], [1], []]
    assert routing.dropped.tolist() == [[False, False, False, True]]
    assert not output.any()


def test_absent_tokens_take_no_room() -> None:
    output, routing = route([True, False, True, True], routing="token-choice", capacity=2)
    assert taken_by(routing) == [[0], [], [1], [0]]
    assert not routing.dropped.any()
    assert output.all()


def test_top_2_in_token_order_and_first_choices_first() -> None:
    first, routing = route(routing="token-choice", top_k=2, capacity=2)
    assert taken_by(routing) == [[0, 1], [0, 2], [1], []]
    assert not first.any()
    # First choices first: expert 1 has one first choice (token 2), then one second choice (token 0).
    second, routing = route(routing="token-choice", top_k=2, capacity=2, priority="choice")
    assert taken_by(routing) == [[0, 1], [0, 2], [1], []]
    assert not second.any()
    third, routing = route(routing="token-choice", top_k=2, capacity=3, priority="choice")
    assert taken_by(routing) == [[0, 1], [0, 2], [1], [0, 1]]
    gates = LOGITS[3].softmax(0)[:2]
    assert torch.allclose(third, ((gates[0] + 2 * gates[1]) / gates.sum()).expand(1, 3))
    _, routing = route(routing="token-choice", top_k=2, capacity=3)
    assert taken_by(routing) == [[0, 1], [0, 2], [0, 1], [1]]


def test_the_two_orders_of_a_queue() -> None:
    """Two tokens, experts (0, 1) and (1, 0): in token order the second token waits at both."""
    wanted = torch.eye(2, dtype=torch.bool)[torch.tensor([[[0, 1], [1, 0]]])]
    assert queue(wanted, "token")[wanted].tolist() == [0, 0, 1, 1]
    assert queue(wanted, "choice")[wanted].tolist() == [0, 1, 0, 1]


def test_expert_choice_takes_the_highest_scores() -> None:
    output, routing = route(routing="expert-choice", capacity=1)
    scores = LOGITS.softmax(1)
    assert scores.argmax(0).tolist() == [3, 2, 1]
    assert taken_by(routing) == [[], [2], [1], [0]]
    assert routing.dropped.tolist() == [[True, False, False, False]]
    assert torch.allclose(output, scores[3, 0].expand(1, 3))
    _, routing = route([True, True, False, True], routing="expert-choice", capacity=2)
    assert routing.loads.tolist() == [[2, 2, 2]]
    assert taken_by(routing)[2] == [] and not routing.dropped[0, 2]


def test_the_earlier_of_two_equal_scores_is_taken() -> None:
    scores = torch.tensor([0.25, 0.5, 0.5, 0.5]).expand(2, 1, 4).mT
    assert favourites(scores, 2).squeeze(-1).tolist() == [[False, True, True, False]] * 2


def test_a_capacity_beyond_the_tokens_takes_them_all() -> None:
    _, routing = route(routing="expert-choice", capacity=9)
    assert routing.taken.all()


def test_soft_slots_leave_nobody_out_and_weigh_by_softmax() -> None:
    config = MixingConfig(vertices=4, width=3, hidden=1, experts=1, routing="soft", expert_slots=2)
    parameters = {name: torch.zeros(shape) for name, shape in config.shapes().items()}
    parameters["slot_vectors"] = torch.eye(3)[:, :2]
    present = torch.tensor([[True, False, True, True]])
    _, routing = ROUTERS["soft"](LOGITS[None], present, parameters, config)
    assert torch.allclose(routing.probabilities.sum(1), torch.ones(1, 2))
    assert not routing.probabilities[0, 1].any() and not routing.taken[0, 1].any()
    assert not routing.dropped.any()
