"""Certifying all ``4^r`` inputs against the model's own evaluation of them in batches: inputs a second.

The other side is what one writes without a certifier: the table form of the torch model in float32, in batches, its
answers compared with the truth and the wrong ones counted.  It runs without error bounds, and knows nothing of an
answer that rounding may have changed.  Both sides use all cores, a thread each (threads within torch's operations would
be slower on tensors as small as these, and stand still on a busy machine).  The models are untrained ones: their wrong
answers are everywhere, so that the certifier can pass over no tile of inputs, its slowest case.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from parrots.config import OneLayerConfig
from parrots.extract import extract
from parrots.initialise import initial_parameters
from parrots.model import OneLayerModel
from theory.certify import certify

SIZES = ((8, 1), (10, 1), (12, 1), (8, 16), (10, 16), (12, 16))
"""(r, K)."""
HEAD = ("r", "experts", "inputs", "certified [1/s]", "evaluated [1/s]", "ratio")
BATCH = 2**14
MOST_EVALUATED = 2**18
"""The other side evaluates this many of the inputs, or all if there are fewer: its rate does not depend on it."""


@dataclass(frozen=True)
class Rates:
    """Inputs a second, of ``inputs`` certified and ``evaluated`` evaluated."""

    r: int
    experts: int
    inputs: int
    evaluated: int
    certified_rate: float
    evaluated_rate: float

    @property
    def ratio(self) -> float:
        return self.certified_rate / self.evaluated_rate

    def cells(self) -> tuple[str, ...]:
        """A row under :data:`HEAD`."""
        rates = (f"{self.certified_rate:,.0f}", f"{self.evaluated_rate:,.0f}")
        return (str(self.r), str(self.experts), f"{self.inputs:,}", *rates, f"{self.ratio:.1f}")

    def to_json(self) -> dict[str, object]:
        return {
            "r": self.r, "experts": self.experts, "inputs": self.inputs, "inputs_evaluated": self.evaluated,
            "certified_a_second": self.certified_rate, "evaluated_a_second": self.evaluated_rate, "ratio": self.ratio,
        }  # fmt: skip


def measure(r: int, experts: int, rounds: int = 3) -> Rates:
    """Best of ``rounds`` alternating rounds, so that both meet the same machine; hidden 4r, width r, on all cores."""
    config = OneLayerConfig(vertices=r + 2, width=r, hidden=4 * r, experts=experts, attention="uniform")
    model = OneLayerModel(config, initial_parameters(config, 0))
    table, evaluated = extract(model), min(4**r, MOST_EVALUATED)
    fastest = [float("inf"), float("inf")]
    for _ in range(rounds):
        for which, work in enumerate((lambda: certify(table), lambda: wrong_answers(model, evaluated))):
            began = time.perf_counter()
            work()
            fastest[which] = min(fastest[which], time.perf_counter() - began)
    return Rates(r, experts, 4**r, evaluated, 4**r / fastest[0], evaluated / fastest[1])


def wrong_answers(model: OneLayerModel, inputs: int) -> int:
    """Wrong answers among the first ``inputs`` of the ``4^r``, rows as :func:`theory.instances.all_pairs`."""
    r = model.config.intermediates

    def count(first: int) -> int:
        row = torch.arange(first, min(first + BATCH, inputs))
        alice, bob = _bits(row >> r, r), _bits(row, r)
        with torch.no_grad():
            answers = model.forward_table(torch.cat((alice, bob), 1)) >= 0
        return int((answers != (alice * bob).any(1)).sum())

    with _one_thread_an_operation(), ThreadPoolExecutor(os.cpu_count()) as pool:
        return sum(pool.map(count, range(0, inputs, BATCH)))


@contextmanager
def _one_thread_an_operation() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _bits(numbers: Tensor, r: int) -> Tensor:
    return ((numbers[:, None] >> torch.arange(r)) & 1).float()
