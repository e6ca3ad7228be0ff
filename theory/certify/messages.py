"""Alice's rounded messages, with every level decided: by float64 where its error cannot matter, else exactly."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from theory.certify.dyadic import Integers
from theory.certify.enclosed import level_of
from theory.certify.integer import Integer
from theory.rounding import Rounding
from theory.table import OneLayerTable, message_position


@dataclass(frozen=True)
class Messages:
    """``codes_SM``: the level, from 0, of each coordinate of each subset's message."""

    codes_SM: Integers
    levels: int

    def values(self) -> NDArray[np.float64]:
        """What Bob reads, ``[2^r, M]``: centres of levels in (-1, 1), each to the nearest float."""
        if self.levels < 2**26:
            return np.asarray((2 * self.codes_SM.astype(np.float64) + 1 - self.levels) / self.levels)
        values = [int(twice) / self.levels for twice in (2 * self.codes_SM + 1 - self.levels).reshape(-1)]
        return np.array(values).reshape(self.codes_SM.shape)


def decided_messages(table: OneLayerTable, integer: Integer, errors: Rounding) -> Messages:
    """The messages of a table with ``message_levels``.

    tanh is 1-Lipschitz, so a message that is off by ``e`` moves on the scale 0..levels by at most ``e levels / 2``.
    """
    levels = table.message_levels
    assert levels is not None
    with np.errstate(all="ignore"):  # without a finite bound numbers may be anything, and all are decided exactly
        position_SM = message_position(table.unquantised_alice(), levels)
        boundary_SM = np.clip(np.rint(position_SM), 1, levels - 1)
        close_SM = ~(np.abs(position_SM - boundary_SM) > levels * (errors.state + 2.0**-50))
    floor_SM = np.clip(np.floor(np.where(close_SM, 0, position_SM)), 0, levels - 1)
    codes_SM = np.array([[int(code) for code in row] for row in floor_SM], dtype=object)
    exact, known = integer.unquantised_alice(), {}
    for subset, column in np.argwhere(close_SM & (levels > 1)):
        message = Fraction(int(exact.numbers[subset, column]), table.tokens << exact.bits)
        if message not in known:
            known[message] = level_of(message, levels)
        codes_SM[subset, column] = known[message]
    return Messages(codes_SM, levels)
