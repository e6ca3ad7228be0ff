"""Star graphs as edge slots: what a model reads of a pair of sets.

Source ``0``, target ``r + 1``, intermediates ``1..r``.  A slot holds an edge ``(u, v)`` or the null token ``(-1, -1)``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from theory.errors import InputError
from theory.instances import Pairs, distinct_keys, key_owner

EdgeArray = NDArray[np.int64]

NULL = -1
"""Both entries of a slot without an edge."""


def star_edges(pairs: Pairs) -> EdgeArray:
    """Edges in fixed slots, ``[batch, 2r, 2]``: slot ``i < r`` is ``(0, i+1)`` or null, slot ``r+i`` is ``(i+1, r+1)``.

    This is the fixed arrangement in which Alice owns the first r slots and Bob the others.
    """
    r = pairs.r
    middle_R = np.arange(1, r + 1)
    alice_R2 = np.stack([np.zeros_like(middle_R), middle_R], axis=1)
    bob_R2 = np.stack([middle_R, np.full_like(middle_R, r + 1)], axis=1)
    present_BS = np.concatenate([pairs.alice_BR, pairs.bob_BR], axis=1)
    return np.where(present_BS[:, :, None], np.concatenate([alice_R2, bob_R2]), NULL)


def encode_star(pairs: Pairs, slots: int, rng: np.random.Generator) -> EdgeArray:
    """Edges in a uniformly random order among null tokens, ``[batch, slots, 2]``.

    Raises :class:`~theory.errors.InputError` when a graph has more edges than there are slots; ``2r`` slots always
    suffice, and ``r + 1`` (``r + 2`` tokens with the query) when Bob holds one element.
    """
    present_BS = np.concatenate([pairs.alice_BR, pairs.bob_BR], axis=1)
    needed = int(present_BS.sum(axis=1).max(initial=0))
    if slots < max(needed, 1):
        raise InputError(
            f"{slots} edge slots ({slots + 1} tokens with the query) for r = {pairs.r}: the largest graph here has "
            f"{needed} edges; give at least {max(needed, 1)} slots, {2 * pairs.r} to hold any star graph."
        )
    order_BS = key_owner(np.sort(distinct_keys(rng, len(pairs), slots), axis=1), slots)
    edges = np.full((len(pairs), slots, 2), NULL, dtype=np.int64)
    row_E, candidate_E = np.nonzero(present_BS)
    place_E = np.cumsum(present_BS, axis=1)[row_E, candidate_E] - 1
    edges[row_E, order_BS[row_E, place_E]] = star_edges(pairs)[row_E, candidate_E]
    return edges


def decode_star(edges: EdgeArray, r: int) -> Pairs:
    """The pair of sets of a batch of graphs ``[batch, slots, 2]`` on the vertices ``0..r+1``.

    Alice holds ``i`` iff ``(0, i)`` is an edge and Bob iff ``(i, r+1)`` is; any other edge, ``(0, r+1)`` and null
    tokens included, is ignored.  Raises :class:`~theory.errors.InputError` for another shape or a vertex out of range.
    """
    check_edges(edges, r + 2)
    tail_BS, head_BS = edges[:, :, 0], edges[:, :, 1]
    middle = np.arange(1, r + 1)
    alice_BR = np.zeros((len(edges), r + 2), dtype=np.bool_)
    bob_BR = np.zeros_like(alice_BR)
    row_E, slot_E = np.nonzero(tail_BS == 0)
    alice_BR[row_E, head_BS[row_E, slot_E]] = True
    row_E, slot_E = np.nonzero(head_BS == r + 1)
    bob_BR[row_E, tail_BS[row_E, slot_E]] = True
    return Pairs(alice_BR[:, middle], bob_BR[:, middle])


def check_edges(edges: EdgeArray, vertices: int) -> None:
    """Refuse anything but ``[batch, slots, 2]`` of vertices ``0..vertices-1`` or null tokens, each edge once a graph.

    Raises :class:`~theory.errors.InputError`; an edge listed twice would be counted twice.
    """
    if edges.ndim != 3 or edges.shape[2] != 2 or not np.issubdtype(edges.dtype, np.integer):
        raise InputError(
            f"an edge array of shape {edges.shape} and type {edges.dtype}: edges are integers [batch, slots, 2]; "
            f"pad absent edges with ({NULL}, {NULL})."
        )
    null_BS = (edges == NULL).all(axis=2)
    inside_BS = ((edges >= 0) & (edges < vertices)).all(axis=2)
    if not (null_BS | inside_BS).all():
        bad = edges[~(null_BS | inside_BS)][0]
        raise InputError(
            f"edge ({bad[0]}, {bad[1]}) in a graph of {vertices} vertices: vertices are 0 to {vertices - 1}; "
            f"write an absent edge as ({NULL}, {NULL})."
        )
    code_BS = edges[:, :, 0].astype(np.int64) * vertices + edges[:, :, 1]
    order_BS = np.sort(np.where(null_BS, -1 - np.arange(edges.shape[1]), code_BS), axis=1)
    repeated = order_BS[:, 1:][order_BS[:, 1:] == order_BS[:, :-1]]
    if len(repeated):
        raise InputError(
            f"edge ({repeated[0] // vertices}, {repeated[0] % vertices}) twice in one graph: graphs are simple; "
            "give every edge once."
        )
