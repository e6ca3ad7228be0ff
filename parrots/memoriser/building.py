"""From sequences and labels to a memoriser: read them all, split them, lay out the experts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from parrots.memoriser.batches import token_batches
from parrots.memoriser.module import DirectionRouter, LineRouter, Memoriser, Reader, RouterModule, choose
from theory.errors import InputError
from theory.memorisation import (
    ROUTERS,
    RandomSequences,
    Router,
    ZigZags,
    interval_cuts,
    projection,
    random_directions,
    zigzags,
)
from theory.memorisation.routers import interval_logits
from theory.rounding import UNIT


@dataclass(frozen=True)
class Built:
    """A memoriser and what its construction knew: the layout of its experts and the load of each, ``[K]``."""

    model: Memoriser
    layout: ZigZags
    loads: NDArray[np.int64]


@dataclass(frozen=True)
class _Readings:
    """``values`` ``[n]``; ``error`` bounds the rounding error of each of them."""

    values: NDArray[np.float64]
    error: float


def build(
    sequences: RandomSequences,
    experts: int,
    router: Router = "interval",
    bits: int | None = None,
    hidden: int | None = None,
    device: torch.device | str = "cpu",
) -> Built:
    """The float64 memoriser of ``sequences`` with K = ``experts`` (`own-interval-memoriser`, `thm-3.5`).

    ``bits``: of a threshold in two's complement; None takes as many as leave room on both sides of every zero.
    ``hidden``: units of an expert; None takes as many as needed.

    Raises:
        InputError: an unknown router; more experts than sequences; readings that are equal, or too close for float64
            or for ``bits``; more label changes in one expert than ``hidden``.
    """
    if router not in ROUTERS:
        raise InputError(f"router {router!r} is unknown: give one of {', '.join(ROUTERS)}.")
    if not 1 <= experts <= sequences.sequences:
        raise InputError(
            f"{experts} experts for {sequences.sequences} sequences: give --experts 1 to {sequences.sequences}."
        )
    device = torch.device(device)
    reader = Reader(projection(sequences.width, sequences.tokens, sequences.seed)).to(device)
    readings = _read(sequences, reader, device)
    split = _by_interval if router in ("interval", "dense-interval") else _by_direction
    gate, chosen = split(sequences, reader, readings, experts, router, device)
    layout = zigzags(readings.values, sequences.labels(), chosen, experts, bits, hidden)
    _refuse_below(readings.error, layout.margin, "a zero of an expert", "more --bits, if any were given")
    model = Memoriser(reader, gate if experts > 1 else None, layout).to(device)
    return Built(model, layout, np.bincount(chosen, minlength=experts))


def _read(sequences: RandomSequences, reader: Reader, device: torch.device) -> _Readings:
    parts = [reader.with_size(tokens) for tokens in token_batches(sequences, sequences.width, device)]
    values, sizes = torch.cat(parts, -1).cpu().numpy()
    # N - 1 additions of tokens, a division, m products, m - 1 additions: a number passes as many at most.
    return _Readings(values, (sequences.tokens + sequences.width + 1) * UNIT * float(sizes.max()))


def _by_interval(
    sequences: RandomSequences, reader: Reader, readings: _Readings, experts: int, router: Router, device: torch.device
) -> tuple[RouterModule, NDArray[np.int64]]:
    cuts, margin = interval_cuts(readings.values, experts)
    slopes, biases = interval_logits(cuts)
    # Both logits that decide are off by a product and a sum (of m products for the full matrix), and the softmax makes
    # equal what differs by less than a rounding: four of them, of numbers up to this size, and as many to spare.
    size = 1 + experts * float(np.abs(readings.values).max()) + float(np.abs(biases).max())
    if router == "interval":
        gate: RouterModule = LineRouter(slopes, biases)
        error = readings.error + 8 * UNIT * size
    else:
        gate = DirectionRouter(slopes[:, None] * reader.direction.cpu().numpy(), biases)
        error = 2 * experts * readings.error + 8 * UNIT * size
    _refuse_below(error, margin, "a cut between experts", "fewer --experts")
    return gate, np.searchsorted(cuts, readings.values)


def _by_direction(
    sequences: RandomSequences, reader: Reader, readings: _Readings, experts: int, router: Router, device: torch.device
) -> tuple[RouterModule, NDArray[np.int64]]:
    rows = random_directions(experts, sequences.width, sequences.seed, unit=router == "random-unit")
    gate = DirectionRouter(rows).to(device)
    parts = [choose(gate, *reader(tokens)).experts.squeeze(-1) for tokens in token_batches(sequences, experts, device)]
    return gate, torch.cat(parts).cpu().numpy()


def _refuse_below(error: float, margin: float, what: str, hint: str) -> None:
    if margin <= error:
        raise InputError(
            f"{what} lies {margin:.1e} from a reading, and float64 may err by {error:.1e} there: "
            f"give {hint}, another --seed or fewer --sequences."
        )
