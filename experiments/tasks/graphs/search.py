"""Shortest paths of many graphs at once: sets of vertices are bits of 64-bit words.

Shapes: ``adjacency [B, V, W]`` holds the neighbours of each vertex, a set ``[B, W]`` has bit ``v % 64`` of word
``v // 64`` for vertex ``v``; ``W = words(V)``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
Ints = NDArray[np.int64]
UNREACHED = -1
"""Distance of a vertex that is farther than was searched, or not connected."""


def words(vertices: int) -> int:
    """64-bit words of a set of ``vertices`` vertices."""
    return -(-vertices // 64)


def packed(table: NDArray[np.integer[Any]]) -> Words:
    """Words ``[B, V, W]`` of a table ``[B, V, 64 W]`` whose non-zero cells are the edges."""
    cells = table.reshape(-1)
    bits = np.packbits(cells if cells.dtype == np.uint8 else cells != 0, bitorder="little")
    return bits.view(np.uint64).reshape(*table.shape[:-1], table.shape[-1] // 64)


def any_of(sets: Words) -> NDArray[np.bool_]:
    """Whether sets ``[B, W]`` have a member, ``[B]``."""
    return np.asarray(sets[:, 0] != 0 if sets.shape[1] == 1 else sets.any(axis=1))


def singletons(vertices_B: Ints, width: int) -> Words:
    """The sets ``[B, W]`` of one vertex each."""
    sets = np.zeros((len(vertices_B), width), dtype=np.uint64)
    sets[np.arange(len(sets)), vertices_B >> 6] = np.uint64(1) << (vertices_B & 63).astype(np.uint64)
    return sets


def neighbours_of_sets(adjacency: Words, sets: Words) -> Words:
    """Vertices ``[B, W]`` with a neighbour in ``sets [B, W]``."""
    batch, vertices, width = adjacency.shape
    shared = adjacency[:, :, 0] & sets[:, :1]
    for word in range(1, width):
        shared |= adjacency[:, :, word] & sets[:, word : word + 1]
    hit = np.zeros((batch, 64 * width), dtype=np.bool_)
    np.not_equal(shared, 0, out=hit[:, :vertices])
    return np.packbits(hit.reshape(-1), bitorder="little").view(np.uint64).reshape(batch, width)


def smallest(sets: Words) -> Ints:
    """The smallest vertex ``[B]`` of sets ``[B, W]``, none of them empty."""
    if sets.shape[1] > 1:
        word_B = (sets != 0).argmax(axis=1)
        return 64 * word_B + smallest(np.take_along_axis(sets, word_B[:, None], axis=1))
    bits_B = sets[:, 0]
    lowest_B = bits_B & (~bits_B + np.uint64(1))
    return (lowest_B.astype(np.float64).view(np.int64) >> 52) - 1023  # exact: powers of two are floats


def distances(adjacency: Words, source_B: Ints, target_B: Ints, longest: int) -> tuple[Ints, Words]:
    """Distances from source to target, ``[B]``, and the layers ``[longest, B, W]`` of vertices at distance 0, 1, ...

    from the target, as far as they were needed: below the distance.  :data:`UNREACHED` beyond ``longest``.
    """
    batch, _, width = adjacency.shape
    distance_B = np.where(source_B == target_B, 0, UNREACHED)
    layers = np.zeros((longest, batch, width), dtype=np.uint64)
    layers[0] = singletons(target_B, width)
    active = np.arange(batch)
    near, beside = adjacency, adjacency[active, source_B]
    beside[distance_B == 0] = 0
    seen = frontier = layers[0]
    for depth in range(1, longest + 1):
        found = np.flatnonzero(any_of(beside & frontier))
        distance_B[active[found]] = depth
        if depth == longest:
            break
        beside[found] = 0  # done: never found again
        if depth == 1:
            frontier = adjacency[active, target_B]  # of a single vertex
        else:
            open_ = np.flatnonzero(any_of(beside) & any_of(frontier))
            if 2 * len(open_) < len(active):  # leave out what is done once that is worth the copy
                active, near, beside = active[open_], near[open_], beside[open_]
                seen, frontier = seen[open_], frontier[open_]
            if not len(open_):
                break
            frontier = neighbours_of_sets(near, frontier) & ~seen
        seen = seen | frontier
        layers[depth, active] = frontier
    return distance_B, layers


def first_paths(adjacency: Words, layers: Words, rows_R: Ints, source_R: Ints, distance_R: Ints) -> Ints:
    """Of graphs ``rows_R`` the shortest path that is first in the order of its vertices, ``[R, longest + 1]``.

    ``distance_R``, none of them :data:`UNREACHED`, and ``layers`` are from :func:`distances`; -1 after a path's end.
    """
    path = np.full((len(rows_R), len(layers) + 1), -1)
    path[:, 0] = source_R
    for step in range(1, int(distance_R.max(initial=0)) + 1):
        left = np.flatnonzero(distance_R >= step)
        nearer = layers[distance_R[left] - step, rows_R[left]]
        path[left, step] = smallest(adjacency[rows_R[left], path[left, step - 1]] & nearer)
    return path
