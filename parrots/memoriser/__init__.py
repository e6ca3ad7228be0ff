"""A mixture of experts that holds the labels of random sequences, built by hand and checked through its own weights."""

from __future__ import annotations

from parrots.memoriser.building import Built, build
from parrots.memoriser.checking import Verdict, check
from parrots.memoriser.module import Memoriser

__all__ = ["Built", "Memoriser", "Verdict", "build", "check"]
