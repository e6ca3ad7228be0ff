"""A memoriser as plain arrays: random sequences, routers and zig-zag experts.

A sequence is read as one number, its *reading*; a router splits the sequences among experts; every expert is a zig-zag
of one variable whose sign is the label of each of its readings (`thm-3.5`, `own-interval-memoriser`).
"""

from __future__ import annotations

from theory.memorisation.grid import guaranteed_bits, least_bits
from theory.memorisation.routers import (
    ROUTERS,
    Router,
    balls_in_bins,
    interval_cuts,
    random_directions,
)
from theory.memorisation.sequences import RandomSequences, projection, reading_variance
from theory.memorisation.zigzag import ZigZags, zigzags

__all__ = [
    "ROUTERS",
    "RandomSequences",
    "Router",
    "ZigZags",
    "balls_in_bins",
    "guaranteed_bits",
    "interval_cuts",
    "least_bits",
    "projection",
    "random_directions",
    "reading_variance",
    "zigzags",
]
