"""What routers did, summed over batches: load, entropy, dropped tokens, dead experts, specialisation.

:meth:`RoutingStatistics.to_json` is plain floats and lists, for a line of a log or a row of a store::

    {"layers": [                            # one for each routed layer, in order
       {"tokens": 4096,                     # tokens counted
        "load": [...],                      # [K] share of all processed (token, expert) pairs, sums to 1
        "importance": [...],                # [K] share of the outputs' weight (gates), sums to 1
        "load_entropy": 0.98,               # entropy of load over log K: 1 even, 0 one expert takes all
        "largest_load": 1.4,                # K times the largest load: 1 even, K one expert takes all
        "router_entropy": 0.71,             # mean entropy of a token's probabilities over log K
        "dropped": 0.02,                    # share of chosen (token, expert) pairs that found no room
        "unrouted": 0.01,                   # share of tokens that no expert processed: the residual alone is left
        "dead": 0.0,                        # experts that processed no token at all
        "token_information": 0.8,           # bits that the expert tells of the token's id, plug-in estimate
        "token_information_bias": 0.02,     # by how much that estimate is too high on average (Miller and Madow)
        "position_information": 0.1,        # the same for the token's position
        "position_information_bias": 0.01,
        "by_token": [[...], ...],           # with maps=True: [ids, K], row: how the weight of this id is spread
        "by_position": [[...], ...]},       # with maps=True: [positions, K]; rows of what never came are zeros
       ...]}

Information is None where no token ids were given.  With one expert an entropy over log K has no meaning and is 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from parrots.decoder.routers import Routing


@dataclass
class RoutingStatistics:
    """Sums over batches; memory is ``K (ids + positions)`` numbers a layer, not one a token."""

    layers: list[LayerStatistics] = field(default_factory=list)

    def add(self, routings: Sequence[Routing], ids: Tensor | None = None, counted: Tensor | None = None) -> None:
        """Count one batch of one model.

        ``routings``: one for each routed layer.  ``ids`` ``[batch, tokens]``: the tokens that the model read; a layer
        that routed only the last of them is matched with those.  ``counted`` boolean ``[batch, tokens]``: which tokens
        count (not padding); all if None.
        """
        if not self.layers:
            self.layers = [LayerStatistics(routing.taken_TK.shape[-1]) for routing in routings]
        for layer, routing in zip(self.layers, routings, strict=True):
            layer.add(routing, ids, counted)

    def to_json(self, maps: bool = False) -> dict[str, Any]:
        """The dictionary above; ``maps`` adds the two tables of specialisation."""
        return {"layers": [layer.to_json(maps) for layer in self.layers]}


class LayerStatistics:
    """Sums of one layer with ``columns`` experts (Soft MoE: slots)."""

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.tokens = 0
        self._chosen = torch.zeros(columns, dtype=torch.float64)
        self._taken = torch.zeros(columns, dtype=torch.float64)
        self._unrouted = 0.0
        self._entropy = 0.0
        self._importance = torch.zeros(columns, dtype=torch.float64)
        self._tables = {name: torch.zeros(0, columns, dtype=torch.float64) for name in ("token", "position")}

    @torch.no_grad()
    def add(self, routing: Routing, ids: Tensor | None, counted: Tensor | None) -> None:
        """Count a batch: see :meth:`RoutingStatistics.add`."""
        keep_T = _flat_last(counted, len(routing.taken_TK))
        probabilities, chosen, taken = (
            (x if keep_T is None else x[keep_T.to(x.device)]).to("cpu", torch.float64)
            for x in (routing.probabilities_TK, routing.chosen_TK, routing.taken_TK)
        )
        self.tokens += len(taken)
        self._chosen += chosen.sum(0)
        self._taken += taken.sum(0)
        self._unrouted += float((taken.sum(1) == 0).sum())
        self._entropy += float(torch.special.entr(probabilities).sum())
        weights_TK = _weights(probabilities, taken)
        self._importance += weights_TK.sum(0)
        if ids is not None:
            places = torch.arange(ids.shape[1]).expand(ids.shape)
            for name, what in (("token", ids), ("position", places)):
                rows = _flat_last(what, len(routing.taken_TK))
                assert rows is not None
                rows = (rows if keep_T is None else rows[keep_T.to(rows.device)]).cpu()
                self._tables[name] = _add_rows(self._tables[name], rows, weights_TK)

    def to_json(self, maps: bool = False) -> dict[str, Any]:
        """One entry of ``layers``."""
        load, importance = _shares(self._taken), _shares(self._importance)
        span = math.log(self.columns) if self.columns > 1 else 1.0
        plain: dict[str, Any] = {
            "tokens": self.tokens,
            "load": load.tolist(),
            "importance": importance.tolist(),
            "load_entropy": float(torch.special.entr(load).sum()) / span if self.columns > 1 else 1.0,
            "largest_load": self.columns * float(load.max()),
            "router_entropy": self._entropy / max(1, self.tokens) / span if self.columns > 1 else 1.0,
            "dropped": 1.0 - float(self._taken.sum()) / max(1.0, float(self._chosen.sum())),
            "unrouted": self._unrouted / max(1, self.tokens),
            "dead": float((self._taken == 0).sum()),
        }
        for name, table in self._tables.items():
            plain[f"{name}_information"] = information(table) if len(table) else None
            plain[f"{name}_information_bias"] = information_bias(table, self.tokens) if len(table) else None
            if maps:
                plain[f"by_{name}"] = (table / table.sum(1, keepdim=True).clamp(min=1e-300)).tolist()
        return plain


def information(table: Tensor) -> float:
    """Mutual information of row and column in bits, from a table of weights ``[rows, columns]`` (not normalised).

    The plug-in estimate ``sum p(r, c) log2(p(r, c) / p(r) p(c))``: too high on average, see :func:`information_bias`.
    """
    joint = table / table.sum().clamp(min=1e-300)
    entropies = [torch.special.entr(p).sum() for p in (joint.sum(0), joint.sum(1), joint)]
    return max(0.0, float(entropies[0] + entropies[1] - entropies[2]) / math.log(2))


def information_bias(table: Tensor, observations: int) -> float:
    """How much :func:`information` exceeds the truth on average, in bits, to first order (Miller and Madow).

    ``(cells - rows - columns + 1) / (2 n ln 2)`` with the cells, rows and columns that are not empty.  It supposes n
    independent observations of one expert each; tokens of one sequence are not, and a token of several experts counts
    as one observation spread over them, so it says the order of magnitude.
    """
    cells, rows, columns = ((x > 0).sum() for x in (table, table.sum(1), table.sum(0)))
    return float(cells - rows - columns + 1) / (2 * max(1, observations) * math.log(2))


def _weights(probabilities: Tensor, taken: Tensor) -> Tensor:
    """How a token's weight 1 is spread over the experts that took it, ``[T, K]``; zeros if none did."""
    weights = probabilities * taken
    return weights / weights.sum(1, keepdim=True).clamp(min=1e-300)


def _flat_last(x: Tensor | None, T: int) -> Tensor | None:
    """``[batch, tokens] -> [T]``, the last ``T / batch`` tokens of each sequence."""
    return None if x is None else x[:, x.shape[1] - T // len(x) :].flatten()


def _add_rows(table: Tensor, rows: Tensor, weights: Tensor) -> Tensor:
    """``table`` with ``weights[t]`` added to row ``rows[t]``; grows to the largest row."""
    missing = int(rows.max()) + 1 - len(table) if len(rows) else 0
    if missing > 0:
        table = torch.cat((table, table.new_zeros(missing, table.shape[1])))
    return table.index_add(0, rows, weights)


def _shares(x: Tensor) -> Tensor:
    return x / x.sum().clamp(min=1e-300)
