"""Reading a construction off a model's own tensors: which intermediate adds what, and which units read it.

Nothing here comes from a construction's formulas.  A model has the structure when every input's logit is, in exact
arithmetic, ``constant + sum over coordinates c of f_c(sum over i in c of digit_i · count_i)``; :func:`read` checks each
condition that this needs and names those that fail.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from parrots.model import OneLayerModel


@dataclass(frozen=True)
class Coordinate:
    """One residual coordinate: the digits added to it and the ReLU units that read it.

    ``digits`` ``[g]`` positive integers, one an intermediate; units ``scales``, ``biases``, ``weights`` ``[U]``: the
    coordinate adds ``f(x) = sum weights · relu(scales · x + biases)`` to the logit, x the sum of digit times count.
    """

    index: int
    digits: NDArray[np.int64]
    scales: NDArray[np.float64]
    biases: NDArray[np.float64]
    weights: NDArray[np.float64]


@dataclass(frozen=True)
class Structure:
    """``broken`` names the conditions that fail; if there is one, the rest describes nothing."""

    coordinates: tuple[Coordinate, ...]
    constant: float
    tokens: int
    broken: tuple[str, ...]


def read(model: nn.Module) -> Structure:
    """The structure of ``model``, or the conditions under which it has none."""
    if not isinstance(model, OneLayerModel):
        return Structure((), 0.0, 0, ("a one-layer model",))
    config = model.config
    weights = {name: value.detach().cpu() for name, value in model.weights().items()}
    conditions = {
        "uniform attention, the star embedding and a dense block": (
            (config.attention, config.embedding, config.experts) == ("uniform", "star", 1)
        ),
        "no rounding of messages or values": config.message_bits is None and config.value_bits is None,
        "every weight is a finite number": all(_is_finite(value) for value in weights.values()),
    }
    if all(conditions.values()):
        conditions = _conditions(weights, config.intermediates)
    broken = tuple(name for name, holds in conditions.items() if not holds)
    if broken:
        return Structure((), 0.0, config.tokens, broken)
    answer = int(weights["readout"].argmax())  # 1 there, else 0
    constant = float(weights["outer_bias"][0, answer])
    return Structure(tuple(_coordinates(weights, config.intermediates)), constant, config.tokens, ())


def _is_finite(value: Tensor) -> bool:
    return all(bool(end.isfinite()) for end in torch.aminmax(value))  # not a number is passed on


def _conditions(weights: dict[str, Tensor], r: int) -> dict[str, bool]:
    """What the argument needs, in its order, and whether it holds."""
    edges, inner, readout = weights["edges"], weights["inner"][0], weights["readout"]
    identity = torch.eye(edges.shape[1], dtype=edges.dtype)
    return {
        "value and output maps are identities": all(torch.equal(weights[w], identity) for w in ("w_value", "w_out")),
        "null tokens add nothing": not bool(weights["null"].any()),
        "the query adds nothing": not bool(weights["query"].any()),
        "edges that no length-2 path can use add nothing": not bool(edges[2 * r].any()),
        "both edges of an intermediate add the same": torch.equal(edges[:r], edges[r : 2 * r]),
        "an intermediate adds to one coordinate": bool((edges[:r].count_nonzero(-1) == 1).all()),
        "it adds a positive whole number": torch.equal(edges, edges.floor()) and not bool((edges < 0).any()),
        "a unit reads one coordinate": bool((inner.count_nonzero(0) == 1).all()),
        "the answer is one coordinate": int(readout.count_nonzero()) == 1 and float(readout.max()) == 1,
        "no edge adds to it": not bool(edges[:, readout != 0].any()),
    }


def _coordinates(weights: dict[str, Tensor], r: int) -> Iterator[Coordinate]:
    home = weights["edges"][:r].ne(0).int().argmax(-1)
    digits = weights["edges"][torch.arange(r), home].long().numpy()
    inner, units = weights["inner"][0], weights["inner"].shape[-1]
    read_by = inner.ne(0).int().argmax(0)
    scales = inner[read_by, torch.arange(units)].double().numpy()
    biases = weights["inner_bias"][0].double().numpy()
    outer = weights["outer"][0, :, int(weights["readout"].argmax())].double().numpy()
    digit_places, unit_places = _places(home.numpy()), _places(read_by.numpy())
    nothing = np.zeros(0, dtype=np.int64)
    for index in sorted({*digit_places, *unit_places}):
        mine, its_units = digit_places.get(index, nothing), unit_places.get(index, nothing)
        yield Coordinate(index, digits[mine], scales[its_units], biases[its_units], outer[its_units])


def _places(labels: NDArray[np.int64]) -> dict[int, NDArray[np.int64]]:
    """Where each label stands."""
    order = np.argsort(labels, kind="stable")
    names, starts = np.unique(labels[order], return_index=True)
    return dict(zip(names.tolist(), np.split(order, starts[1:]), strict=True))
