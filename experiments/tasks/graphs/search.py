"""Shortest paths of many graphs at once: sets of vertices are bits of 64-bit words.

Shapes: ``adjacency [B, V, W]`` holds the neighbours of each vertex, a set ``[B, W]`` has bit ``v % 64`` of word
``v // 64`` for vertex ``v``; ``W = words(V)``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Words = NDArray[np.uint64]
Ints = NDArray[np.int64]
UNREACHED = -1
"""Distance of a vertex that is farther than was searched, or not connected."""
ONE = np.uint64(1)
DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)
"""Every 6 bits in a row of this number are different, so a power of two is told by the product's first 6 bits."""
PLACES = np.argsort((np.uint64(1) << np.arange(64, dtype=np.uint64)) * DE_BRUIJN >> np.uint64(58))
"""The exponent for each value of those 6 bits."""


def words(vertices: int) -> int:
    """64-bit words of a set of ``vertices`` vertices."""
    return -(-vertices // 64)


def packed(table: NDArray[np.integer[Any]]) -> Words:
    """Words ``[B, V, W]`` of a table ``[B, V, 64 W]`` whose non-zero cells are the edges."""
    cells = table.reshape(-1)
    bits = np.packbits(cells if cells.dtype == np.uint8 else cells != 0, bitorder="little")
    return bits.view(np.uint64).reshape(*table.shape[:-1], table.shape[-1] // 64)


def shortest_paths(adjacency: Words, source_B: Ints, target_B: Ints, longest: int) -> tuple[Ints, Ints]:
    """Distances from source to target ``[B]`` and the shortest paths that are first in the order of their vertices.

    Paths are ``[B, longest + 1]``, -1 after their end.  A distance beyond ``longest`` is :data:`UNREACHED` and its path
    the source alone.
    """
    distance_B = np.empty(len(adjacency), dtype=np.int64)
    path = np.full((len(adjacency), longest + 1), -1, dtype=np.int64)
    _search(adjacency, np.ascontiguousarray(source_B), np.ascontiguousarray(target_B), distance_B, path)
    return distance_B, path


@njit(cache=True, nogil=True)
def _search(adjacency: Words, source_B: Ints, target_B: Ints, distance_B: Ints, path: Ints) -> None:
    """Fill in ``distance_B`` and ``path``: breadth first from the target, then down the layers from the source."""
    width, longest = adjacency.shape[2], path.shape[1] - 1
    layers = np.zeros((longest + 1, width), dtype=np.uint64)
    unseen = np.empty(width, dtype=np.uint64)
    for graph in range(len(adjacency)):
        source, target, neighbours = source_B[graph], target_B[graph], adjacency[graph]
        layers[0] = 0
        layers[0, target >> 6] = ONE << np.uint64(target & 63)
        unseen[:] = ~layers[0]
        depth, open_ = 0, True
        while open_ and not _has(layers[depth], source) and depth < longest:
            open_ = _next_layer(neighbours, layers[depth], unseen, layers[depth + 1])
            depth += 1
        path[graph, 0] = source
        distance_B[graph] = depth if _has(layers[depth], source) else UNREACHED
        for step in range(1, distance_B[graph] + 1):
            path[graph, step] = _first_common(neighbours[path[graph, step - 1]], layers[depth - step])


@njit(cache=True, nogil=True, inline="always")
def _has(members: Words, vertex: int) -> bool:
    return (members[vertex >> 6] >> np.uint64(vertex & 63)) & ONE != 0


@njit(cache=True, nogil=True)
def _next_layer(neighbours: Words, layer: Words, unseen: Words, following: Words) -> bool:
    """Write into ``following [W]`` the unseen neighbours of ``layer [W]`` and see them; whether there are any."""
    any_ = np.uint64(0)
    for word in range(len(layer)):
        found = np.uint64(0)
        for vertex in range(len(neighbours)):  # without a branch, so that it is compiled to vector instructions
            inside = (layer[vertex >> 6] >> np.uint64(vertex & 63)) & ONE
            found |= neighbours[vertex, word] & (np.uint64(0) - inside)
        following[word] = found & unseen[word]
        any_ |= following[word]
    for word in range(len(layer)):
        unseen[word] &= ~following[word]
    return any_ != 0


@njit(cache=True, nogil=True)
def _first_common(left: Words, right: Words) -> int:
    """The smallest vertex in both sets ``[W]``; -1 if there is none."""
    for word in range(len(left)):
        both = left[word] & right[word]
        if both:
            lowest = both & (~both + ONE)
            return 64 * word + PLACES[(lowest * DE_BRUIJN) >> np.uint64(58)]
    return -1
