"""A one-layer model as plain arrays: what the lower bounds, the protocol and the certifier see of it.

The query's state before the block is a function of a sum over edges, so Alice, who holds the edges at the source, and
Bob, who holds those at the target, contribute one vector each (:meth:`OneLayerTable.halves`).  Everything after their
sum acts on the query's state alone (:class:`Block`, or any other function: :class:`ForeignBlock`): that is where the
experts are.

Shapes: ``r`` intermediates, ``C`` columns of the additive state (``D`` numerators, and ``H`` denominators under softmax
attention), ``M`` width, ``K`` experts, ``F`` hidden units of an expert.  All arrays are float64.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from theory.errors import InputError
from theory.instances import subsets

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Block:
    """Everything after attention: K residual ReLU experts, read out along one direction.

    ``inner_KMF``, ``inner_bias_KF``; ``folded_KF`` is the second matrix times the read-out, ``constant_K`` its bias
    times the read-out, ``readout_M`` the read-out of the residual; ``router_MK`` and ``router_bias_K`` are None for the
    dense block.
    """

    inner_KMF: Array
    inner_bias_KF: Array
    folded_KF: Array
    constant_K: Array
    readout_M: Array
    router_MK: Array | None
    router_bias_K: Array | None
    top_k: int = 1

    @property
    def experts(self) -> int:
        return len(self.constant_K)

    def logits(self, x_BM: Array) -> Array:
        """Answer logits ``[batch]``; "yes" iff at least 0."""
        if self.router_MK is None:
            return self._expert(0, x_BM)
        return self.routed(x_BM)[0]

    def routed(self, x_BM: Array) -> tuple[Array, Array]:
        """Logits of tokens that use the ``top_k`` experts with the largest router logits, and by how much those won.

        Both ``[batch]``; the second is the gap between the last chosen and the first rejected router logit (infinite
        when none is rejected).
        """
        assert self.router_MK is not None and self.router_bias_K is not None
        # Experts first: numpy reduces over a short first axis many times faster than over a short last one.
        router_KB = self.router_MK.T @ x_BM.T + self.router_bias_K[:, None]
        left_KB = router_KB.copy()
        token_B = np.arange(len(x_BM))
        chosen_kB = np.empty((self.top_k, len(x_BM)), dtype=np.int16)
        score_kB = np.empty(chosen_kB.shape)
        for place in range(self.top_k):
            chosen_kB[place] = left_KB.argmax(0)
            score_kB[place] = left_KB.max(0)
            left_KB[chosen_kB[place], token_B] = -np.inf
        power_kB = np.exp(score_kB - score_kB[0])
        total_B = np.exp(router_KB - score_kB[0]).sum(0) if self.top_k == 1 else power_kB.sum(0)
        outputs_kB = self._chosen_experts(x_BM, chosen_kB)
        return np.asarray((power_kB / total_B * outputs_kB).sum(0)), score_kB[-1] - left_KB.max(0)

    def _chosen_experts(self, x_BM: Array, chosen_kB: NDArray[np.int16]) -> Array:
        """Each chosen expert's logit, ``[top_k, batch]``: tokens sorted by expert, then expert by expert."""
        flat = chosen_kB.reshape(-1)
        order = np.argsort(flat, kind="stable")
        ends = np.searchsorted(flat[order], np.arange(self.experts + 1))
        outputs = np.empty(len(flat))
        for expert, (start, stop) in enumerate(pairwise(ends)):
            if start < stop:
                outputs[order[start:stop]] = self._expert(expert, x_BM[order[start:stop] % len(x_BM)])
        return outputs.reshape(chosen_kB.shape)

    def _expert(self, k: int, x_BM: Array) -> Array:
        hidden_BF = x_BM @ self.inner_KMF[k]
        hidden_BF += self.inner_bias_KF[k]
        np.maximum(hidden_BF, 0, out=hidden_BF)
        return np.asarray(hidden_BF @ self.folded_KF[k] + x_BM @ self.readout_M + self.constant_K[k])


@dataclass(frozen=True)
class ForeignBlock:
    """Any function of the query's state: the block of a model that is not of this package.

    ``function`` takes states ``[batch, M]`` to logits ``[batch]``, each row by itself; it may be called from several
    threads at once.  ``error`` bounds how far its logit may be from the exact one, for every state of the table and
    for a state that is off by its own rounding error (``theory.rounding.rounding(table).state`` a coordinate).

    Raises :class:`theory.errors.InputError` for an ``error`` below 0 or not a number.
    """

    function: Callable[[Array], Array]
    error: float

    def __post_init__(self) -> None:
        if not self.error >= 0:
            raise InputError(
                f"error {self.error} of a foreign block: it bounds an absolute error; give a number from 0 on."
            )

    def logits(self, x_BM: Array) -> Array:
        """Answer logits ``[batch]``; "yes" iff at least 0.

        Raises :class:`theory.errors.InputError` if the function gives anything but one number a state.
        """
        logits_B = np.asarray(self.function(x_BM), dtype=np.float64)
        if logits_B.shape != (len(x_BM),):
            raise InputError(
                f"a foreign block gave logits of shape {logits_B.shape} for {len(x_BM)} states: "
                f"let its function return one logit a state, shape ({len(x_BM)},)."
            )
        return logits_B


@dataclass(frozen=True)
class OneLayerTable:
    """One-layer attention read at a fixed query, and the block after it.

    ``edges_2rC`` is what an edge adds to the state less what a null token adds (r edges (s, i), then r edges (i, d));
    ``null_C`` one null token; ``query_C`` the query's own term.  Under uniform attention ``C = D``; else the last ``H``
    columns are the softmax denominators.  ``offset_D`` and ``scale_D`` turn integer numerators into values (0 and 1 for
    a float model).  The block's input is ``residual_M + mean_D @ mix_DM``.  With ``message_levels`` Alice's half is
    squashed by tanh and rounded to that many levels a coordinate.
    """

    edges_2rC: Array
    null_C: Array
    query_C: Array
    edge_slots: int
    heads: int
    uniform: bool
    offset_D: Array
    scale_D: Array
    mix_DM: Array
    residual_M: Array
    block: Block | ForeignBlock
    message_levels: int | None = None

    @property
    def r(self) -> int:
        """Intermediates."""
        return len(self.edges_2rC) // 2

    @property
    def tokens(self) -> int:
        """N, the query included."""
        return self.edge_slots + 1

    def arrays(self) -> dict[str, Array]:
        """All numbers of the table by name, those of a :class:`Block` too."""
        block = vars(self.block) if isinstance(self.block, Block) else {}
        return {name: value for name, value in (vars(self) | block).items() if isinstance(value, np.ndarray)}

    def halves(self) -> tuple[Array, Array]:
        """Alice's and Bob's vectors for each of the ``2^r`` subsets (rows as :func:`theory.instances.subsets`).

        Their sums, one row of each, go through :meth:`states`.
        """
        alice_SC = self._sums(self.edges_2rC[: self.r], self.r)
        bob_SC = self._sums(self.edges_2rC[self.r :], self.edge_slots - self.r) + self.query_C
        if not self.uniform:
            return self._mixed(alice_SC), self._mixed(bob_SC)
        alice_SM = self.share(alice_SC, self.r)
        if self.message_levels is not None:
            alice_SM = message_values(alice_SM, self.message_levels)
        return alice_SM, self.share(bob_SC, self.tokens - self.r) + self.residual_M

    def edge_parts(self) -> Array:
        """What each edge adds to its owner's half, ``[2r, C']``, columns as in :meth:`halves` without levels."""
        return self.half(self.edges_2rC, 0)

    def half(self, sums_SC: Array, tokens: int) -> Array:
        """The half that ``tokens`` tokens with these sums make, ``[S, C']``: under softmax attention ``[S, H M + H]``.

        Without levels, and without the residual.
        """
        return self.share(sums_SC, tokens) if self.uniform else self._mixed(sums_SC)

    def share(self, sums_C: Array, tokens: int) -> Array:
        """What ``tokens`` of the N tokens with sums ``[..., C]`` add to the block's input under uniform attention."""
        return np.asarray((self.offset_D * tokens + self.scale_D * sums_C) / self.tokens @ self.mix_DM)

    def unquantised_alice(self) -> Array:
        """Alice's messages under uniform attention before they are squashed and rounded, ``[2^r, M]``."""
        return self.share(self._sums(self.edges_2rC[: self.r], self.r), self.r)

    def _sums(self, edges_rC: Array, slots: int) -> Array:
        return np.asarray(subsets(self.r).astype(np.float64) @ edges_rC + slots * self.null_C)

    def _mixed(self, sums_SC: Array) -> Array:
        """Numerators of each head through its rows of ``mix_DM``, then the denominators: ``[2^r, H M + H]``."""
        D, H = len(self.offset_D), self.heads
        numerators_SHd = (sums_SC[:, :D] * self.scale_D).reshape(-1, H, D // H)
        mixed_SHM = np.einsum("shd,hdm->shm", numerators_SHd, self.mix_DM.reshape(H, D // H, -1))
        return np.concatenate((mixed_SHM.reshape(len(sums_SC), -1), sums_SC[:, D:]), axis=1)

    def states(self, sums_BC: Array) -> Array:
        """The block's input ``[batch, M]`` from sums of halves."""
        if self.uniform:
            return sums_BC
        H = self.heads
        M = len(self.residual_M)
        state_BM = np.repeat((self.residual_M + self.offset_D @ self.mix_DM)[None], len(sums_BC), axis=0)
        for head in range(H):
            state_BM += sums_BC[:, head * M : (head + 1) * M] / sums_BC[:, H * M + head, None]
        return state_BM


def message_position(message: Array, levels: int) -> Array:
    """Where tanh of a message lies on the scale 0..levels; its floor is the code that Alice sends."""
    return np.asarray((np.tanh(message) + 1) * 0.5 * levels)


def message_values(message: Array, levels: int) -> Array:
    """The centre, in (-1, 1), of the level that each coordinate falls in."""
    code = np.clip(np.floor(message_position(message, levels)), 0, levels - 1)
    return np.asarray((code + 0.5) * 2 / levels - 1)
