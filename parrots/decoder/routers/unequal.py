"""Experts of unequal size (MoDSE, Sun et al. 2024): token choice over pairs of a larger and a smaller expert."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from parrots.decoder.routers.buffers import BufferedExperts
from parrots.decoder.routers.router import RoutedFeedForward, check_number
from parrots.decoder.routers.token_choice import TokenChoice, TokenChoiceLayer
from parrots.grouped import grouped_product, members_first
from theory.accounting.feed_forward import FeedForward
from theory.errors import InputError


@dataclass(frozen=True)
class Unequal(TokenChoice):
    """Token choice whose experts come in pairs of ``F (1 + spread)`` and ``F (1 - spread)`` hidden units.

    Pair i has ``spreads[i % len(spreads)]``, rounded to whole units, so that all experts together have exactly as many
    parameters as equal ones of F units.  A token's share depends on whom it chooses; under even loads the mean is that
    of equal experts, and that is what is counted.  Experts are numbered from the smallest to the largest.
    """

    name: ClassVar[str] = "unequal"

    spreads: tuple[float, ...] = (0.5,)
    """By what share of F the two experts of a pair differ from it, each at least 0 and below 1."""

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "spreads", tuple(self.spreads))  # JSON has lists
        if self.experts % 2:
            raise InputError(f"{self.experts} experts make no pairs of a larger and a smaller: give an even number.")
        for spread in self.spreads:
            check_number("spread", spread)
            if spread >= 1:
                raise InputError(f"spread {spread:g} leaves the smaller expert nothing: give numbers below 1.")
        if not self.spreads or len(self.spreads) > self.experts // 2:
            raise InputError(
                f"{len(self.spreads)} spreads for {self.experts // 2} pairs of experts: give 1 to {self.experts // 2}."
            )

    def sizes(self, hidden: int) -> tuple[int, ...]:
        """Hidden units of each expert, ascending; raises InputError where ``hidden`` is too small for the spreads."""
        self._check_smallest(hidden)
        pairs = range(self.experts // 2)
        differences = [round(hidden * self.spreads[pair % len(self.spreads)]) for pair in pairs]
        return tuple(sorted(hidden + sign * difference for difference in differences for sign in (-1, 1)))

    def _check_smallest(self, hidden: int) -> None:
        if round(hidden * max(self.spreads)) >= hidden:
            raise InputError(
                f"spread {max(self.spreads):g} of {hidden} hidden units leaves the smaller expert none: give a smaller "
                "spread or more hidden units."
            )

    def count(self, width: int, hidden: int, tokens: int) -> FeedForward:
        """As equal experts, which have as many units together; raises InputError as :meth:`sizes`."""
        self._check_smallest(hidden)
        return super().count(width, hidden, tokens)

    def build(self, width: int, hidden: int) -> RoutedFeedForward:
        return TokenChoiceLayer(self, width, UnequalExperts(self.sizes(hidden), width))

    def to_json(self) -> dict[str, Any]:
        return super().to_json() | {"spreads": list(self.spreads)}


class UnequalExperts(nn.Module):
    """Experts of given ``sizes``, ascending: one grouped product for each size, with no padded units.

    ``classes`` holds the experts of one size each.
    """

    def __init__(self, sizes: Sequence[int], width: int) -> None:
        super().__init__()
        if list(sizes) != sorted(sizes):
            raise ValueError(f"sizes {list(sizes)} are not ascending")
        distinct = sorted(set(sizes))
        self.counts = [sizes.count(size) for size in distinct]
        self.classes = nn.ModuleList(
            [BufferedExperts(count, width, size) for count, size in zip(self.counts, distinct, strict=True)]
        )

    def forward(self, rows_RD: Tensor, ends_K: Tensor) -> Tensor:
        """Rows ``[R, width]`` sorted by expert, ``ends_K`` one past each expert's last row.

        The backward pass runs the products of the forward pass once more instead of keeping what they gave.
        """
        parameters: list[Tensor] = [matrix for experts in self._groups() for matrix in (experts.gate_up, experts.down)]
        device = rows_RD.device.type
        if torch.is_autocast_enabled(device):
            dtype = torch.get_autocast_dtype(device)
            rows_RD, *parameters = (x.to(dtype) for x in (rows_RD, *parameters))
        outputs_RD: Tensor = _BySize.apply(rows_RD, ends_K, *parameters)
        return outputs_RD

    def in_buffers(self, rows_KCD: Tensor) -> Tensor:
        """``[K, C, width] -> [K, C, width]``, row by row the expert's output."""
        parts = rows_KCD.split(self.counts)
        return torch.cat([experts.in_buffers(rows) for experts, rows in zip(self._groups(), parts, strict=True)])

    def _groups(self) -> list[BufferedExperts]:
        return cast("list[BufferedExperts]", list(self.classes))


class _BySize(torch.autograd.Function):
    """How many rows a size has depends on the data, which mapping over members allows only inside of a rule."""

    @staticmethod
    def forward(rows: Tensor, ends: Tensor, *parameters: Tensor) -> Tensor:
        return _by_size(rows[None], ends[None], [matrix[None] for matrix in parameters])[0]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        rows, ends, *parameters = ctx.saved_tensors
        with torch.enable_grad():
            inputs = [x.detach().requires_grad_() for x in (rows, *parameters)]
            output = _by_size(inputs[0][None], ends[None], [matrix[None] for matrix in inputs[1:]])[0]
        d_rows, *d_parameters = torch.autograd.grad(output, inputs, gradient)
        return d_rows, None, *d_parameters

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *inputs: Tensor) -> tuple[Tensor, int]:
        rows, ends, *parameters = members_first(info, in_dims, inputs)
        return _by_size(rows, ends, parameters), 0


def _by_size(rows_ERD: Tensor, ends_EK: Tensor, parameters: Sequence[Tensor]) -> Tensor:
    """``[E, R, width]``; ``parameters`` are ``gate_up`` and ``down`` ``[E, experts of the size, ...]`` of each size."""
    last = torch.tensor([gate_up.shape[1] for gate_up in parameters[::2]]).cumsum(0) - 1
    bounds = [[0, *row] for row in ends_EK[:, last.to(ends_EK.device)].tolist()]
    pieces: list[list[Tensor]] = [[] for _ in bounds]
    first = 0
    for size, (gate_up, down) in enumerate(zip(parameters[::2], parameters[1::2], strict=True)):
        lengths = [row[size + 1] - row[size] for row in bounds]
        mine = torch.cat([rows[row[size] : row[size + 1]] for rows, row in zip(rows_ERD, bounds, strict=True)])
        # Members one after the other: where each begins here, less where it began among its own rows.
        shift = [sum(lengths[:member]) - row[size] for member, row in enumerate(bounds)]
        ends = ends_EK[:, first : first + gate_up.shape[1]] + ends_EK.new_tensor(shift)[:, None]
        gate, up = grouped_product(mine, gate_up.flatten(0, 1), ends.flatten()).chunk(2, -1)
        outputs = grouped_product(silu(gate) * up, down.flatten(0, 1), ends.flatten())
        for member, part in zip(pieces, outputs.split(lengths), strict=True):
            member.append(part)
        first += gate_up.shape[1]
    return torch.stack([torch.cat(member) for member in pieces])


ROUTER = Unequal
